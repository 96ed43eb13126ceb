"""How calls end: each in one event with an honest outcome, and without a trace in what the application sees."""

import gc
from collections.abc import Callable
from typing import Any

import anthropic
import anyio
import anyio.lowlevel
import httpx
import httpx2
import ollama
import openai
import pytest

import taximeter
from list_tracker import BrokenTracker, ListTracker
from loopback import DemoServer, Trouble
from taximeter.capture import meter
from taximeter.event import TaskCompletionEvent

# The openai SDK leaves its own generators to the collector after the end mark, which trio warns of; metered or not.
pytestmark = pytest.mark.filterwarnings("ignore:Async generator:ResourceWarning")

MODEL = "gpt-4.1-mini"


def asked(text: str = "Hello") -> Any:
    """Return the messages of a question."""
    return [{"role": "user", "content": text}]


def gpt(server: DemoServer, tracker: Any, **options: Any) -> openai.OpenAI:
    """Return a metered client."""
    return meter(openai.OpenAI(base_url=f"{server.url}/v1", api_key="key", **options), tracker)


def async_gpt(server: DemoServer, tracker: Any, **options: Any) -> openai.AsyncOpenAI:
    """Return a metered async client."""
    return meter(openai.AsyncOpenAI(base_url=f"{server.url}/v1", api_key="key", **options), tracker)


async def until(true: Callable[[], bool]) -> None:
    """Let the event loop turn until something is true."""
    with anyio.fail_after(10):
        while not true():
            await anyio.lowlevel.checkpoint()


def check_left(event: TaskCompletionEvent) -> None:
    """A stream that the application left after some of its text."""
    assert event.outcome == "cancelled"
    assert event.requested_model == MODEL
    assert event.usage_status == "estimated"
    assert event.actual_output_tokens
    assert event.actual_input_tokens
    assert event.error_type is None
    assert event.time_to_first_token_ms is not None


def break_and_close(stream: Any) -> None:
    for _, _ in zip(stream, range(2), strict=False):
        pass
    stream.close()


def leave_the_block(stream: Any) -> None:
    with stream:
        for _, _ in zip(stream, range(2), strict=False):
            pass


def let_it_go(stream: Any) -> None:
    next(stream)
    next(stream)


@pytest.mark.parametrize("leave", [break_and_close, leave_the_block, let_it_go])
def test_stream_left_by_the_application_is_cancelled(
    leave: Callable[[Any], None], server: DemoServer, tracker: ListTracker
) -> None:
    """Break and close, the end of a with block and the garbage collector each end a call in one event."""
    with gpt(server, tracker) as client:
        leave(client.chat.completions.create(model=MODEL, messages=asked(Trouble.STALL), stream=True))
        gc.collect()
        check_left(tracker.event)
    assert len(tracker.tracked) == 1


def test_stream_that_nobody_reads_is_cancelled(server: DemoServer, tracker: ListTracker) -> None:
    """A stream that is never read ends in one event when it goes."""
    with gpt(server, tracker) as client:
        client.chat.completions.create(model=MODEL, messages=asked(), stream=True).close()
    assert tracker.event.outcome == "cancelled"
    assert tracker.event.time_to_first_token_ms is None


@pytest.mark.anyio
async def test_cancelled_task_ends_its_stream(server: DemoServer, tracker: ListTracker) -> None:
    """A task that is cancelled while it waits for the next chunk makes one cancelled event."""
    async with async_gpt(server, tracker) as client:
        stream = await client.chat.completions.create(model=MODEL, messages=asked(Trouble.STALL), stream=True)
        with anyio.CancelScope() as scope:
            async with stream:
                async for chunk in stream:
                    if chunk.choices[0].delta.content:
                        scope.cancel()
        assert scope.cancelled_caught
    check_left(tracker.event)


@pytest.mark.anyio
async def test_cancelled_task_ends_its_call(server: DemoServer, tracker: ListTracker) -> None:
    """A task that is cancelled before the headers have come makes one cancelled event."""
    arrived = len(server.requests)
    async with async_gpt(server, tracker) as client, anyio.create_task_group() as tasks:

        async def ask() -> None:
            await client.chat.completions.create(model=MODEL, messages=asked(Trouble.WAIT))

        tasks.start_soon(ask)
        await until(lambda: len(server.requests) > arrived)
        tasks.cancel_scope.cancel()
    assert tracker.event.outcome == "cancelled"
    assert not tracker.event.streaming


