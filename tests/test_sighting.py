"""A call that wire and wrapper have both seen is one event; calls that only look alike stay apart."""

from typing import Any

import openai
import pytest

from list_tracker import ListTracker
from loopback import DemoServer
from taximeter.capture import meter
from taximeter.event import TaskCompletionEvent
from taximeter.sighting import REMEMBERED, is_repeat, watch
from taximeter.streams import wrap_stream


def event(**fields: Any) -> TaskCompletionEvent:
    """Return an event of a second, with an id as gateways give it to all."""
    defaults: dict[str, Any] = {
        "provider_response_id": "chatcmpl-1",
        "started_at_us": 10_000_000,
        "task_duration_ms": 1000.0,
        "actual_input_tokens": 5,
        "usage_status": "reported",
    }
    return TaskCompletionEvent(**defaults | fields)


@pytest.fixture
def tracker() -> ListTracker:
    """A tracker that is watched."""
    tracker = ListTracker()
    watch(tracker)
    return tracker


def test_second_sighting_is_a_repeat(tracker: ListTracker) -> None:
    """Whoever comes first, the other layer's event of the same call is dropped, once."""
    assert not is_repeat(tracker, event(), "wire")
    assert is_repeat(tracker, event(started_at_us=10_200_000), "stream")
    assert not is_repeat(tracker, event(), "stream")
    assert is_repeat(tracker, event(actual_input_tokens=None), "wire")


def test_one_layer_never_repeats_itself(tracker: ListTracker) -> None:
    """A gateway that gives the same id to every answer costs no event."""
    assert [is_repeat(tracker, event(), "wire") for _ in range(3)] == [False] * 3


@pytest.mark.parametrize(
    "other",
    [
        {"provider_response_id": "chatcmpl-2"},
        {"provider_response_id": None},
        {"started_at_us": 13_000_000},
        {"started_at_us": 7_000_000},
        {"actual_input_tokens": 6},
    ],
    ids=["another id", "no id", "later", "earlier", "other tokens"],
)
def test_calls_that_look_alike_stay_apart(other: dict[str, Any], tracker: ListTracker) -> None:
    """The id, the time and the tokens must agree."""
    assert not is_repeat(tracker, event(), "wire")
    assert not is_repeat(tracker, event(**other), "stream")


def test_nothing_is_remembered_unasked() -> None:
    """Where no layer watches, every event is tracked."""
    tracker = ListTracker()
    assert not is_repeat(tracker, event(), "wire")
    assert not is_repeat(tracker, event(), "stream")


def test_memory_is_bounded(tracker: ListTracker) -> None:
    """What nobody matched is forgotten after some hundred calls."""
    for number in range(REMEMBERED + 1):
        is_repeat(tracker, event(provider_response_id=f"id-{number}"), "wire")
    assert not is_repeat(tracker, event(provider_response_id="id-0"), "stream")
    assert is_repeat(tracker, event(provider_response_id="id-9"), "stream")


@pytest.mark.parametrize("leave", [False, True])
def test_wrapped_stream_of_a_metered_client_is_one_event(leave: bool) -> None:
    """A stream that is wrapped after its metered call has begun is counted once, read to its end or left."""
    tracker = ListTracker()
    with DemoServer() as server, openai.OpenAI(base_url=f"{server.url}/v1", api_key="key") as client:
        meter(client, tracker)
        for _ in range(2):
            stream = client.chat.completions.create(model="gpt-4.1-mini", messages=[], stream=True)
            wrapped = wrap_stream(stream, tracker)
            for _ in wrapped:
                if leave:
                    break
            wrapped.close()
            del stream, wrapped
    assert [str(event.outcome) for event in tracker.tracked] == ["cancelled" if leave else "success"] * 2
