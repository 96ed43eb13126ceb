"""Seed: what a store has of a budget's calls, added up beside the ledger, so that nobody waits for it there."""

from collections import defaultdict
from collections.abc import Iterator
from itertools import pairwise

import msgspec

from taximeter.budget.account import Account
from taximeter.budget.call import actual_of
from taximeter.budget.period import LIFETIME
from taximeter.report.group import Group
from taximeter.report.window import Window
from taximeter.store import Store

Sums = defaultdict[tuple[str, int], tuple[int, int, int]]
"""Nanodollars, calls, and calls without a price, by subject and bucket."""


class Seed(msgspec.Struct, frozen=True):
    """The sums of all events up to a place in the order of their arrival."""

    position: int = 0
    event_id: str | None = None
    """Of the event in that place; None where there is none."""
    sums: dict[tuple[str, int], tuple[int, int, int]] = {}

    def is_of(self, store: Store | None) -> bool:
        """Whether the store is still the one that was added up."""
        if self.event_id is None:
            return True
        return store is not None and store.position(self.event_id) == self.position


def seed_of(store: Store, account: Account, now_us: int) -> Seed:
    """Return what a store has for a budget, in the buckets that count now; some microseconds for each of its calls."""
    sums: Sums = defaultdict(lambda: (0, 0, 0))
    with store.snapshot():
        for bucket_us, window in _windows(store, account, now_us):
            _count_window(sums, store, account, bucket_us, window)
        position, event_id = store.last()
    return Seed(position, event_id, dict(sums))


def _windows(store: Store, account: Account, now_us: int) -> Iterator[tuple[int, Window]]:
    """Yield the buckets that count now, and what of the store falls into each."""
    period = account.period
    if period.kind == LIFETIME:
        first = next(store.events(), None)
        if first is not None:
            yield period.bucket_us(first.started_at_us), Window()
    elif not period.length_us:
        start_us = period.start_us(now_us)
        yield start_us, Window(start_us)
    else:
        bounds = [period.start_us(now_us)]
        while bounds[-1] <= now_us:
            bounds.append(period.bucket_us(bounds[-1]) + period.width_us)
        yield from ((since, Window(since, until)) for since, until in pairwise(bounds))


def _count_window(sums: Sums, store: Store, account: Account, bucket_us: int, window: Window) -> None:
    by = tuple(dict.fromkeys((*account.budget.dimensions, *account.budget.where)))
    groups = store.totals(by, window=window)
    for group in groups:
        _count_group(sums, account, by, bucket_us, group)
    if any(group.totals.unpriced_calls for group in groups):
        for event in store.events(window, lacking_price=True):
            entry = account.counted(actual_of(event))
            if entry is not None and entry.unpriced:
                _add(sums, (entry.subject, bucket_us), (entry.nanos, 0, 0))


def _count_group(sums: Sums, account: Account, by: tuple[str, ...], bucket_us: int, group: Group) -> None:
    subject = account.subject_of(dict(zip(by, group.key, strict=True)))
    if subject is not None and (totals := group.totals).calls:
        values = (totals.cost_usd_nanos, totals.calls, totals.unpriced_calls)
        _add(sums, (subject, bucket_us), values)


def _add(sums: Sums, key: tuple[str, int], values: tuple[int, int, int]) -> None:
    nanos, calls, unpriced = sums[key]
    sums[key] = (nanos + values[0], calls + values[1], unpriced + values[2])
