"""Groups of calls."""

from zoneinfo import ZoneInfo

from hypothesis import given

from event_samples import EVENTS, HOUR_US, NOVEMBER_US, call
from taximeter.event import CallStartedEvent, TaskCompletionEvent
from taximeter.report.group import grand_total, group_events
from taximeter.report.window import Window


def test_periods_go_by_time_and_the_rest_by_cost() -> None:
    """A report by day reads like a calendar, with each day's dearest first."""
    day_us = 24 * HOUR_US
    calls = [
        call("b", 1, started_at_us=NOVEMBER_US + day_us),
        call("a", 1),
        call("b", 5),
    ]
    keys = [group.key for group in group_events(calls, ["day", "model"])]
    assert keys == [("2026-11-01", "b"), ("2026-11-01", "a"), ("2026-11-02", "b")]


def test_only_calls_inside_the_window_count() -> None:
    """The window cuts by the start of the call, to the microsecond."""
    calls = [call(started_at_us=NOVEMBER_US + n) for n in (-1, 0, 1)]
    (group,) = group_events(calls, window=Window(NOVEMBER_US, NOVEMBER_US + 1))
    assert group.totals.calls == 1


def test_a_started_call_is_in_no_group() -> None:
    """Lifecycle events in a file are no calls."""
    assert group_events([CallStartedEvent()], ["model"]) == []


@given(EVENTS)
def test_groups_of_any_kind_add_up_to_the_whole(calls: list[TaskCompletionEvent]) -> None:
    """However it is cut, nothing is lost or counted twice."""
    whole = grand_total(group_events(calls))
    assert (
        grand_total(group_events(calls, ["hour", "model", "agent"], zone=ZoneInfo("Australia/Lord_Howe")))
        == whole
    )
    assert whole.calls == len(calls)


def test_what_is_unknown_and_what_is_empty_keep_their_places() -> None:
    """Two groups that cost the same stand in one order, however the calls came."""
    calls = [call("gpt-4o", agent=""), call("gpt-4o")]
    assert [group.key for group in group_events(calls, ["agent"])] == [(None,), ("",)]
    assert group_events(calls, ["agent"]) == group_events(reversed(calls), ["agent"])
