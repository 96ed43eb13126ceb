"""CSV files as RFC 4180 has them, safe to open in a spreadsheet."""

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import BinaryIO

from taximeter.exports.column import Column, Kind, RowValues, Value, moment_text
from taximeter.exports.formula import defused

_FLUSH_ROWS = 500


class CsvFile:
    """UTF-8, CRLF, a heading, null as an empty field; an empty text is written as `""`.

    Args:
        stream: Where to.
        columns: What there is.
        verbatim: Whether texts that a spreadsheet would run as a formula stay as they are. They are other people's input
            (names of models, tags), so an apostrophe is set before them unless somebody says that programs alone read them.
    """

    def __init__(self, stream: BinaryIO, columns: Sequence[Column], *, verbatim: bool = False) -> None:
        self._stream = stream
        self._columns = tuple(columns)
        self._verbatim = verbatim
        self._write([[column.name for column in columns]])

    def write(self, rows: Iterable[RowValues]) -> int:
        """Write the rows and return how many they were."""
        count = 0
        waiting: list[list[str]] = []
        for count, row in enumerate(rows, 1):  # noqa: B007 - the count outlives the loop
            waiting.append([self._cell(*each) for each in zip(self._columns, row, strict=True)])
            if len(waiting) >= _FLUSH_ROWS:
                self._write(waiting)
                waiting.clear()
        self._write(waiting)
        return count

    def _write(self, rows: Sequence[Sequence[str]]) -> None:
        text = "".join(",".join(row) + "\r\n" for row in rows)
        self._stream.write(text.encode("utf-8", "replace"))

    def _cell(self, column: Column, value: Value) -> str:
        if value is None:
            return ""
        if isinstance(value, bool):
            return "true" if value else "false"
        if column.kind is Kind.TIMESTAMP and isinstance(value, int):
            return moment_text(value, whole_seconds=column.whole_seconds)
        if isinstance(value, Decimal):
            text = decimal_text(value)
            return (
                text if "." in text else f"{text}.0"
            )  # so that a reader that guesses types takes no whole numbers
        return self._text(value) if isinstance(value, str) else str(value)

    def _text(self, text: str) -> str:
        return quoted(text if self._verbatim else defused(text))


def quoted(text: str) -> str:
    """Return a text as a field: in quotes where it has commas, quotes or line ends, or is empty."""
    if text and not any(mark in text for mark in ',"\r\n'):
        return text
    return '"' + text.replace('"', '""') + '"'


def decimal_text(value: Decimal) -> str:
    """Return a number without an exponent and without zeros at its end: `0.0000025`."""
    text = format(value, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text
