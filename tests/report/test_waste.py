"""Money that bought nothing."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from event_samples import HOUR_US, NOVEMBER_US, call
from taximeter.event import TaskCompletionEvent
from taximeter.pricing import Catalog
from taximeter.report.explanation import explain
from taximeter.report.totals import Totals
from taximeter.report.waste import WasteKind, WasteReport, find_waste
from taximeter.vocabulary import Outcome, UsageStatus

CATALOG = Catalog.default()


def claude(**fields: Any) -> TaskCompletionEvent:
    """Return a call that costs what the table says, in its version."""
    defaults = {
        "provider": "anthropic",
        "uncached_input_tokens": 1000,
        "text_output_tokens": 50,
        "price_version": CATALOG.version,
    }
    event = call("claude-sonnet-4-5", None, **{**defaults, **fields})
    nanos = explain(event, CATALOG).breakdown.cost.usd_nanos
    return call("claude-sonnet-4-5", nanos, event_id=event.event_id, **{**defaults, **fields})


def wasted(*events: TaskCompletionEvent, until_us: int = NOVEMBER_US + 24 * HOUR_US) -> WasteReport:
    return find_waste(lambda: events, CATALOG, until_us=until_us)


def amounts(report: WasteReport) -> dict[str, tuple[int, int]]:
    return {each.kind: (each.totals.calls, each.totals.cost_usd_nanos) for each in report.found}


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        (WasteKind.CUT_SHORT, {"outcome": Outcome.CANCELLED}),
        (WasteKind.CUT_SHORT, {"outcome": Outcome.PARTIAL, "quality_gate_passed": False}),
        (WasteKind.FAILED, {"outcome": Outcome.FAILURE}),
        (WasteKind.FAILED, {"outcome": Outcome.TIMEOUT, "context_compactions": 1}),
        (WasteKind.FAILED_GATE, {"quality_gate_passed": False, "context_rotations": 1}),
    ],
)
def test_a_call_is_in_the_first_kind_that_fits(kind: WasteKind, fields: dict[str, Any]) -> None:
    """With its whole cost, and in no other kind."""
    assert amounts(wasted(call(nanos=7, **fields), call(nanos=5))) == {kind: (1, 7)}


def test_a_try_that_another_came_after_was_for_nothing() -> None:
    """However it ended; the last try is judged by itself, and tries of other calls have nothing to do with it."""
    first = call(nanos=3, call_id="a", outcome=Outcome.FAILURE)
    found = wasted(first, call(nanos=4, call_id="a", attempt=2), call(nanos=5, call_id="b"), call(nanos=6))
    assert amounts(found) == {WasteKind.RETRIED: (1, 3)}


def test_what_cost_nothing_is_no_waste() -> None:
    """A refused call is free; one whose cost is not known is counted as such."""
    refused = call(
        None,
        None,
        outcome=Outcome.FAILURE,
        error_status=429,
        actual_input_tokens=None,
        actual_output_tokens=None,
    )
    lost = call("mystery", None, outcome=Outcome.TIMEOUT)
    (found,) = wasted(refused, lost, call(nanos=0, outcome=Outcome.CANCELLED)).found
    assert found.totals == Totals(calls=1, unpriced_calls=1)


def test_estimates_stay_estimates() -> None:
    """A cut stream's tokens are estimated from its text, and so is its waste."""
    (found,) = wasted(call(nanos=5, outcome=Outcome.CANCELLED, usage_status=UsageStatus.ESTIMATED)).found
    assert found.totals.money.startswith("~$")


def test_a_compaction_costs_the_input_that_was_not_in_the_cache() -> None:
    """Not its output, and not what the cache still had."""
    event = claude(context_compactions=1, cache_read_tokens=500)
    assert amounts(wasted(event)) == {WasteKind.COMPACTED: (1, 1000 * 3000)}


def test_a_cache_that_nobody_reads_costs_what_writing_costs_more() -> None:
    """A write is 1.25 times plain input for five minutes, twice for an hour; read in part, it is wasted in part."""
    write = claude(uncached_input_tokens=0, cache_write_5m_tokens=1000)
    assert amounts(wasted(write)) == {WasteKind.UNREAD_CACHE: (1, 1000 * 750)}
    long = claude(uncached_input_tokens=0, cache_write_1h_tokens=1000)
    assert amounts(wasted(long)) == {WasteKind.UNREAD_CACHE: (1, 1000 * 3000)}
    part = claude(started_at_us=NOVEMBER_US + 1, cache_read_tokens=600)
    assert amounts(wasted(write, part)) == {WasteKind.UNREAD_CACHE: (1, 400 * 750)}
    assert wasted(write, until_us=NOVEMBER_US + 1).found == []


EVENTS = st.lists(
    st.builds(
        lambda minute, **fields: claude(started_at_us=NOVEMBER_US + minute * 60_000_000, **fields),
        st.integers(0, 200),
        outcome=st.sampled_from(list(Outcome)),
        quality_gate_passed=st.sampled_from([None, True, False]),
        context_compactions=st.integers(0, 1),
        call_id=st.sampled_from([None, "a", "b"]),
        attempt=st.integers(1, 3),
        cache_read_tokens=st.sampled_from([None, 500, 1500]),
        cache_write_5m_tokens=st.sampled_from([None, 1000]),
        cache_write_1h_tokens=st.sampled_from([None, 1000]),
    ),
    max_size=12,
)


@given(EVENTS)
def test_no_cent_is_wasted_twice(events: list[TaskCompletionEvent]) -> None:
    """Each call is in one kind at most, with no more than it cost."""
    events.sort(key=lambda event: event.started_at_us)
    report = wasted(*events)
    assert report.total.calls <= len(events) == report.all_calls.calls
    assert report.total.cost_usd_nanos <= report.all_calls.cost_usd_nanos
