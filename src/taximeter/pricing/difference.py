"""Difference: what changed from one price table to another."""

from collections.abc import Iterator, Mapping
from time import time_ns

import msgspec

from taximeter.pricing.kind import list_price
from taximeter.pricing.plan import is_active
from taximeter.pricing.table import Provider, Row, Table


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """One change of a table.

    Args:
        id: Provider and model.
        what: `added`, `removed`, `price` (the standard price in force), or `terms`: history, tiers or variants.
        kind: The kind whose price changed.
        old, new: Prices in USD by the unit of lists; None where there was or is none.
        factor: New by old, where both are above zero.
    """

    id: str
    what: str
    kind: str | None = None
    old: str | None = None
    new: str | None = None
    factor: float | None = None


def differences(old: Table, new: Table, *, at_us: int | None = None) -> tuple[Change, ...]:
    """Return what changed, by provider and model.

    Args:
        old: The table before.
        new: The table after.
        at_us: The instant whose prices are compared, Unix time in UTC microseconds; None means now.
    """
    at_us = time_ns() // 1000 if at_us is None else at_us
    names = sorted(old.providers.keys() | new.providers.keys())
    changed = [name for name in names if old.providers.get(name) != new.providers.get(name)]
    return tuple(
        change
        for name in changed
        for change in _of_provider(name, _models(old.provider(name)), _models(new.provider(name)), at_us)
    )


_Models = Mapping[str, tuple[Row, ...]]


def _models(provider: Provider | None) -> _Models:
    return {} if provider is None else provider.models


def _of_provider(name: str, old: _Models, new: _Models, at_us: int) -> Iterator[Change]:
    for model in sorted(old.keys() | new.keys()):
        change_id = f"{name}/{model}"
        if model not in old:
            yield Change(id=change_id, what="added")
        elif model not in new:
            yield Change(id=change_id, what="removed")
        elif old[model] != new[model]:
            yield from _of_model(change_id, old[model], new[model], at_us)


def _of_model(change_id: str, old: tuple[Row, ...], new: tuple[Row, ...], at_us: int) -> Iterator[Change]:
    before, after = _in_force(old, at_us), _in_force(new, at_us)
    if before == after:
        yield Change(id=change_id, what="terms")
    for kind in sorted(before.keys() | after.keys()):
        was, now = before.get(kind), after.get(kind)
        if was != now:
            yield Change(
                id=change_id,
                what="price",
                kind=kind,
                old=None if was is None else list_price(kind, was),
                new=None if now is None else list_price(kind, now),
                factor=now / was if was and now else None,
            )


def _in_force(rows: tuple[Row, ...], at_us: int) -> Mapping[str, int]:
    standing = [row for row in rows if not row.when and is_active(row, at_us)]
    return standing[-1].rates if standing else {}
