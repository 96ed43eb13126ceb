"""tracker.wrap_stream: the same items, the same iteration, the same exceptions, and one event."""

import gc
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Generator, Iterator
from contextlib import ExitStack
from time import perf_counter
from typing import Any, Self

import anthropic
import anyio
import anyio.lowlevel
import ollama
import openai
import pytest
from google import genai
from google.genai.types import HttpOptions

from list_tracker import BrokenTracker, ListTracker
from loopback import DemoServer
from taximeter.calls import call
from taximeter.capture import meter
from taximeter.errors import ConfigurationError
from taximeter.scopes import scope
from taximeter.streams import wrap_stream
from taximeter.tracker import start
from taximeter.vocabulary import Outcome, UsageStatus

USAGE = {"prompt_tokens": 9, "completion_tokens": 3}
END: dict[str, Any] = {"object": "chat.completion.chunk", "choices": [{"delta": {}, "finish_reason": "stop"}]}
CHUNKS: list[dict[str, Any]] = [
    {"object": "chat.completion.chunk", "model": "gpt-4o", "choices": [{"delta": {"content": "Hello "}}]},
    {"object": "chat.completion.chunk", "choices": [{"delta": {"content": "world"}}]},
    {**END, "usage": USAGE},
]


@pytest.fixture
def tracker() -> ListTracker:
    return ListTracker()


@pytest.fixture(scope="module")
def server() -> Iterator[DemoServer]:
    with DemoServer() as running:
        yield running


def sync_generator() -> Generator[Any, None, None]:
    yield from CHUNKS


async def async_generator() -> AsyncGenerator[Any, None]:
    for chunk in CHUNKS:
        await anyio.lowlevel.checkpoint()
        yield chunk


class Stream:
    """As SDKs have them: an iterator, a context manager, and something more."""

    status = 200

    def __init__(self) -> None:
        self._items = sync_generator()
        self.closed = False

    def __iter__(self) -> Iterator[Any]:
        yield from self._items

    def __next__(self) -> Any:
        return next(self._items)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Note it."""
        self.closed = True


class Manager:
    """As those of `client.messages.stream()`: entering gives the stream."""

    def __enter__(self) -> Stream:
        return Stream()

    def __exit__(self, *_: object) -> None:
        pass


@pytest.mark.parametrize("make", [sync_generator, Stream, lambda: iter(CHUNKS), lambda: CHUNKS])
def test_the_very_items_come_and_one_event(tracker: ListTracker, make: Callable[[], Any]) -> None:
    """Of generators, of SDK's streams, of iterators and of what is only iterable."""
    with scope(agent="a"):
        stream = wrap_stream(make(), tracker, model="gpt-4o", quality_gates_run=1)
    items = list(stream)
    assert all(item is chunk for item, chunk in zip(items, CHUNKS, strict=True))
    event = tracker.event
    assert (event.outcome, event.model, event.agent, event.streaming) == (
        Outcome.SUCCESS,
        "gpt-4o",
        "a",
        True,
    )
    assert (event.actual_input_tokens, event.actual_output_tokens, event.quality_gates_run) == (9, 3, 1)
    assert event.actual_cost_usd_nanos == 9 * 2500 + 3 * 10_000
    assert event.time_to_first_token_ms is not None
    assert event.task_duration_ms is not None
    assert event.time_to_first_token_ms <= event.task_duration_ms


@pytest.mark.anyio
async def test_async_items_come_and_one_event(tracker: ListTracker) -> None:
    """On both event loops."""
    items = [chunk async for chunk in wrap_stream(async_generator(), tracker)]
    assert all(item is chunk for item, chunk in zip(items, CHUNKS, strict=True))
    assert (tracker.event.outcome, tracker.event.actual_output_tokens) == (Outcome.SUCCESS, 3)


@pytest.mark.parametrize(
    "make", [sync_generator, async_generator, Stream, Manager, lambda: iter(CHUNKS), lambda: CHUNKS]
)
def test_it_can_what_the_stream_can(tracker: ListTracker, make: Callable[[], Any]) -> None:
    """As much of an iterator and a context manager as what it wraps, and of its class."""
    stream = make()
    metered = wrap_stream(stream, tracker)
    assert isinstance(metered, type(stream))
    for kind in (Iterator, AsyncIterator, Generator, AsyncGenerator):
        assert isinstance(metered, kind) == isinstance(stream, kind)
    for name in ("__iter__", "__next__", "__aiter__", "__enter__", "__aenter__", "send", "close", "status"):
        assert hasattr(metered, name) == hasattr(stream, name)