@pytest.mark.anyio
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_abandoned_async_stream_is_one_event(server: DemoServer, tracker: ListTracker) -> None:
    """An async stream that is broken off and forgotten ends when the loop has collected it."""
    async with async_gpt(server, tracker) as client:
        stream = await client.chat.completions.create(model=MODEL, messages=asked(Trouble.STALL), stream=True)
        async for chunk in stream:
            if chunk.choices[0].delta.content:
                break
        del stream, chunk
        await until(lambda: gc.collect() >= 0 and bool(tracker.tracked))
    check_left(tracker.event)


@pytest.mark.parametrize("library", [httpx, httpx2])
def test_stream_left_after_its_end_mark_is_a_success(
    library: Any, server: DemoServer, tracker: ListTracker
) -> None:
    """What counts is the end mark on the wire, not whether the application read on until the connection's end."""
    client = meter(library.Client(), tracker)
    body = {"model": MODEL, "messages": asked(), "stream": True}
    with client, client.stream("POST", f"{server.url}/v1/chat/completions", json=body) as response:
        for line in response.iter_lines():
            if line == "data: [DONE]":
                break
    assert tracker.event.outcome == "success"
    assert tracker.event.actual_output_tokens == 212


def test_stream_left_at_the_reason_to_stop_is_a_success(server: DemoServer, tracker: ListTracker) -> None:
    """Who has the reason to stop and the final counts has left nothing out, though the end mark was still to come."""
    client = meter(httpx2.Client(), tracker)
    body = {"model": "claude-haiku-4-5", "max_tokens": 9, "messages": asked(), "stream": True}
    with client, client.stream("POST", f"{server.url}/v1/messages", json=body) as response:
        for line in response.iter_lines():
            if "end_turn" in line:
                break
    assert (tracker.event.outcome, tracker.event.actual_output_tokens) == ("success", 387)


@pytest.mark.parametrize("library", [httpx, httpx2])
def test_stream_cut_by_the_server_is_partial(library: Any, server: DemoServer, tracker: ListTracker) -> None:
    """A connection that breaks midway raises as before; what had come is a partial call."""
    client = meter(library.Client(), tracker)
    body = {"model": MODEL, "messages": asked(Trouble.HANG_UP), "stream": True}
    received: list[bytes] = []
    with client, client.stream("POST", f"{server.url}/v1/chat/completions", json=body) as response:  # noqa: SIM117 - the error must come from reading
        with pytest.raises(library.RemoteProtocolError):
            received.extend(response.iter_bytes())
    assert b"".join(received).count(b"data: ") == 3
    assert tracker.event.outcome == "partial"
    assert tracker.event.error_type == "RemoteProtocolError"
    assert tracker.event.model == MODEL


@pytest.mark.anyio
async def test_async_stream_cut_by_the_server_is_partial(server: DemoServer, tracker: ListTracker) -> None:
    """The same of an async SDK stream."""
    async with async_gpt(server, tracker, max_retries=0) as client:
        stream = await client.chat.completions.create(
            model=MODEL, messages=asked(Trouble.HANG_UP), stream=True
        )
        with pytest.raises(openai.APIConnectionError):
            [chunk async for chunk in stream]
    assert tracker.event.outcome == "partial"


def test_ndjson_that_just_stops_is_partial(server: DemoServer, tracker: ListTracker) -> None:
    """Without its `done` line a stream of Ollama is partial."""
    with meter(ollama.Client(host=server.url), tracker) as client, pytest.raises(httpx.RemoteProtocolError):
        list(client.chat(model="llama3.2", messages=asked(Trouble.HANG_UP), stream=True))
    assert tracker.event.outcome == "partial"


def test_whole_answer_cut_by_the_server_is_a_failure(server: DemoServer, tracker: ListTracker) -> None:
    """Half of a document is no answer."""
    with gpt(server, tracker, max_retries=0) as client, pytest.raises(openai.APIConnectionError):
        client.chat.completions.create(model=MODEL, messages=asked(Trouble.HANG_UP))
    assert tracker.event.outcome == "failure"
    assert tracker.event.error_type == "RemoteProtocolError"


