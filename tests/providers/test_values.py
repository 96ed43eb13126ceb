"""Decoded values are taken for what they are worth."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from taximeter.providers.values import as_count, as_usd, merged, ticks_as_usd


@pytest.mark.parametrize(
    ("value", "count"),
    [
        (7, 7),
        (0, 0),
        (7.0, 7),
        ("12", 12),
        (True, None),
        (-1, None),
        (7.5, None),
        (float("nan"), None),
        (float("inf"), None),
        (2**63, None),
        ("-3", None),
        ("²", None),
        ("9" * 30, None),
        (None, None),
        ([], None),
    ],
)
def test_only_whole_non_negative_numbers_count(value: Any, count: int | None) -> None:
    """Booleans, negatives, fractions and what no store holds are no counts."""
    assert as_count(value) == count


@given(st.integers(0, 10**12))
def test_an_amount_keeps_its_decimal_text(picos: int) -> None:
    """A float is what its shortest text says, exactly."""
    amount = float(Decimal(picos).scaleb(-9))
    assert as_usd(amount) == Decimal(repr(amount))


def test_amounts_that_are_none_are_none() -> None:
    """Neither texts, booleans, negatives nor infinities are money."""
    values: list[Any] = [None, True, "free", -0.1, float("nan"), float("inf"), [], 1e300, "1" * 50]
    for value in values:
        assert as_usd(value) is None
    assert as_usd("0.1") == Decimal("0.1")
    assert as_usd("1e-999999") == 0


def test_ticks_are_tenths_of_nanodollars() -> None:
    """XAI's unit is 1e-10 dollars."""
    assert [ticks_as_usd(ticks) for ticks in (15, "37", None)] == [Decimal("1.5e-9"), Decimal("3.7e-9"), None]


def test_later_fields_replace_earlier_ones() -> None:
    """What a later chunk leaves out or leaves null stays; nothing is added up."""
    assert merged({"a": 1, "b": 2}, {"b": 3, "a": None, "c": 4}) == {"a": 1, "b": 3, "c": 4}
