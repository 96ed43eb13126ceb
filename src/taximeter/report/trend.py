"""Trends: how the cost of each group went along time, in a few steps of equal length."""

from collections.abc import Iterable, Iterator
from datetime import datetime, tzinfo
from itertools import islice

from taximeter.report.dimension import Key, period_of
from taximeter.report.group import Group
from taximeter.report.span import read_span
from taximeter.report.totals import Totals
from taximeter.report.window import instant_us

_HOUR_US = 3_600_000_000
_MOST_PERIODS = 2_000


def trends_of(groups: Iterable[Group], *, most_steps: int) -> dict[Key, list[int]]:
    """Return the cost of each step in nanodollars, oldest first, by the key without its last part.

    Args:
        groups: Groups with an hour or a day as the last part of their key.
        most_steps: How many steps there are at most; where there are more periods, each step is several.
    """
    placed = [(group, at) for group in groups if (at := _ordinal(group.key[-1])) is not None]
    if not placed:
        return {}
    first, last = min(at for _, at in placed), max(at for _, at in placed)
    periods = last - first + 1
    steps = min(periods, most_steps)
    trends: dict[Key, list[int]] = {}
    for group, at in placed:
        trend = trends.setdefault(group.key[:-1], [0] * steps)
        trend[(at - first) * steps // periods] += group.totals.cost_usd_nanos
    return trends


def _ordinal(period: str | None) -> int | None:
    """Return the number of a day, or of an hour."""
    if period is None:
        return None
    moment = datetime.fromisoformat(period)
    return moment.toordinal() if moment.tzinfo is None else int(moment.timestamp()) // 3600


def with_gaps(groups: list[Group], period: str, zone: tzinfo) -> list[Group]:
    """Return groups by one period with those between them in which nothing was called.

    Args:
        groups: In order; the key is the period only.
        period: Which of `dimension.PERIODS` it is.
        zone: Where it is cut.
    """
    known = {group.key[0]: group for group in groups}
    named = [key for key in known if key is not None]
    if len(named) < 2:
        return groups
    found = list(islice(_periods_between(named[0], named[-1], period, zone), _MOST_PERIODS + 1))
    if len(found) > _MOST_PERIODS:
        return groups
    gaps = {name: Group((name,), Totals()) for name in found}
    unnamed = [group for group in groups if group.key[0] is None]
    return [*unnamed, *({**gaps, **{key: known[key] for key in named}}[name] for name in found)]


def _periods_between(first: str, last: str, period: str, zone: tzinfo) -> Iterator[str]:
    at_us = _beginning_us(first, zone)
    shown = None
    while shown != last:
        name = period_of(period, at_us, zone)
        if name is None:
            return
        if name != shown:
            yield name
        shown = name
        at_us += _HOUR_US


def _beginning_us(period: str, zone: tzinfo) -> int:
    if "T" in period:
        return instant_us(datetime.fromisoformat(period))
    return read_span(period, zone).since_us or 0