def test_error_answer_is_a_failure(server: DemoServer, tracker: ListTracker) -> None:
    """A refused call raises as before and says in its event why."""
    with gpt(server, tracker, max_retries=0) as client, pytest.raises(openai.BadRequestError):
        client.chat.completions.create(model=MODEL, messages=asked(Trouble.BAD_REQUEST), stream=True)
    event = tracker.event
    assert (event.outcome, event.error_status, event.error_retryable) == ("failure", 400, False)
    assert event.requested_model == MODEL


@pytest.mark.parametrize("sdk", ["openai", "anthropic"])
def test_each_attempt_is_an_event(sdk: str, server: DemoServer, tracker: ListTracker) -> None:
    """A retry of the SDK's own makes a second event, which knows that it is one."""
    if sdk == "openai":
        with gpt(server, tracker, max_retries=2) as client:
            client.chat.completions.create(model=MODEL, messages=asked(Trouble.RATE_LIMIT_ONCE))
    else:
        with meter(anthropic.Anthropic(base_url=server.url, api_key="key"), tracker) as claude:
            claude.messages.create(
                model="claude-haiku-4-5", max_tokens=9, messages=asked(Trouble.RATE_LIMIT_ONCE)
            )
    first, second = tracker.tracked
    assert (first.outcome, first.error_status, first.attempt, first.retry_count) == ("failure", 429, 1, 0)
    assert (second.outcome, second.attempt, second.retry_count) == ("success", 2, 1)


@pytest.mark.parametrize("library", [httpx, httpx2])
def test_no_connection_is_a_failure(library: Any, tracker: ListTracker) -> None:
    """A refused connection raises as before, in one event that names the exception."""
    with meter(library.Client(), tracker) as client, pytest.raises(library.ConnectError):
        client.post("http://127.0.0.1:1/v1/chat/completions", json={"model": MODEL})
    event = tracker.event
    assert (event.outcome, event.error_type, event.requested_model) == ("failure", "ConnectError", MODEL)


@pytest.mark.parametrize("library", [httpx, httpx2])
def test_read_timeout_is_a_timeout(library: Any, server: DemoServer, tracker: ListTracker) -> None:
    """A timeout raises as before, in one event that says so."""
    with meter(library.Client(timeout=0.05), tracker) as client, pytest.raises(library.ReadTimeout):
        client.post(
            f"{server.url}/v1/chat/completions", json={"model": MODEL, "messages": asked(Trouble.WAIT)}
        )
    assert (tracker.event.outcome, tracker.event.error_type) == ("timeout", "ReadTimeout")


def test_scope_is_the_one_of_the_request(server: DemoServer, tracker: ListTracker) -> None:
    """A stream that is read outside the scope it was asked for in belongs to that scope."""
    with gpt(server, tracker) as client:
        with taximeter.scope(agent="reviewer", task_type="code_review", user="u-17"):
            stream = client.chat.completions.create(model=MODEL, messages=asked(), stream=True)
        list(stream)
    event = tracker.event
    assert (event.agent, event.task_type, event.user) == ("reviewer", "code_review", "u-17")


@pytest.mark.parametrize("streaming", [False, True])
def test_broken_tracker_leaves_the_call_alone(
    streaming: bool, server: DemoServer, tracker: ListTracker
) -> None:
    """Whatever is wrong with the tracker, the application gets its answer."""
    with gpt(server, BrokenTracker()) as client:
        answer: Any = client.chat.completions.create(model=MODEL, messages=asked(), stream=streaming)
        assert len(list(answer)) == 6 if streaming else answer.choices[0].finish_reason == "stop"


class BuilderlessTracker(ListTracker):
    """Counts, but cannot make an event."""

    @property
    def events(self) -> Any:
        """Raise."""
        raise RuntimeError("no builder here")


def test_failed_metering_is_counted(server: DemoServer) -> None:
    """A call of which no event could be made is counted as lost, once."""
    tracker = BuilderlessTracker()
    with gpt(server, tracker) as client:
        client.embeddings.create(model="text-embedding-3-small", input="Hello")
    assert tracker.losses == {"capture_error": 1}
    assert not tracker.tracked


def test_nothing_of_the_texts_is_kept(server: DemoServer, tracker: ListTracker) -> None:
    """No prompt, no answer and no key is in the event."""
    with gpt(server, tracker) as client:
        client.chat.completions.create(model=MODEL, messages=asked("a secret question"))
    line = taximeter.encode_event(tracker.event)
    assert b"secret" not in line
    assert b"ride" not in line
    assert b"key" not in line
