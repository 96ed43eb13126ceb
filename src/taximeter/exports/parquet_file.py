"""Parquet files, written in row groups so that memory holds one of them."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from types import TracebackType
from typing import Any, BinaryIO, Self

from taximeter.errors import MissingExtraError
from taximeter.exports.column import Column, Kind, RowValues

_GROUP_ROWS = 50_000
_CHUNK_ROWS = 5_000
"""Rows that are Python's at once; as columns of Arrow they take a tenth of the memory."""

DECIMAL_DIGITS, DECIMAL_SCALE = 38, 18
"""Of a decimal: a rate has nine digits behind the point, a quantity twelve, and their product is rounded to eighteen."""


class ParquetFile:
    """Integers of 64 bits, times in UTC microseconds, exact decimals, texts by dictionary, compressed with Zstandard.

    Args:
        stream: Where to.
        columns: What there is.

    Raises:
        MissingExtraError: pyarrow is not installed.
    """

    def __init__(self, stream: BinaryIO, columns: Sequence[Column]) -> None:
        try:
            import pyarrow as pa  # noqa: PLC0415 - an extra, and large
            from pyarrow import parquet  # noqa: PLC0415 - as above
        except ImportError as error:
            raise MissingExtraError("parquet", "parquet") from error
        self._arrow: Any = pa
        fields = [(column.name, _type_of(pa, column.kind)) for column in columns]
        self._schema: Any = pa.schema(fields)
        texts = [column.name for column in columns if column.kind in {Kind.STRING, Kind.JSON}]
        self._writer: Any = parquet.ParquetWriter(
            stream, self._schema, compression="zstd", use_dictionary=texts
        )

    def write(self, rows: Iterable[RowValues]) -> int:
        """Write the rows and return how many they were."""
        count = 0
        remaining = iter(rows)
        while group := list(islice(self._batches(remaining), _GROUP_ROWS // _CHUNK_ROWS)):
            self._writer.write_table(self._arrow.Table.from_batches(group), row_group_size=_GROUP_ROWS)
            count += sum(batch.num_rows for batch in group)
        return count

    def _batches(self, rows: Iterator[RowValues]) -> Iterator[Any]:
        while chunk := list(islice(rows, _CHUNK_ROWS)):
            arrays = [
                self._arrow.array(values, type=field.type)
                for values, field in zip(zip(*chunk, strict=True), self._schema, strict=True)
            ]
            yield self._arrow.RecordBatch.from_arrays(arrays, schema=self._schema)

    def note(self, texts: Mapping[str, str]) -> None:
        """Keep texts in the file's footer."""
        self._writer.add_key_value_metadata(dict(texts))

    def close(self) -> None:
        """Write the footer, without which the file is none."""
        self._writer.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _type_of(arrow: Any, kind: Kind) -> Any:
    types = {
        Kind.STRING: arrow.string(),
        Kind.JSON: arrow.string(),
        Kind.INTEGER: arrow.int64(),
        Kind.FLOAT: arrow.float64(),
        Kind.BOOLEAN: arrow.bool_(),
        Kind.DECIMAL: arrow.decimal128(DECIMAL_DIGITS, DECIMAL_SCALE),
        Kind.TIMESTAMP: arrow.timestamp("us", tz="UTC"),
    }
    return types[kind]
