"""Values: what a decoded JSON value is worth; nothing here raises, whatever a server sends."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

_LISTS = (list, tuple)
_NOTHING: dict[str, Any] = {}
_FIELDS_LIMIT = 100
LARGEST_COUNT = 10**12
"""No call comes near; a store of millions of calls can still add them up in 64 bits."""

_LARGEST_USD = 10**6
_SMALLEST_USD = Decimal("1e-20")  # what is less has an exponent that somebody made up
_LONGEST_AMOUNT = 40  # letters; the longest float has 24


def as_count(value: Any) -> int | None:
    """Return *value* as a number of things, None when it is none; gRPC's JSON writes 64-bit integers as strings."""
    if value is None:
        return None
    if type(value) is int:
        return value if 0 <= value <= LARGEST_COUNT else None
    if isinstance(value, float):
        return int(value) if 0 <= value <= LARGEST_COUNT and value == int(value) else None
    if isinstance(value, str) and len(value) < 20 and value.isascii() and value.isdigit():
        return as_count(int(value))
    return None


def as_text(value: Any) -> str | None:
    """Return *value* when it is a string with something in it."""
    return value if isinstance(value, str) and value else None


def as_mapping(value: Any) -> Mapping[str, Any]:
    """Return *value* when it is an object, else an empty one."""
    return value if isinstance(value, dict) else _NOTHING


def as_items(value: Any) -> Sequence[Mapping[str, Any]]:
    """Return the objects of a list."""
    if not value or not isinstance(value, _LISTS):
        return ()
    return [item for item in value if isinstance(item, dict)]


def count_of(values: Mapping[str, Any], name: str) -> int | None:
    """Return the named count when it is there."""
    value = values.get(name)
    if (
        type(value) is int and 0 <= value <= LARGEST_COUNT
    ):  # nearly always; the call below costs as much again
        return value
    return None if value is None else as_count(value)


def has_unreadable_count(values: Mapping[str, Any]) -> bool:
    """Return whether something that should be a count of tokens is there and is none."""
    return any(
        value is not None and not isinstance(value, dict | list) and as_count(value) is None
        for name, value in values.items()
        if "token" in name.lower()
    )


def first_count(values: Mapping[str, Any], *names: str) -> int | None:
    """Return the first of the named counts that is there."""
    for name in names:
        if name in values and (count := count_of(values, name)) is not None:
            return count
    return None


def first_known(*counts: int | None) -> int | None:
    """Return the first count that is known."""
    for count in counts:
        if count is not None:
            return count
    return None


def known_sum(*counts: int | None) -> int | None:
    """Add what is known; None when nothing is."""
    known = [count for count in counts if count is not None]
    return sum(known) if known else None


def as_usd(value: Any) -> Decimal | None:
    """Return an amount in US dollars, exact; a float counts as its shortest text."""
    if isinstance(value, bool) or not isinstance(value, int | float | str | Decimal):
        return None
    try:
        usd = Decimal(text) if len(text := str(value)) <= _LONGEST_AMOUNT else None
        if usd is None or not 0 <= usd <= _LARGEST_USD:
            return None
    except (ArithmeticError, ValueError):
        return None
    return usd if usd >= _SMALLEST_USD else Decimal(0)


def ticks_as_usd(value: Any) -> Decimal | None:
    """Return xAI's ticks, 1e-10 US dollars each, as US dollars."""
    ticks = as_count(value)
    return None if ticks is None else Decimal(ticks).scaleb(-10)


def merged(old: Mapping[str, Any] | None, new: Mapping[str, Any]) -> dict[str, Any]:
    """Lay the fields of *new* that say something over *old*; a server that keeps inventing fields is cut off."""
    said = (
        {name: value for name, value in new.items() if value is not None}
        if None in new.values()
        else dict(new)
    )
    both = {**old, **said} if old else said
    return both if len(both) <= _FIELDS_LIMIT else said
