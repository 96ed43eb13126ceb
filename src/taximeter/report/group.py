"""Groups: the totals of calls that are alike in some dimensions."""

from collections.abc import Callable, Iterable
from datetime import UTC, tzinfo

import msgspec

from taximeter.event import Event, TaskCompletionEvent
from taximeter.report.dimension import PERIODS, Key, key_reader
from taximeter.report.totals import Totals
from taximeter.report.window import ALWAYS, Window


class Group(msgspec.Struct, frozen=True):
    """What the calls of one key add up to; a part of the key is None where the calls do not say."""

    key: Key
    totals: Totals


def group_events(
    events: Iterable[Event], by: Iterable[str] = (), *, window: Window = ALWAYS, zone: tzinfo = UTC
) -> list[Group]:
    """Add up the finished calls inside *window* by dimension, in one pass and with memory for the groups only."""
    names = tuple(by)
    read_key = key_reader(names, zone)
    calls = (
        event for event in events if isinstance(event, TaskCompletionEvent) and event.started_at_us in window
    )
    groups: dict[Key, Totals] = {}
    for call in calls:
        groups.setdefault(read_key(call), Totals()).add(call)
    return in_order(groups, names)


def merge_groups(parts: Iterable[tuple[Key, Totals]], by: Iterable[str]) -> list[Group]:
    """Bring parts of the same key together."""
    groups: dict[Key, Totals] = {}
    for key, totals in parts:
        groups.setdefault(key, Totals()).merge(totals)
    return in_order(groups, tuple(by))


def in_order(groups: dict[Key, Totals], by: tuple[str, ...]) -> list[Group]:
    """Sort by time where a period is asked for, then the dearest first."""
    return sorted((Group(key, totals) for key, totals in groups.items()), key=_order(by))


def _order(by: tuple[str, ...]) -> Callable[[Group], tuple[object, ...]]:
    periods = [at for at, name in enumerate(by) if name in PERIODS]

    def order(group: Group) -> tuple[object, ...]:
        parts = [
            (part is not None, part or "") for part in group.key
        ]  # what is not known, then what is empty
        times = [parts[at] for at in periods]
        return (times, -group.totals.cost_usd_nanos, -group.totals.calls, parts)

    return order


def grand_total(groups: Iterable[Group]) -> Totals:
    """Return all groups together."""
    total = Totals()
    for group in groups:
        total.merge(group.totals)
    return total
