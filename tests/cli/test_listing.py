"""Tables that fit where they are shown."""

import io

import pytest
from rich.console import Console
from rich.text import Text

from taximeter.cli.listing import Column, Listing, Row, number, print_listing, write_listing_as_markdown

LISTING = Listing(
    (Column("agent", is_number=False), Column("calls"), Column("tokens", is_optional=True), Column("cost")),
    (
        Row((Text("reviewer"), number(1_234_567), number(7), number("$12.400000"))),
        Row((Text("planner"), number(0), number(8), number("$0.100000")), "no calls, $0.10"),
    ),
    Row((Text("total"), number(1_234_567), number(15), number("$12.500000"))),
)


def shown(width: int) -> list[str]:
    console = Console(file=io.StringIO(), width=width)
    print_listing(console, LISTING)
    assert isinstance(console.file, io.StringIO)
    return [line.rstrip() for line in console.file.getvalue().splitlines()]


def test_optional_columns_go_before_anything_is_cut() -> None:
    """First the ones that matter less, then the table; digits are always whole."""
    assert "tokens" in shown(80)[0]
    assert shown(34)[0].split() == ["agent", "calls", "cost"]
    assert all("$12.400000" in "".join(shown(width)) for width in (80, 34, 20))


def test_where_no_table_fits_rows_are_words() -> None:
    """A row's own words, or its cells with their headings."""
    lines = " ".join(shown(24))
    assert "reviewer   calls 1,234,567, tokens 7, cost $12.400000" in " ".join(lines.split()).replace(
        "reviewer calls", "reviewer   calls"
    )
    assert "planner   no calls, $0.10" in lines


def test_a_drawing_is_neither_cut_nor_a_name() -> None:
    """Where there is no room for it, it is in the words or nowhere."""
    drawn = Listing(
        (Column("agent", is_number=False), Column("", is_number=False)),
        (Row((Text("a"), Text("#" * 40)), "1 call"),),
    )
    console = Console(file=io.StringIO(), width=30)
    print_listing(console, drawn)
    assert isinstance(console.file, io.StringIO)
    assert console.file.getvalue() == "a\n  1 call\n"


def test_as_markdown_it_is_whole(capsys: pytest.CaptureFixture[str]) -> None:
    """All columns and the sum."""
    write_listing_as_markdown(LISTING)
    assert capsys.readouterr().out.splitlines()[-1] == "| total | 1,234,567 | 15 | $12.500000 |"
