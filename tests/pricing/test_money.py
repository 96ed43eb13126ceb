"""Money: one rounding, without a bias, and totals shared out without a rest."""

from decimal import ROUND_HALF_EVEN, Decimal
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from taximeter.pricing.money import FEMTOS_PER_MICRO, apportion, femtos, round_half_even, usd_text


@given(st.integers(0, 10**24), st.sampled_from([1000, FEMTOS_PER_MICRO, 10**6, 3_600_000]))
def test_rounding_agrees_with_decimal(amount: int, unit: int) -> None:
    """The integer arithmetic rounds as the decimal module does, ties to even."""
    exact = Fraction(amount, unit)
    nearest = round(exact)  # of a Fraction: half to even
    assert round_half_even(amount, unit) == nearest
    if unit != 3_600_000:
        assert nearest == int((Decimal(amount) / unit).quantize(Decimal(1), ROUND_HALF_EVEN))


def test_rounding_has_no_bias() -> None:
    """Ties go up as often as down: half a microdollar an event, rounded up, would be a surcharge."""
    ties = [FEMTOS_PER_MICRO * n + FEMTOS_PER_MICRO // 2 for n in range(1000)]
    drift = sum(round_half_even(tie, FEMTOS_PER_MICRO) * FEMTOS_PER_MICRO - tie for tie in ties)
    assert drift == 0


@given(st.lists(st.integers(0, 10**18), min_size=1, max_size=12))
def test_parts_sum_to_the_rounded_total(shares: list[int]) -> None:
    """Whatever the components are, what is shown of them adds up to what is shown of the whole."""
    total = round_half_even(sum(shares), FEMTOS_PER_MICRO)
    parts = apportion(total, shares, FEMTOS_PER_MICRO)
    assert sum(parts) == total
    assert all(
        abs(part * FEMTOS_PER_MICRO - share) < FEMTOS_PER_MICRO
        for part, share in zip(parts, shares, strict=True)
    )


def test_the_earlier_part_wins_a_tie() -> None:
    """Of two equal remainders the first one takes what is left."""
    assert apportion(1, [FEMTOS_PER_MICRO // 2, FEMTOS_PER_MICRO // 2], FEMTOS_PER_MICRO) == [1, 0]


@given(st.decimals(0, 1000, places=6))
def test_prices_survive_as_integers(usd_per_mtok: Decimal) -> None:
    """A list price of up to six decimals is kept exactly and can be written back."""
    rate = femtos(usd_per_mtok, 10**6)
    assert Decimal(rate) == usd_per_mtok * 10**9
    assert Decimal(usd_text(rate, 10**6)) == usd_per_mtok
    assert "E" not in usd_text(rate, 10**6)
