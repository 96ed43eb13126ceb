"""Formulas in texts."""

import pytest

from taximeter.exports.formula import defused


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1"])
def test_a_formula_is_shown_and_not_run(text: str) -> None:
    """An apostrophe says that it is text."""
    assert defused(text) == f"'{text}"


@pytest.mark.parametrize("text", ["", "gpt-5-mini", "a=b", "'=1"])
def test_any_other_text_stays_as_it_is(text: str) -> None:
    """Also one that is marked already."""
    assert defused(text) == text
