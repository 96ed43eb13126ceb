"""Amounts of money as people write them."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from taximeter.budget.amount import nanos_of, read_usd
from taximeter.errors import ConfigurationError


@pytest.mark.parametrize(
    ("amount", "nanos"),
    [
        ("2.50", 2_500_000_000),
        ("$5", 5_000_000_000),
        (Decimal("0.000000001"), 1),
        (5, 5_000_000_000),
        (0.1, 100_000_000),
        ("1e-3", 1_000_000),
    ],
)
def test_an_amount_is_read_to_the_nanodollar(amount: Any, nanos: int) -> None:
    """Texts, decimals, integers and floats mean what they show."""
    assert read_usd("limit_usd", amount) == nanos


@given(st.integers(0, 10**15))
def test_every_number_of_micros_comes_through_as_text(micros: int) -> None:
    """No amount of microdollars loses a digit on its way as text."""
    assert read_usd("limit_usd", str(Decimal(micros).scaleb(-6))) == micros * 1000


@pytest.mark.parametrize("amount", [True, None, "", "five", "-1", float("nan"), float("inf"), "1e30", b"1"])
def test_what_is_no_amount_is_refused_by_its_key(amount: Any) -> None:
    """A wrong amount is an error that names the key."""
    with pytest.raises(ConfigurationError, match="limit_usd"):
        read_usd("limit_usd", amount)


def test_an_amount_is_given_in_one_unit() -> None:
    """Dollars, microdollars and nanodollars are told apart, and two of them at once are a mistake."""
    assert nanos_of("0.05") == nanos_of(micros=50_000) == nanos_of(nanos=50_000_000)
    with pytest.raises(ConfigurationError):
        nanos_of("1", micros=1)
    with pytest.raises(ConfigurationError):
        nanos_of(micros=-1)
