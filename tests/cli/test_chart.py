"""Bars and sparklines."""

import io

from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from taximeter.cli.chart import bar, has_blocks, sparkline


@given(st.integers(0, 10**12), st.integers(1, 10**12), st.integers(1, 100), st.booleans())
def test_a_bar_fits_and_shows_the_least_amount(value: int, more: int, width: int, blocks: bool) -> None:
    """Never longer than its width, and only nothing is no bar."""
    drawn = bar(value, value + more, width, blocks=blocks)
    assert len(drawn) <= width
    assert bool(drawn) == bool(value)
    assert len(bar(value + more, value + more, width, blocks=blocks)) == width
    assert blocks or drawn.isascii()


def test_a_sparkline_has_a_character_a_value() -> None:
    """The highest for the most, a gap for nothing; plain characters where blocks cannot be shown."""
    assert sparkline([0, 1, 50, 100]) == (
        " \N{LOWER ONE EIGHTH BLOCK}\N{LOWER FIVE EIGHTHS BLOCK}\N{FULL BLOCK}"
    )
    assert sparkline([0, 1, 100], blocks=False) == " _#"
    assert sparkline([]) == ""
    assert sparkline([0, 0]) == "  "


def test_blocks_are_for_who_can_show_them() -> None:
    """Not for a terminal that speaks ASCII or Latin-1."""
    answers = [
        has_blocks(Console(file=io.TextIOWrapper(io.BytesIO(), encoding=name)))
        for name in ("utf-8", "ascii", "latin-1")
    ]
    assert answers == [True, False, False]
