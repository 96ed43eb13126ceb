"""CSV files."""

import csv
import io
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from taximeter.exports.column import Column, Kind, Value
from taximeter.exports.csv_file import CsvFile, decimal_text

COLUMNS = [Column("text"), Column("count", Kind.INTEGER)]


def written(rows: list[list[Value]], columns: list[Column] = COLUMNS, *, verbatim: bool = False) -> bytes:
    stream = io.BytesIO()
    CsvFile(stream, columns, verbatim=verbatim).write(rows)
    return stream.getvalue()


@given(st.lists(st.tuples(st.text(min_size=1), st.integers()), max_size=5))
def test_what_goes_in_comes_out(rows: list[tuple[str, int]]) -> None:
    """Quotes, commas and line ends in texts survive any reader of RFC 4180."""
    data = written([list(row) for row in rows], verbatim=True).decode()
    found = list(csv.reader(io.StringIO(data, newline=""), strict=True))
    assert found == [["text", "count"], *([text, str(count)] for text, count in rows)]


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1"])
def test_no_text_is_a_formula(text: str) -> None:
    """Names of models and tags are other people's input; an apostrophe keeps a spreadsheet from running them."""
    (_, row) = csv.reader(io.StringIO(written([[text, -1]]).decode(), newline=""))
    assert row == [f"'{text}", "-1"]
    (_, row) = csv.reader(io.StringIO(written([[text, -1]], verbatim=True).decode(), newline=""))
    assert row == [text, "-1"]


def test_null_and_an_empty_text_are_told_apart() -> None:
    """Null is an empty field, the empty text is two quotes; lines end as RFC 4180 says."""
    assert written([[None, None], ["", 0]]) == b'text,count\r\n,\r\n"",0\r\n'


def test_every_kind_has_a_form() -> None:
    """Numbers without exponents, times in UTC, words for truth."""
    columns = [
        Column("at", Kind.TIMESTAMP),
        Column("second", Kind.TIMESTAMP, whole_seconds=True),
        Column("usd", Kind.DECIMAL),
        Column("is_so", Kind.BOOLEAN),
        Column("ms", Kind.FLOAT),
    ]
    row = written([[1_793_491_200_000_001, 1_793_491_200_999_999, Decimal("2.50E-7"), True, 0.5]], columns)
    assert row.splitlines()[1] == b"2026-11-01T00:00:00.000001Z,2026-11-01T00:00:00Z,0.00000025,true,0.5"
    assert (
        written([[1 << 80, None, None, False, None]], columns[:5])
        .splitlines()[1]
        .startswith(b"1208925819614629174706176,")
    )


@pytest.mark.parametrize(("number", "text"), [("100", "100"), ("1E+3", "1000"), ("0.10", "0.1"), ("0", "0")])
def test_decimals_are_plain(number: str, text: str) -> None:
    """No exponent and no zeros behind."""
    assert decimal_text(Decimal(number)) == text
