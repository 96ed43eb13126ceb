"""How costs went along time."""

from datetime import UTC
from zoneinfo import ZoneInfo

from event_samples import HOUR_US, NOVEMBER_US, call
from taximeter.report.group import group_events
from taximeter.report.trend import trends_of, with_gaps

DAY_US = 24 * HOUR_US
BERLIN = ZoneInfo("Europe/Berlin")


def test_a_trend_has_a_step_a_period_and_no_more_than_fit() -> None:
    """All groups share their steps; where there are more periods than steps nothing is left out."""
    events = [call("a", 1, started_at_us=NOVEMBER_US + n * DAY_US) for n in range(10)]
    events.append(call("b", 5, started_at_us=NOVEMBER_US + 9 * DAY_US))
    groups = group_events(events, ["model", "day"])
    assert trends_of(groups, most_steps=20) == {("a",): [1] * 10, ("b",): [0] * 9 + [5]}
    assert trends_of(groups, most_steps=3)[("a",)] == [4, 3, 3]
    assert trends_of([], most_steps=3) == {}


def test_hours_are_counted_through_a_change_of_clocks() -> None:
    """The hour that comes twice is two steps."""
    since_us = NOVEMBER_US - 7 * DAY_US  # 2026-10-25T00:00Z, when clocks in Berlin show 2 for the first time
    events = [call("a", n + 1, started_at_us=since_us + n * HOUR_US) for n in range(3)]
    groups = group_events(events, ["model", "hour"], zone=BERLIN)
    assert trends_of(groups, most_steps=9) == {("a",): [1, 2, 3]}


def test_periods_without_calls_are_put_in() -> None:
    """Days, hours, weeks and months between the first and the last; what no calendar reaches stays."""
    events = [call(started_at_us=NOVEMBER_US + n * DAY_US) for n in (0, 3, 60)]
    names = {
        period: [group.key[0] for group in with_gaps(group_events(events, [period]), period, UTC)]
        for period in ("day", "week", "month")
    }
    assert names["day"][:4] == ["2026-11-01", "2026-11-02", "2026-11-03", "2026-11-04"]
    assert len(names["day"]) == 61
    assert names["month"] == ["2026-11", "2026-12"]
    assert names["week"] == [f"2026-W{week}" for week in range(44, 54)]
    hours = group_events([call(), call(started_at_us=NOVEMBER_US + 3 * HOUR_US)], ["hour"], zone=BERLIN)
    assert [group.totals.calls for group in with_gaps(hours, "hour", BERLIN)] == [1, 0, 0, 1]
    lost = group_events([call(started_at_us=10**30), call()], ["day"])
    assert with_gaps(lost, "day", UTC) == lost


def test_centuries_of_gaps_are_not_drawn() -> None:
    """One call with a wrong clock does not make a chart of millions of empty days."""
    groups = group_events([call(started_at_us=0), call()], ["day"])
    assert with_gaps(groups, "day", UTC) == groups
