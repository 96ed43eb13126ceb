"""Money as text."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from taximeter.report.money import format_usd, plural, signed_usd


@pytest.mark.parametrize(
    ("nanos", "text"),
    [
        (0, "$0.00"),
        (12_400_000_000, "$12.40"),
        (1_234_567_890_000_000, "$1,234,567.89"),
        (123_000, "$0.000123"),
        (29, "$0.000000029"),
        (500_000_000, "$0.500"),
        (-1_500_000_000, "-$1.50"),
    ],
)
def test_an_amount_shows_the_digits_that_count(nanos: int, text: str) -> None:
    """Dollars have two decimals, fractions of a cent as many as it takes to see them."""
    assert format_usd(nanos) == text


def test_a_small_amount_is_never_shown_as_nothing() -> None:
    """A hundredth of a cent shown in cents is less than one cent, not free."""
    assert format_usd(100_000, 2) == "<$0.01"


def test_a_difference_says_which_way_it_goes() -> None:
    """More has a plus before it, less a minus, and nothing neither."""
    assert [signed_usd(nanos, 2) for nanos in (10**9, -(10**9), 0)] == ["+$1.00", "-$1.00", "$0.00"]


@given(st.integers(min_value=-(10**18), max_value=10**18), st.integers(min_value=0, max_value=9))
def test_the_shown_amount_is_the_exact_one_rounded_once(nanos: int, decimals: int) -> None:
    """Text and integer agree to half a unit of the last digit shown."""
    text = format_usd(nanos, decimals).replace("$", "").replace(",", "")
    exact = Decimal(nanos).scaleb(-9)
    if text.startswith("<"):
        assert 0 < abs(exact) < Decimal(text[1:])
    else:
        assert Decimal(text) == exact.quantize(Decimal(1).scaleb(-decimals))


def test_one_is_singular() -> None:
    """Counts read like English."""
    assert (plural(1, "call"), plural(0, "call"), plural(1200, "call")) == (
        "1 call",
        "0 calls",
        "1,200 calls",
    )
