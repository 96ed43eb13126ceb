"""Amounts of money as people write them, read into whole nanodollars."""

from decimal import ROUND_HALF_EVEN, Decimal, InvalidOperation
from typing import Any

from taximeter.errors import ConfigurationError

Amount = str | Decimal | int | float
"""US dollars: `"0.05"`, `Decimal("0.05")` or `5`. A float is read by its shortest text, 0.1 as one tenth."""

_ALLOWED = 'an amount in USD of at least 0, such as "2.50"'
_MOST_USD = Decimal(10**9)
"""Beyond it a sum of nanodollars could leave the 64 bits of SQLite."""


def read_usd(key: str, amount: Any) -> int:
    """Return an amount in nanodollars, rounded half to even where it has parts of one.

    Raises:
        ConfigurationError: It is none, below 0 or above a billion dollars.
    """
    if isinstance(amount, bool) or not isinstance(amount, Amount):
        raise ConfigurationError(key, amount, _ALLOWED)
    try:
        usd = amount if isinstance(amount, Decimal) else Decimal(str(amount).strip().removeprefix("$"))
    except InvalidOperation as error:
        raise ConfigurationError(key, amount, _ALLOWED) from error
    if not usd.is_finite() or not 0 <= usd <= _MOST_USD:
        raise ConfigurationError(key, amount, _ALLOWED)
    return int(usd.scaleb(9).to_integral_value(ROUND_HALF_EVEN))


def nanos_of(usd: Amount | None = None, *, micros: int | None = None, nanos: int | None = None) -> int:
    """Return an amount that is given in one of three units, in nanodollars.

    Raises:
        ConfigurationError: It is given in none or several, is below 0, or is no amount.
    """
    if (usd, micros, nanos).count(None) != 2:
        raise ConfigurationError("usd", usd, "given, or usd_micros or usd_nanos in its place")
    if usd is not None:
        return read_usd("usd", usd)
    key, count = ("usd_micros", micros) if micros is not None else ("usd_nanos", nanos)
    if type(count) is not int or not 0 <= count <= int(_MOST_USD) * 10**9:
        raise ConfigurationError(key, count, "a whole number of at least 0")
    return count * 1000 if micros is not None else count
