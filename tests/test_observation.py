"""A layer above the wire hears of the calls below it, and the two make one event."""

import json

import anyio
import anyio.to_thread
import httpx2
import pytest

from list_tracker import ListTracker
from taximeter.capture import meter
from taximeter.event import TaskCompletionEvent
from taximeter.observation import (
    CALL_LIMIT,
    Observation,
    ObservedCall,
    begin_in,
    current_observation,
    is_taken,
)


@pytest.fixture
def tracker() -> ListTracker:
    """A tracker to look into."""
    return ListTracker()


URL = "https://api.openai.com/v1/embeddings"
REQUEST = {"model": "text-embedding-3-small", "input": "Hello"}
JSON = {"content-type": "application/json"}
ANSWER = {"object": "list", "data": [], "model": "text-embedding-3-small", "usage": {"prompt_tokens": 4}}


def answering(_: httpx2.Request) -> httpx2.Response:
    """Play the server, whose answer comes when it is read."""
    return httpx2.Response(200, content=iter([json.dumps(ANSWER).encode()]), headers=JSON)


def client_of(tracker: ListTracker) -> httpx2.Client:
    """Return a metered client whose network is a function."""
    return meter(httpx2.Client(transport=httpx2.MockTransport(answering)), tracker)


def test_observed_call_is_handed_to_the_layer_around(tracker: ListTracker) -> None:
    """Inside an observation the layer above gets event and facts, and the tracker nothing."""
    with client_of(tracker) as client, Observation(tracker) as seen:
        client.post(URL, json=REQUEST)
    ((event, facts),) = seen.calls
    assert not tracker.tracked
    assert (event.actual_input_tokens, event.provider) == (4, "openai")
    assert facts is not None
    assert facts.usage is not None
    assert (seen.begun, seen.unfinished) == (1, 0)


def test_wire_may_be_preferred(tracker: ListTracker) -> None:
    """An observation that does not take leaves the event to the wire, and knows that there was one."""
    with client_of(tracker) as client, Observation(tracker, takes=False) as seen:
        client.post(URL, json=REQUEST)
    assert [call.event for call in seen.calls] == [tracker.event]


def test_other_trackers_record_as_before(tracker: ListTracker) -> None:
    """An observation is of one tracker's calls."""
    with client_of(tracker) as client, Observation(ListTracker()) as seen:
        client.post(URL, json=REQUEST)
    assert tracker.event.actual_input_tokens == 4
    assert not seen.begun


def test_stream_read_after_the_observation_is_tracked(tracker: ListTracker) -> None:
    """What ends too late for the layer above is not lost: the wire tracks it, and the layer can tell."""
    with client_of(tracker) as client:
        with Observation(tracker) as seen:
            response = client.send(client.build_request("POST", URL, json=REQUEST), stream=True)
        assert current_observation() is None
        assert (seen.begun, seen.unfinished) == (1, 1)
        response.read()
    assert tracker.event.actual_input_tokens == 4
    assert not seen.calls


def test_observations_nest(tracker: ListTracker) -> None:
    """The innermost one takes; what it makes of it, it offers to the one around."""
    with Observation(tracker) as outer, client_of(tracker) as client:
        with Observation(tracker) as inner:
            client.post(URL, json=REQUEST)
        assert is_taken(inner.outer, tracker, inner.calls[0])
    assert outer.calls == inner.calls
    assert not tracker.tracked


def test_observation_is_bounded(tracker: ListTracker) -> None:
    """Around a whole program it is no layer of a call: beyond the limit events are tracked again."""
    call = ObservedCall(TaskCompletionEvent())
    with Observation(tracker) as seen:
        taken = [is_taken(seen, tracker, call) for _ in range(CALL_LIMIT + 1)]
    assert taken == [True] * CALL_LIMIT + [False]
    assert not is_taken(seen, tracker, call)


def test_call_that_was_none_is_not_unfinished(tracker: ListTracker) -> None:
    """A redirect begins a call and takes it back."""
    with Observation(tracker) as seen:
        begin_in(seen, tracker)
        begin_in(seen, tracker, -1)
    assert seen.unfinished == 0


@pytest.mark.anyio
async def test_tasks_and_threads_inherit_it(tracker: ListTracker) -> None:
    """Calls of tasks and of worker threads started inside are seen, those beside are not."""
    with client_of(tracker) as client:

        async def ask() -> None:
            await anyio.to_thread.run_sync(lambda: client.post(URL, json=REQUEST))

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(ask)
            with Observation(tracker) as seen:
                async with anyio.create_task_group() as inner:
                    inner.start_soon(ask)
    assert len(seen.calls) == len(tracker.tracked) == 1