def test_entering_a_manager_gives_a_metered_stream(tracker: ListTracker) -> None:
    """Its attributes are the stream's own."""
    with wrap_stream(Manager(), tracker) as stream:
        assert stream.status == 200
        assert len(list(stream)) == 3
    assert tracker.event.outcome == Outcome.SUCCESS


def test_a_manager_that_cannot_be_entered_is_a_failure(tracker: ListTracker) -> None:
    """Its request goes out there."""

    class Refused(Manager):
        def __enter__(self) -> Stream:
            raise ConnectionRefusedError

    with pytest.raises(ConnectionRefusedError), wrap_stream(Refused(), tracker):
        pass
    assert (tracker.event.outcome, tracker.event.error_type) == (Outcome.FAILURE, "ConnectionRefusedError")


def test_what_is_sent_and_thrown_into_a_generator_gets_there(tracker: ListTracker) -> None:
    """And what it returns comes back."""

    def answers() -> Generator[Any, Any, str]:
        got = yield CHUNKS[0]
        try:
            yield got
        except KeyError:
            yield CHUNKS[2]
        return "done"

    stream = wrap_stream(answers(), tracker)
    assert next(stream) is CHUNKS[0]
    assert stream.send("hi") == "hi"
    assert stream.throw(KeyError()) is CHUNKS[2]
    with pytest.raises(StopIteration, match="done"):
        next(stream)
    assert tracker.event.outcome == Outcome.SUCCESS


def broken(error: BaseException, after: int) -> Generator[Any, None, None]:
    yield from CHUNKS[:after]
    raise error


@pytest.mark.parametrize(
    ("error", "after", "outcome"),
    [
        (ConnectionResetError(), 0, Outcome.FAILURE),
        (ConnectionResetError(), 1, Outcome.PARTIAL),
        (TimeoutError(), 1, Outcome.TIMEOUT),
        (KeyboardInterrupt(), 1, Outcome.CANCELLED),
        (ConnectionResetError(), 3, Outcome.SUCCESS),
    ],
    ids=repr,
)
def test_its_exceptions_go_on(
    tracker: ListTracker, error: BaseException, after: int, outcome: Outcome
) -> None:
    """The very same, and the outcome is as honest as on the wire: what comes after the end mark cuts nothing."""
    with pytest.raises(type(error)) as raised:
        list(wrap_stream(broken(error, after), tracker))
    assert raised.value is error
    assert tracker.event.outcome == outcome
    expected = None if outcome in {Outcome.SUCCESS, Outcome.CANCELLED} else type(error).__name__
    assert tracker.event.error_type == expected


def leave_by_close(stream: Any) -> None:
    next(stream)
    stream.close()


def leave_by_forgetting(stream: Any) -> None:
    next(stream)


def leave_by_break(stream: Any) -> None:
    for _ in stream:
        break


@pytest.mark.parametrize("leave", [leave_by_close, leave_by_forgetting, leave_by_break])
@pytest.mark.parametrize("make", [sync_generator, Stream])
def test_a_stream_that_is_left_is_cancelled_and_estimated(
    tracker: ListTracker, make: Callable[[], Any], leave: Callable[[Any], None]
) -> None:
    """One event, whose tokens are a guess that says so."""
    leave(wrap_stream(make(), tracker, model="gpt-4o", request={"messages": [{"content": "12345678"}]}))
    gc.collect()
    event = tracker.event
    assert (event.outcome, event.usage_status) == (Outcome.CANCELLED, UsageStatus.ESTIMATED)
    assert (event.actual_input_tokens, event.actual_output_tokens) == (2, 2)


