"""Waste: money that bought nothing, as far as events tell, each cent in one kind only.

A call is in the first kind that fits, in the order of `WasteKind`. The first four take the call's whole cost, the last two
only the part of it that is meant: the input that was read anew, and what a cache write costs above plain input.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, tzinfo
from enum import StrEnum

import msgspec

from taximeter.event import TaskCompletionEvent
from taximeter.pricing import Catalog
from taximeter.pricing.money import round_half_even
from taximeter.report.cache_writes import CacheWrites
from taximeter.report.dimension import Key, key_reader
from taximeter.report.explanation import explain
from taximeter.report.totals import Totals, cost_nanos, was_refused
from taximeter.vocabulary import Outcome

_READ_ANEW = frozenset({"input", "cache_write_5m", "cache_write_1h", "image_input", "audio_input"})


class WasteKind(StrEnum):
    """What the money was spent on; the order is that of precedence."""

    RETRIED = "retried"
    """A try that a later try of the same call came after."""
    CUT_SHORT = "cut short"
    """A stream that broke off or that the application left."""
    FAILED = "failed"
    """A failure or a timeout that was billed, or may have been."""
    FAILED_GATE = "failed gate"
    """An answer whose quality gate did not pass."""
    COMPACTED = "compacted"
    """Input read anew because the context had been compacted or started afresh on the way."""
    UNREAD_CACHE = "unread cache"
    """Input written to the provider's cache, at a higher price, and not read from it in its lifetime."""


class Waste(msgspec.Struct, frozen=True):
    """What one kind came to. `totals` has calls, their money in its three states, and nothing else."""

    kind: WasteKind
    key: Key
    totals: Totals


class WasteReport(msgspec.Struct, frozen=True):
    """The kinds that there are, in order, and all calls that were looked at."""

    found: list[Waste]
    all_calls: Totals

    @property
    def total(self) -> Totals:
        """All waste together; as no cent is in two kinds, a plain sum."""
        total = Totals()
        for each in self.found:
            total.merge(each.totals)
        return total


def find_waste(
    read_events: Callable[[], Iterable[TaskCompletionEvent]],
    catalog: Catalog,
    *,
    until_us: int,
    by: Sequence[str] = (),
    zone: tzinfo = UTC,
) -> WasteReport:
    """Go through calls twice and add up what was wasted.

    Args:
        read_events: Gives the calls, from the beginning each time, in the order of time.
        catalog: The prices that a call's cost is taken apart with.
        until_us: Up to when calls are known, Unix microseconds: a cache that lives longer may be read yet.
        by: Dimensions to keep apart.
        zone: Where periods among them are cut.
    """
    last_tries = _last_tries(read_events())
    count = _Count(catalog, key_reader(by, zone))
    for event in read_events():
        count.add(event, is_superseded=event.attempt < last_tries.get(event.call_id or "", 0))
    count.finish(until_us)
    order = list(WasteKind)
    found = [Waste(kind, key, totals) for (kind, key), totals in count.sums.items()]
    found.sort(key=lambda each: (order.index(each.kind), -each.totals.cost_usd_nanos, -each.totals.calls))
    return WasteReport(found, count.all_calls)


def _last_tries(events: Iterable[TaskCompletionEvent]) -> dict[str, int]:
    """Return the number of the last try of each call that had more than one."""
    tries: dict[str, int] = {}
    for event in events:
        if event.call_id and event.attempt > 1:
            tries[event.call_id] = max(event.attempt, tries.get(event.call_id, 0))
    return tries


