"""What a telemetry service is told: the same run for all events of a call, whole whatever was lost."""

from typing import Any
from uuid import UUID

import pytest
from hypothesis import given

from event_samples import EVENTS
from taximeter.event import (
    CallFailedEvent,
    CallFailedPayload,
    CallFinishedEvent,
    CallStartedEvent,
    Event,
    RunFinishedEvent,
    RunFinishedPayload,
    RunStartedEvent,
    TaskCompletionEvent,
)
from taximeter.sinks.run_requests import begin_after_all, requests_of, run_key

IDS: Any = {"trace_id": "t", "span_id": "s", "run_id": "r"}


def test_all_events_of_a_span_lead_to_one_run() -> None:
    """By a UUID that is made anew from the same ids in any process."""
    kinds = (CallStartedEvent, CallFinishedEvent, CallFailedEvent, TaskCompletionEvent)
    (key,) = {run_key(kind(**IDS)) for kind in kinds}
    assert UUID(key).version == 5
    assert run_key(CallStartedEvent(trace_id="t", span_id="other")) != key


def test_an_event_without_a_span_is_a_run_of_its_own() -> None:
    """Under its own id."""
    event = TaskCompletionEvent()
    assert run_key(event) == event.event_id


@pytest.mark.parametrize(
    ("event", "begins", "ends"),
    [
        (CallStartedEvent(), True, False),
        (RunStartedEvent(), True, False),
        (CallFinishedEvent(), False, True),
        (CallFailedEvent(), False, True),
        (RunFinishedEvent(), False, True),
        (TaskCompletionEvent(), True, True),
    ],
    ids=lambda value: type(value).__name__,
)
def test_each_kind_begins_or_ends_a_run(event: Event, begins: bool, ends: bool) -> None:
    """A call that is known as a whole does both; what only ends can be begun after all."""
    requests = requests_of(event)
    assert (requests.begin is not None, requests.end is not None) == (begins, ends)
    assert (begin_after_all(event) is not None) == (ends and not begins)


def test_a_run_without_a_parent_is_named_by_the_call() -> None:
    """And one with a parent by both."""
    failed = CallFailedPayload(call_id="c", error_summary="x" * 900)
    alone, below = CallFailedEvent(payload=failed), CallFailedEvent(run_id="r", payload=failed)
    names = [(begin_after_all(event) or {})["run_id"] for event in (alone, below)]
    assert names == ["llm-c", "r-llm-c"]
    assert len((requests_of(below).end or {})["error_summary"]) == 500


def test_a_run_that_was_cancelled_has_failed() -> None:
    """The service knows no other words than success and failure."""
    event = RunFinishedEvent(payload=RunFinishedPayload(outcome="cancelled", calls=2))  # type: ignore[arg-type]  # a plain word
    end = requests_of(event).end or {}
    assert (end["status"], end["error_summary"], end["metrics_json"]["calls"]) == ("failure", "cancelled", 2)


@given(EVENTS)
def test_any_call_can_be_told(events: list[TaskCompletionEvent]) -> None:
    """Whatever is known of it; it ends no sooner than it began."""
    for event in events:
        requests = requests_of(event)
        assert requests.begin is not None
        assert requests.end is not None
        assert requests.end["end_time"] >= requests.begin["start_time"]