@pytest.mark.anyio
async def test_a_cancelled_reader_leaves_one_cancelled_event(tracker: ListTracker) -> None:
    """A task group that is cancelled while its tasks read."""

    async def stalling() -> AsyncGenerator[Any, None]:
        yield CHUNKS[0]
        await anyio.sleep_forever()

    async def read() -> None:
        async for _ in wrap_stream(stalling(), tracker):
            pass

    async with anyio.create_task_group() as group:
        group.start_soon(read)
        group.start_soon(read)
        await anyio.wait_all_tasks_blocked()
        group.cancel_scope.cancel()
    assert [event.outcome for event in tracker.tracked] == [Outcome.CANCELLED] * 2


@pytest.mark.anyio
async def test_closing_an_async_stream_waits_for_it(tracker: ListTracker) -> None:
    """`aclose` of a generator, `close` of those SDKs whose close is a coroutine."""

    class AsyncStream:
        closed = False

        def __aiter__(self) -> AsyncIterator[Any]:
            return async_generator()

        async def close(self) -> None:
            await anyio.lowlevel.checkpoint()
            AsyncStream.closed = True

    generator = wrap_stream(async_generator(), tracker)
    await anext(generator)
    await generator.aclose()
    assert tracker.event.outcome == Outcome.CANCELLED
    stream = wrap_stream(AsyncStream(), tracker)
    await stream.close()
    assert AsyncStream.closed
    assert len(tracker.tracked) == 2


def test_time_may_count_from_the_request(tracker: ListTracker) -> None:
    """A stream is often there only after its headers have come."""
    list(wrap_stream(sync_generator(), tracker, started_s=perf_counter() - 2))
    event = tracker.event
    assert event.time_to_first_token_ms is not None
    assert event.time_to_first_token_ms > 2000


@pytest.mark.parametrize(
    ("stream", "options"),
    [(5, {}), (None, {}), ([], {"wire_format": "klingon"}), ([], {"agnet": "x"}), ([], {"started_s": "now"})],
    ids=str,
)
def test_what_cannot_be_metered_is_refused_at_once(tracker: ListTracker, stream: Any, options: Any) -> None:
    """No stream, no such format, no such field, no time."""
    with pytest.raises(ConfigurationError):
        wrap_stream(stream, tracker, **options)


def test_a_broken_tracker_reaches_nobody() -> None:
    """The items come all the same."""
    assert list(wrap_stream(sync_generator(), BrokenTracker())) == CHUNKS


def test_the_tracker_has_it() -> None:
    """As a method, with the same options."""
    with start("memory:") as tracker:
        list(tracker.wrap_stream(sync_generator(), provider="groq"))
        assert tracker.flush().tracked == 1


def test_inside_a_call_it_is_the_calls_event(tracker: ListTracker) -> None:
    """A stream wrapped in a block that is metered too."""
    with call(tracker=tracker) as it:
        list(wrap_stream(sync_generator(), tracker))
    assert it.event is not None
    assert it.event.actual_output_tokens == 3
    assert len(tracker.tracked) == 3


QUESTION: Any = [{"role": "user", "content": "What does a taximeter do?"}]


def ask_openai(server: DemoServer, end: ExitStack) -> Any:
    client = end.enter_context(openai.OpenAI(base_url=f"{server.url}/v1", api_key="key"))
    return client.chat.completions.create(
        model="gpt-4.1-mini", messages=QUESTION, stream=True, stream_options={"include_usage": True}
    )


def ask_responses(server: DemoServer, end: ExitStack) -> Any:
    client = end.enter_context(openai.OpenAI(base_url=f"{server.url}/v1", api_key="key"))
    return client.responses.create(model="gpt-5-mini", input="Hi", stream=True)


def ask_anthropic(server: DemoServer, end: ExitStack) -> Any:
    client = end.enter_context(anthropic.Anthropic(base_url=server.url, api_key="key"))
    return client.messages.create(model="claude-sonnet-4-6", max_tokens=9, messages=QUESTION, stream=True)


def ask_gemini(server: DemoServer, end: ExitStack) -> Any:
    client = genai.Client(api_key="key", http_options=HttpOptions(base_url=server.url))
    end.callback(client.close)
    return client.models.generate_content_stream(model="gemini-2.5-flash", contents="Hi")


def ask_ollama(server: DemoServer, end: ExitStack) -> Any:
    client = ollama.Client(host=server.url)
    end.callback(client._client.close)
    return client.chat(model="llama3.2", messages=QUESTION, stream=True)


