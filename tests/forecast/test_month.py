"""What the month will have cost is foreseen from its days, weekday by weekday where there are enough of them."""

from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from random import Random
from statistics import mean

import pytest

from event_samples import call, write_store
from taximeter.forecast import expect_month
from taximeter.report.daily_cost import DailyCost
from taximeter.report.window import EPOCH
from taximeter.store import Store

DOLLAR = 1_000_000_000
NOW = date(2026, 11, 20)


def at_us(day: date, hours: int = 0) -> int:
    return ((day - EPOCH.date()).days * 24 + hours) * 3_600_000_000


class Days:
    """A store that has nothing but days."""

    def __init__(self, cost: Callable[[date], float], since: date, until: date) -> None:
        days = [since + timedelta(days=n) for n in range((until - since).days)]
        self._days = [DailyCost(day=day, calls=10, cost_usd_nanos=round(cost(day) * DOLLAR)) for day in days]

    def daily_costs(self, **_: object) -> list[DailyCost]:
        """Return them, whatever is asked."""
        return self._days


def test_the_rest_goes_on_at_the_present_rate() -> None:
    """Two dollars a day make sixty in a month of thirty, whenever it is asked; and nothing is unsure of it."""
    found = expect_month(Days(lambda _: 2, date(2026, 11, 1), NOW), now_us=at_us(NOW))
    assert (found.month, found.days_left) == ("2026-11", 11)
    assert found.cost_p50_usd_nanos == found.cost_p90_usd_nanos == 60 * DOLLAR
    assert (found.so_far.calls, found.calls) == (190, 300)
    half_a_day_later = expect_month(Days(lambda _: 2, date(2026, 11, 1), NOW), now_us=at_us(NOW, 12))
    assert half_a_day_later.cost_p50_usd_nanos == 59 * DOLLAR


def test_weekends_are_told_by_weekends() -> None:
    """Where there are four weeks to tell by, each weekday has its own rate."""

    def cost(day: date) -> float:
        return 1.0 if day.weekday() >= 5 else 10.0

    found = expect_month(Days(cost, date(2026, 9, 25), NOW), now_us=at_us(NOW))
    left = sum(cost(date(2026, 11, day)) for day in range(20, 31))
    assert found.cost_p50_usd_nanos - found.so_far.cost_usd_nanos == pytest.approx(left * DOLLAR, rel=0.1)
    assert "each weekday" in found.basis


def test_newer_days_count_more() -> None:
    """A rate that has doubled two weeks ago is nearly the new one."""
    found = expect_month(
        Days(lambda day: 2 if day > NOW - timedelta(days=14) else 1, date(2026, 10, 25), NOW),
        now_us=at_us(NOW),
    )
    assert 1.5 * 11 < (found.cost_p50_usd_nanos - found.so_far.cost_usd_nanos) / DOLLAR < 2 * 11


def test_the_p90_holds_for_days_that_differ() -> None:
    """Over many months of days with long tails, about nine in ten stay within."""
    held = []
    for seed in range(150):
        random = Random(seed)
        costs = {date(2026, 10, 10) + timedelta(days=n): random.lognormvariate(0, 0.8) for n in range(60)}
        found = expect_month(Days(costs.__getitem__, min(costs), NOW), now_us=at_us(NOW))
        actual = sum(cost for day, cost in costs.items() if day.month == 11 and day.day <= 30)
        held.append(actual * DOLLAR <= (found.cost_p90_usd_nanos or 0))
    assert mean(held) == pytest.approx(0.9, abs=0.07)


def test_too_few_days_have_no_p90() -> None:
    """A rate of one day says nothing of how much days differ; that of none says nothing at all."""
    one = expect_month(Days(lambda _: 2, NOW - timedelta(days=1), NOW), now_us=at_us(NOW))
    assert (one.cost_p50_usd_nanos, one.cost_p90_usd_nanos) == (24 * DOLLAR, None)
    none = expect_month(Days(lambda _: 2, NOW, NOW), now_us=at_us(NOW))
    assert (none.cost_p50_usd_nanos, none.cost_p90_usd_nanos, none.calls) == (0, None, 0)
    assert none.basis == "no calls to tell a rate by"


def test_days_and_month_are_those_of_the_zone(tmp_path: Path) -> None:
    """In Kathmandu November begins earlier; unpriced calls are expected like others, and never vanish."""
    first_us = at_us(date(2026, 10, 31), 19)  # past midnight there
    path = write_store(
        tmp_path / "usage.db", [call(started_at_us=first_us), call(nanos=None, started_at_us=first_us)]
    )
    with Store(path) as store:
        utc = expect_month(store, now_us=at_us(date(2026, 11, 3)))
        there = expect_month(
            store, tz="Asia/Kathmandu", where={"provider": "openai"}, now_us=at_us(date(2026, 11, 3))
        )
    assert (utc.so_far.calls, there.so_far.calls) == (0, 2)
    assert there.so_far.unpriced_calls == 1
    assert there.unpriced_calls > 1
