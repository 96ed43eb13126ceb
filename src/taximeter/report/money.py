"""Money as text: integers of nanodollars in, as many digits out as the amount deserves."""

NANOS_PER_USD = 1_000_000_000


def decimals_for(nanos: int) -> int:
    """Return how many decimals show an amount with at least three digits that count: 2 from $1, up to 9 below."""
    size, decimals = abs(nanos), 2
    floor = NANOS_PER_USD
    while 0 < size < floor and decimals < 9:
        decimals += 1
        floor //= 10
    return decimals


def format_usd(nanos: int, decimals: int | None = None) -> str:
    """Return dollars as text, rounded half-even.

    Args:
        nanos: The amount in nanodollars.
        decimals: Digits behind the point, 0 to 9; None chooses by the size of the amount.
    """
    places = decimals_for(nanos) if decimals is None else decimals
    unit = 10 ** (9 - places)
    count, rest = divmod(abs(nanos), unit)
    count += rest * 2 > unit or (rest * 2 == unit and count % 2 == 1)
    if not count and nanos:  # a few nanodollars are little, not nothing
        return f"<{format_usd(unit, places)}"
    whole, part = divmod(count, 10**places)
    sign = "-" if nanos < 0 else ""
    return f"{sign}${whole:,}.{part:0{places}d}" if places else f"{sign}${whole:,}"


def signed_usd(nanos: int, decimals: int | None = None) -> str:
    """Return a difference with its sign, as `format_usd` writes amounts."""
    return f"{'+' if nanos > 0 else ''}{format_usd(nanos, decimals)}"


def exact_usd(nanos: int) -> str:
    """Return dollars as a plain decimal number, to the last digit: `12.400000000`."""
    whole, part = divmod(abs(nanos), NANOS_PER_USD)
    return f"{'-' if nanos < 0 else ''}{whole}.{part:09d}"


def exact_or_empty(nanos: int | None) -> str | None:
    """Return dollars to the last digit; None, which an amount that is not known is, stays None."""
    return None if nanos is None else exact_usd(nanos)


def plural(count: int, noun: str) -> str:
    """Return `1 call` or `2 calls`."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"