class _Count:
    def __init__(self, catalog: Catalog, read_key: Callable[[TaskCompletionEvent], Key]) -> None:
        self.sums: dict[tuple[WasteKind, Key], Totals] = {}
        self.all_calls = Totals()
        self._catalog = catalog
        self._read_key = read_key
        self._writes = CacheWrites()

    def add(self, event: TaskCompletionEvent, *, is_superseded: bool) -> None:
        self.all_calls.add(event)
        kind = _kind_of(event, is_superseded=is_superseded)
        for unread in self._writes.add(event, counts=kind is None):
            self._put_unread(*unread)
        if kind is not None and _may_be_billed(event):
            whole = cost_nanos(event), True
            self._put(
                kind, event, *(_read_anew(event, self._catalog) if kind == WasteKind.COMPACTED else whole)
            )

    def finish(self, until_us: int) -> None:
        for unread in self._writes.expired(until_us):
            self._put_unread(*unread)

    def _put_unread(self, event: TaskCompletionEvent, unread_tokens: int, written_tokens: int) -> None:
        extra, is_sure = _price_of_writing(event, self._catalog)
        if extra != 0:
            spent, wasted = cost_nanos(event), None
            if extra is not None and spent is not None:
                wasted = min(round_half_even(extra * unread_tokens, written_tokens), spent)
            self._put(WasteKind.UNREAD_CACHE, event, wasted, is_sure)

    def _put(
        self, kind: WasteKind, event: TaskCompletionEvent, nanos: int | None, is_sure: bool = True
    ) -> None:
        one = Totals()
        one.add(event)
        totals = self.sums.setdefault((kind, self._read_key(event)), Totals())
        totals.calls += 1
        totals.cost_usd_nanos += nanos or 0
        totals.unpriced_calls += nanos is None
        totals.estimated_calls += nanos is not None and bool(one.estimated_calls or not is_sure)


def _kind_of(event: TaskCompletionEvent, *, is_superseded: bool) -> WasteKind | None:
    if is_superseded:
        return WasteKind.RETRIED
    if event.outcome in {Outcome.CANCELLED, Outcome.PARTIAL}:
        return WasteKind.CUT_SHORT
    if event.outcome in {Outcome.FAILURE, Outcome.TIMEOUT}:
        return WasteKind.FAILED
    if event.quality_gate_passed is False:
        return WasteKind.FAILED_GATE
    return WasteKind.COMPACTED if event.context_compactions or event.context_rotations else None


def _may_be_billed(event: TaskCompletionEvent) -> bool:
    nanos = cost_nanos(event)
    return not was_refused(event) if nanos is None else nanos > 0


def _read_anew(event: TaskCompletionEvent, catalog: Catalog) -> tuple[int | None, bool]:
    """Return what the input of a call cost that was not in the cache, as a part of its own cost, and whether that is sure."""
    nanos, explanation = cost_nanos(event), explain(event, catalog)
    parts = explanation.breakdown.components
    whole = sum(part.usd_nanos for part in parts)
    if nanos is None or not any(part.kind in _READ_ANEW for part in parts):
        return (nanos and None), True
    anew = sum(part.usd_nanos for part in parts if part.kind in _READ_ANEW)
    return (round_half_even(nanos * anew, whole) if whole else 0), not explanation.doubts


def _price_of_writing(event: TaskCompletionEvent, catalog: Catalog) -> tuple[int | None, bool]:
    """Return how much more a call cost for writing a cache, and whether that is sure."""
    as_it_was = msgspec.structs.replace(event, raw_usage=None)
    written = (event.cache_write_5m_tokens or 0) + (event.cache_write_1h_tokens or 0)
    plain = msgspec.structs.replace(
        as_it_was,
        uncached_input_tokens=(event.uncached_input_tokens or 0) + written,
        cache_write_5m_tokens=None,
        cache_write_1h_tokens=None,
        reported_cost_usd_nanos=None,
    )
    explanation = explain(msgspec.structs.replace(as_it_was, reported_cost_usd_nanos=None), catalog)
    dear, cheap = explanation.breakdown.cost.usd_nanos, explain(plain, catalog).breakdown.cost.usd_nanos
    if dear is None or cheap is None:
        return None, True
    return max(dear - cheap, 0), not explanation.doubts