SDKS = [ask_openai, ask_responses, ask_anthropic, ask_gemini, ask_ollama]


@pytest.mark.parametrize("ask", SDKS)
def test_streams_of_sdks_tell_what_their_wire_tells(
    server: DemoServer,
    tracker: ListTracker,
    ask: Callable[[DemoServer, ExitStack], Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The same items as without, and the tokens of the provider."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    with ExitStack() as end:
        plain = [repr(type(item)) for item in ask(server, end)]
        stream = ask(server, end)
        metered = wrap_stream(stream, tracker)
        assert isinstance(metered, type(stream))
        assert [repr(type(item)) for item in metered] == plain
    event = tracker.event
    assert (event.outcome, event.usage_status) == (Outcome.SUCCESS, UsageStatus.REPORTED)
    assert event.actual_output_tokens
    assert event.finish_reasons
    assert event.time_to_first_token_ms is not None


def test_the_stream_of_a_metered_client_is_left_to_the_wire(server: DemoServer, tracker: ListTracker) -> None:
    """Both would make an event of it; the wire knows more."""
    with meter(openai.OpenAI(base_url=f"{server.url}/v1", api_key="key"), tracker) as client:
        stream = client.chat.completions.create(model="gpt-4.1-mini", messages=QUESTION, stream=True)
        assert wrap_stream(stream, tracker) is stream
        list(stream)
    assert tracker.event.wire_format == "openai.chat"


def test_a_request_that_goes_out_with_the_first_item_is_the_same_call(
    server: DemoServer, tracker: ListTracker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ollama's SDK sends it only then; its client is metered, and there is one event, with what is stated."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    client = meter(ollama.Client(host=server.url), tracker)
    for read in (list, leave_by_close):
        stream = client.chat(model="llama3.2", messages=QUESTION, stream=True)
        read(wrap_stream(stream, tracker, quality_gates_run=1))
    client._client.close()
    whole, cut = tracker.tracked
    assert (whole.outcome, cut.outcome) == (Outcome.SUCCESS, Outcome.CANCELLED)
    assert whole.wire_format == cut.wire_format == "ollama.chat"
    assert whole.quality_gates_run == cut.quality_gates_run == 1


def test_a_metered_manager_is_the_same_call(server: DemoServer, tracker: ListTracker) -> None:
    """Anthropic's helper sends the request when it is entered, and reads it past the wrapper."""
    with meter(anthropic.Anthropic(base_url=server.url, api_key="key"), tracker) as client:
        manager = client.messages.stream(model="claude-sonnet-4-6", max_tokens=9, messages=QUESTION)
        with wrap_stream(manager, tracker) as stream:
            assert "".join(stream.text_stream) == stream.get_final_text()
    assert (tracker.event.wire_format, tracker.event.outcome) == ("anthropic.messages", Outcome.SUCCESS)


def test_a_stream_left_open_ends_with_the_program(tracker: ListTracker) -> None:
    """Before the tracker's own end, so that its event is delivered."""
    from taximeter.capture.call import leave_open_calls  # noqa: PLC0415 - what the program's end calls

    stream = wrap_stream(sync_generator(), tracker)
    next(stream)
    leave_open_calls()
    assert tracker.event.outcome == Outcome.CANCELLED
    assert list(stream) == CHUNKS[1:]
    assert len(tracker.tracked) == 1


@pytest.mark.parametrize(("privacy", "kept"), [("full", [("user: Hi", "Hello there")]), ("metadata", [])])
def test_what_a_stream_says_is_kept_at_full_only(privacy: str, kept: list[Any]) -> None:
    """Put together of its items, beside the one event of its call."""
    chunks = [{"choices": [{"index": 0, "delta": {"content": text}}]} for text in ("Hello", " there")]
    request = {"messages": [{"role": "user", "content": "Hi"}]}
    with start("memory:", privacy=privacy) as tracker:
        assert list(tracker.wrap_stream(iter(chunks), request=request)) == chunks
        tracker.flush()
        memory: Any = tracker.sinks[0]
        call, *said = memory.events
    assert [(each.payload.prompt, each.payload.answer) for each in said] == kept
    assert all(each.payload.call_event_id == call.event_id for each in said)
