"""Months: what a month will have cost at its end, if it goes on as it does."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta, tzinfo
from time import time_ns
from typing import NamedTuple, Protocol

import msgspec

from taximeter.forecast.outlook import Values, sum_at
from taximeter.report.daily_cost import DailyCost
from taximeter.report.totals import Totals
from taximeter.report.window import Window, instant_us, local_time, midnight_us, read_zone

WEEKDAYS_FROM_DAYS = 28
"""From so many whole days on each day of the week has a rate of its own."""

SPREAD_FROM_DAYS = 3
"""Fewer days say nothing of how much they differ."""

_DAYS_BACK = 56
_HALF_LIFE_DAYS = 14
_PSEUDO_WEEKS = 2
Where = Mapping[str, str | None]


class Days(Protocol):
    """Anything that adds calls up by day: a `Store`, an `EventFile`."""

    def daily_costs(
        self, *, tz: str | tzinfo = ..., where: Where | None = ..., window: Window = ...
    ) -> list[DailyCost]:
        """Return what the calls of each day add up to."""


class MonthExpectation(msgspec.Struct, frozen=True, kw_only=True):
    """What a month comes to. Money has three states here too: `unpriced_calls` are in no amount."""

    month: str
    """Such as `2026-11`."""
    so_far: Totals
    days_left: float
    cost_p50_usd_nanos: int
    """Of the whole month, with what has been spent."""
    cost_p90_usd_nanos: int | None
    """None where there are too few days to say how much they differ."""
    calls: int
    """Expected by the end of the month."""
    unpriced_calls: int
    """Of these."""
    basis: str
    """In words, what the rate is taken from."""


class _Rate(NamedTuple):
    """What days are like: the value of each, freed of its weekday, and its weight; and how weekdays differ."""

    days: tuple[DailyCost, ...]
    weights: tuple[float, ...]
    weekdays: tuple[float, ...]

    def values(self) -> Values:
        """Return what the days cost, and their weights."""
        costs = [day.cost_usd_nanos / self.weekdays[day.day.weekday()] for day in self.days]
        return list(zip(costs, self.weights, strict=True))

    def mean_of(self, field: str) -> float:
        """Return the weighted mean of a field of the days."""
        values: list[int] = [getattr(day, field) for day in self.days]
        return sum(value * weight for value, weight in zip(values, self.weights, strict=True))


def expect_month(
    store: Days, *, tz: str | tzinfo = "UTC", where: Where | None = None, now_us: int | None = None
) -> MonthExpectation:
    """Return what the running month will have cost at its end.

    The last eight weeks' days tell the rate, newer ones more (half as much after two weeks); a weekend is told by
    weekends where there are four weeks to tell by. The rest of today counts by its share of the day. The spread is that
    of a sum of days which differ as the past ones do.

    Args:
        store: What to ask.
        tz: The IANA zone of days and month.
        where: Values that calls must have, by dimension.
        now_us: The present, Unix time in microseconds; None asks the clock.

    Raises:
        ConfigurationError: No such zone or dimension.
        StoreError: The store is broken.
    """
    zone = read_zone(tz)
    now = local_time(time_ns() // 1000 if now_us is None else now_us, zone)
    today = now.date()
    first = min(today - timedelta(days=_DAYS_BACK), today.replace(day=1))
    window = Window(midnight_us(first, zone), instant_us(now))
    days = {day.day: day for day in store.daily_costs(tz=zone, where=where, window=window)}
    so_far = sum((day for day in days.values() if day.day >= today.replace(day=1)), Totals())
    rate = _rate_of(days, today)
    left = _left_of_month(now, rate.weekdays)
    return MonthExpectation(
        month=f"{today:%Y-%m}",
        so_far=so_far,
        days_left=sum(share for _, share in _days_left(now)),
        cost_p50_usd_nanos=so_far.cost_usd_nanos + _sum_at(0.5, left, rate),
        cost_p90_usd_nanos=so_far.cost_usd_nanos + _sum_at(0.9, left, rate)
        if len(rate.days) >= SPREAD_FROM_DAYS
        else None,
        calls=so_far.calls + round(rate.mean_of("calls") * left),
        unpriced_calls=so_far.unpriced_calls + round(rate.mean_of("unpriced_calls") * left),
        basis=_in_words(rate),
    )


def _sum_at(share: float, days: float, rate: _Rate) -> int:
    values = rate.values()
    return round(sum_at(share, days, values)) if values and days else 0


def _rate_of(days: Mapping[date, DailyCost], today: date) -> _Rate:
    """Return the rate of the whole days since the first call; where there is none yet, today's up to now is all there is."""
    begun = min(days, default=today)
    past = [begun + timedelta(days=at) for at in range((today - begun).days)] or [begun]
    kept = [day for day in past if (today - day).days <= _DAYS_BACK and (day in days or day != today)]
    weights = [0.5 ** ((today - day).days / _HALF_LIFE_DAYS) for day in kept]
    costs = tuple(days.get(day) or DailyCost(day=day) for day in kept)
    return _Rate(costs, tuple(weight / sum(weights) for weight in weights), _weekdays(costs))


def _weekdays(days: Sequence[DailyCost]) -> tuple[float, ...]:
    """Return each weekday's cost by that of all days; all alike where there are too few weeks to tell."""
    total = sum(day.cost_usd_nanos for day in days)
    if len(days) < WEEKDAYS_FROM_DAYS or not total:
        return (1.0,) * 7
    mean = total / len(days)
    shares = []
    for weekday in range(7):
        costs = [day.cost_usd_nanos / mean for day in days if day.day.weekday() == weekday]
        shares.append((sum(costs) + _PSEUDO_WEEKS) / (len(costs) + _PSEUDO_WEEKS))
    return tuple(shares)


def _left_of_month(now: datetime, weekdays: Sequence[float]) -> float:
    """Return how many usual days the rest of the month is worth."""
    return sum(share * weekdays[day.weekday()] for day, share in _days_left(now))


def _days_left(now: datetime) -> list[tuple[date, float]]:
    """Return the days that are left of the month, today with what is left of it."""
    today = now.date()
    passed = timedelta(hours=now.hour, minutes=now.minute, seconds=now.second) / timedelta(days=1)
    following = [today + timedelta(days=at) for at in range(1, 31)]
    return [(today, 1 - passed), *((day, 1.0) for day in following if day.month == today.month)]


def _in_words(rate: _Rate) -> str:
    count = len(rate.days)
    if not any(day.calls for day in rate.days):
        return "no calls to tell a rate by"
    if len(set(rate.weekdays)) > 1:
        return f"the last {count} days, newer ones more, each weekday by its own kind"
    if count < SPREAD_FROM_DAYS:
        return "too few days to say how much they differ"
    return f"the last {count} days, newer ones more; too few for weekdays of their own"
