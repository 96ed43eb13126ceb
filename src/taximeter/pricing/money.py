"""Money as integers: how an exact amount is rounded, and how a rounded total is shared out without a rest."""

from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction

FEMTOS_PER_NANO = 10**6
FEMTOS_PER_MICRO = 10**9
FEMTOS_PER_USD = 10**15


def round_half_even(numerator: int, denominator: int) -> int:
    """Return the quotient as the nearest integer, ties to the even one; half-up would add up to a bias."""
    quotient, rest = divmod(numerator, denominator)
    twice = rest * 2
    if twice > denominator or (twice == denominator and quotient & 1):
        return quotient + 1
    return quotient


def femtos(usd: Decimal, pieces: int) -> int:
    """Return the femtodollars of one piece, where so many pieces cost *usd*; half-even where that is not exact."""
    exact = Fraction(usd) * FEMTOS_PER_USD / pieces
    return round_half_even(exact.numerator, exact.denominator)


def usd_text(femtos_per_piece: int, pieces: int) -> str:
    """Write what so many pieces cost in USD, exactly and without an exponent: `0.075`."""
    text = format(Decimal(femtos_per_piece * pieces).scaleb(-15), "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def apportion(total: int, shares: Sequence[int], unit: int) -> list[int]:
    """Split *total* along exact *shares*, each *unit* times finer, by largest remainder; ties go to the earlier one.

    The parts sum to the total exactly.
    """
    parts = [share // unit for share in shares]
    by_remainder = sorted(range(len(shares)), key=lambda index: (-(shares[index] % unit), index))
    for index in by_remainder[: total - sum(parts)]:
        parts[index] += 1
    return parts
