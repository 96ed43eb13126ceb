"""Parquet files."""

import io
import subprocess
import sys
from decimal import Decimal
from typing import Any

import pytest

from event_samples import NOVEMBER_US, call
from taximeter.exports.calls import CALL_COLUMNS, call_rows
from taximeter.exports.column import Column, Kind
from taximeter.exports.focus_columns import focus_columns
from taximeter.exports.parquet_file import ParquetFile

pa = pytest.importorskip("pyarrow", reason="belongs to the extra `parquet`")
parquet = pytest.importorskip("pyarrow.parquet", reason="belongs to the extra `parquet`")


def written(columns: list[Column], rows: list[list[Any]]) -> Any:
    stream = io.BytesIO()
    with ParquetFile(stream, columns) as file:
        file.write(rows)
        file.note({"focus": "{}"})
    return parquet.ParquetFile(pa.BufferReader(stream.getvalue()))


def test_types_are_those_of_the_values() -> None:
    """Money is 64 bits of nanodollars or exact decimals, times are microseconds in UTC."""
    columns = [
        Column("usd", Kind.DECIMAL),
        Column("at", Kind.TIMESTAMP),
        Column("n", Kind.INTEGER),
        Column("text"),
    ]
    file = written(columns, [[Decimal("0.000000000000000001"), NOVEMBER_US, 1 << 62, None]])
    (row,) = file.read().to_pylist()
    assert (row["usd"], row["n"], row["text"]) == (Decimal("0.000000000000000001"), 1 << 62, None)
    assert row["at"].isoformat() == "2026-11-01T00:00:00+00:00"
    schema = file.schema_arrow
    assert (schema.field("at").type, schema.field("usd").type) == (
        pa.timestamp("us", tz="UTC"),
        pa.decimal128(38, 18),
    )
    assert file.metadata.metadata[b"focus"] == b"{}"


def test_events_come_out_as_they_went_in() -> None:
    """Every field of the event is a column, what is a list or table is JSON."""
    events = [call(tags={"team": "a"}, finish_reasons=("stop",), streaming=True), call(None, None)]
    rows = written(list(CALL_COLUMNS), [list(row) for row in call_rows(events)]).read().to_pylist()
    assert [row["event_id"] for row in rows] == [event.event_id for event in events]
    assert (rows[0]["tags"], rows[0]["finish_reasons"], rows[0]["streaming"]) == (
        '{"team":"a"}',
        '["stop"]',
        True,
    )
    assert (rows[1]["actual_cost_usd_nanos"], rows[1]["cost_status"]) == (None, "unknown")


def test_many_rows_are_several_groups() -> None:
    """Memory holds one row group, however long the file is; texts are kept once in its dictionary."""
    file = written([Column("text")], [["a"]] * 120_000)
    assert (file.metadata.num_rows, file.metadata.num_row_groups) == (120_000, 3)
    assert any("DICTIONARY" in encoding for encoding in file.metadata.row_group(0).column(0).encodings)


def test_an_empty_file_has_its_columns() -> None:
    """No calls are a table without rows, and not a broken file."""
    columns = [column.column for column in focus_columns("1.2")]
    assert written(columns, []).read().column_names == [column.name for column in columns]


def test_without_pyarrow_it_names_the_extra() -> None:
    """Whoever lacks the extra is told how to get it."""
    code = (
        "import io, sys\n"
        "sys.modules['pyarrow'] = None\n"
        "from taximeter.exports.parquet_file import ParquetFile\n"
        "from taximeter.errors import MissingExtraError\n"
        "try: ParquetFile(io.BytesIO(), [])\n"
        "except MissingExtraError as error: print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "taximeter[parquet]" in done.stdout
