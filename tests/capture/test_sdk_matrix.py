"""What the official SDKs' users see of the meter, which is nothing, and what it sees of their calls."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any, NamedTuple

import aiohttp
import anthropic
import anyio
import ollama
import openai
import pytest
from google import genai

from list_tracker import ListTracker
from loopback import DemoServer
from taximeter.capture import meter, meter_everything

# The openai SDK leaves its own generators to the collector after the end mark, which trio warns of; metered or not.
# google-genai inherits from an aiohttp class that does not want it.
pytestmark = pytest.mark.filterwarnings(
    "ignore:Async generator:ResourceWarning", "ignore:Inheritance class:DeprecationWarning"
)

QUESTION = "What does a taximeter do?"
ASKED: list[Any] = [{"role": "user", "content": QUESTION}]
Prepare = Callable[[Any], Any]


class Expected(NamedTuple):
    """What the event of a call must say."""

    wire_format: str
    model: str
    input_tokens: int
    output_tokens: int | None
    cache_read_tokens: int | None
    finish_reasons: tuple[str, ...]


CHAT = Expected("openai.chat", "gpt-4.1-mini", 1843, 212, 1536, ("stop",))
RESPONSES = Expected("openai.responses", "gpt-5-mini", 642, 934, 0, ("completed",))
EMBEDDINGS = Expected("openai.embeddings", "text-embedding-3-small", 412, None, None, ())
MESSAGES = Expected("anthropic.messages", "claude-haiku-4-5", 6752, 387, 6144, ("end_turn",))
GEMINI = Expected("gemini.generate", "gemini-2.5-flash", 2310, 708, 2048, ("STOP",))
GEMINI_STREAM = GEMINI._replace(wire_format="gemini.stream_generate")
OLLAMA_CHAT = Expected("ollama.chat", "llama3.2", 326, 98, None, ("stop",))
OLLAMA_GENERATE = OLLAMA_CHAT._replace(wire_format="ollama.generate")
OLLAMA_EMBED = Expected("ollama.embed", "llama3.2", 8, None, None, ())

OPENAI: dict[str, tuple[Expected, Callable[[Any], Any]]] = {
    "chat": (CHAT, lambda c: c.chat.completions.create(model="gpt-4.1-mini", messages=ASKED)),
    "chat stream": (
        CHAT,
        lambda c: c.chat.completions.create(model="gpt-4.1-mini", messages=ASKED, stream=True),
    ),
    "chat stream with usage": (
        CHAT,
        lambda c: c.chat.completions.create(
            model="gpt-4.1-mini", messages=ASKED, stream=True, stream_options={"include_usage": True}
        ),
    ),
    "chat raw": (
        CHAT,
        lambda c: c.chat.completions.with_raw_response.create(model="gpt-4.1-mini", messages=ASKED),
    ),
    "chat with options": (
        CHAT,
        lambda c: c.with_options(timeout=9).chat.completions.create(model="gpt-4.1-mini", messages=ASKED),
    ),
    "responses": (RESPONSES, lambda c: c.responses.create(model="gpt-5-mini", input=QUESTION)),
    "responses stream": (
        RESPONSES,
        lambda c: c.responses.create(model="gpt-5-mini", input=QUESTION, stream=True),
    ),
    "embeddings": (
        EMBEDDINGS,
        lambda c: c.embeddings.create(model="text-embedding-3-small", input=[QUESTION]),
    ),
}
ANTHROPIC: dict[str, tuple[Expected, Callable[[Any], Any]]] = {
    "messages": (
        MESSAGES,
        lambda c: c.messages.create(model="claude-haiku-4-5", max_tokens=9, messages=ASKED),
    ),
    "messages stream": (
        MESSAGES,
        lambda c: c.messages.create(model="claude-haiku-4-5", max_tokens=9, messages=ASKED, stream=True),
    ),
    "messages raw": (
        MESSAGES,
        lambda c: c.messages.with_raw_response.create(model="claude-haiku-4-5", max_tokens=9, messages=ASKED),
    ),
}
GOOGLE: dict[str, tuple[Expected, Callable[[Any], Any]]] = {
    "content": (
        GEMINI,
        lambda c: c.models.generate_content(model="gemini-2.5-flash", contents=QUESTION),
    ),
    "content stream": (
        GEMINI_STREAM,
        lambda c: c.models.generate_content_stream(model="gemini-2.5-flash", contents=QUESTION),
    ),
}
OLLAMA: dict[str, tuple[Expected, Callable[[Any], Any]]] = {
    "chat": (OLLAMA_CHAT, lambda c: c.chat(model="llama3.2", messages=ASKED)),
    "chat stream": (OLLAMA_CHAT, lambda c: c.chat(model="llama3.2", messages=ASKED, stream=True)),
    "generate": (OLLAMA_GENERATE, lambda c: c.generate(model="llama3.2", prompt=QUESTION)),
    "generate stream": (
        OLLAMA_GENERATE,
        lambda c: c.generate(model="llama3.2", prompt=QUESTION, stream=True),
    ),
    "embed": (OLLAMA_EMBED, lambda c: c.embed(model="llama3.2", input=QUESTION)),
}
SDKS = {"openai": OPENAI, "anthropic": ANTHROPIC, "google": GOOGLE, "ollama": OLLAMA}
CELLS = [(sdk, name) for sdk, calls in SDKS.items() for name in calls]
# google-genai's async client is made for asyncio only.
ASYNC_CELLS = [
    (*cell, loop) for cell in CELLS for loop in ("asyncio", "trio") if (cell[0], loop) != ("google", "trio")
]


@contextmanager
def _client(sdk: str, url: str) -> Iterator[tuple[Any, Any]]:
    """Yield what to meter and what to call."""
    if sdk == "openai":
        with openai.OpenAI(base_url=f"{url}/v1", api_key="key") as client:
            yield client, client
    elif sdk == "anthropic":
        with anthropic.Anthropic(base_url=url, api_key="key") as client:
            yield client, client
    elif sdk == "google":
        with genai.Client(api_key="key", http_options={"base_url": url}) as client:
            yield client, client
    else:
        with ollama.Client(host=url) as client:
            yield client, client


@asynccontextmanager
async def _async_client(sdk: str, url: str) -> AsyncIterator[tuple[Any, Any]]:
    if sdk == "openai":
        async with openai.AsyncOpenAI(base_url=f"{url}/v1", api_key="key") as client:
            yield client, client
    elif sdk == "anthropic":
        async with anthropic.AsyncAnthropic(base_url=url, api_key="key") as client:
            yield client, client
    elif sdk == "google":
        with genai.Client(api_key="key", http_options={"base_url": url}) as client:
            async with client.aio as async_client:
                yield client, async_client
    else:
        async with ollama.AsyncClient(host=url) as client:
            yield client, client


def _seen(answer: Any) -> list[Any]:
    """Return everything of an answer that an application can tell apart."""
    if hasattr(answer, "http_response"):
        return [answer.http_response.content]
    if hasattr(answer, "model_dump"):
        return [_content(answer)]
    return [_content(chunk) for chunk in answer]


async def _seen_async(answer: Any) -> list[Any]:
    if isinstance(answer, Awaitable):
        answer = await answer
    if hasattr(answer, "__aiter__"):
        return [_content(chunk) async for chunk in answer]
    return _seen(answer)


def _content(answer: Any) -> Any:
    """Leave out the headers that Gemini's answers carry: they have the date."""
    content = answer.model_dump()
    content.pop("sdk_http_response", None)
    return content


def _check(tracker: ListTracker, expected: Expected, *, streaming: bool) -> None:
    event = tracker.event
    assert event.outcome == "success"
    assert event.wire_format == expected.wire_format
    assert event.model == event.requested_model == expected.model
    assert event.actual_input_tokens == expected.input_tokens
    assert event.actual_output_tokens == expected.output_tokens
    assert event.cache_read_tokens == expected.cache_read_tokens
    assert event.finish_reasons == expected.finish_reasons
    assert event.task_duration_ms is not None
    if streaming:
        assert event.streaming
        assert event.time_to_first_token_ms is not None
        assert 0 < event.time_to_first_token_ms <= event.task_duration_ms


@pytest.mark.parametrize(("sdk", "name"), CELLS)
def test_sync_clients_see_the_same_and_make_one_event(
    sdk: str, name: str, server: DemoServer, tracker: ListTracker
) -> None:
    """A metered sync client gives what a plain one gives, chunk by chunk, and one event has the right numbers."""
    expected, call = SDKS[sdk][name]
    with _client(sdk, server.url) as (_, client):
        plain = _seen(call(client))
    with _client(sdk, server.url) as (outer, client):
        assert meter(outer, tracker) is outer
        assert _seen(call(client)) == plain
    _check(tracker, expected, streaming="stream" in name)


@pytest.mark.anyio
@pytest.mark.parametrize(("sdk", "name", "anyio_backend"), ASYNC_CELLS)
async def test_async_clients_see_the_same_and_make_one_event(
    sdk: str, name: str, server: DemoServer, tracker: ListTracker, anyio_backend: str
) -> None:
    """The same of async clients, on asyncio and trio."""
    expected, call = SDKS[sdk][name]
    async with _async_client(sdk, server.url) as (_, client):
        plain = await _seen_async(call(client))
    async with _async_client(sdk, server.url) as (outer, client):
        meter(outer, tracker)
        assert await _seen_async(call(client)) == plain
    _check(tracker, expected, streaming="stream" in name)


def test_streaming_response_view_is_metered(server: DemoServer, tracker: ListTracker) -> None:
    """`with_streaming_response` shares the HTTP client, so its lines come through and its call is counted."""
    with openai.OpenAI(base_url=f"{server.url}/v1", api_key="key") as client:
        meter(client, tracker)
        with client.chat.completions.with_streaming_response.create(
            model="gpt-4.1-mini", messages=ASKED, stream=True
        ) as response:
            lines = [line for line in response.iter_lines() if line]
    assert lines[-1] == "data: [DONE]"
    assert not any('"choices":[]' in line for line in lines)
    _check(tracker, CHAT, streaming=True)


def test_usage_is_asked_for_invisibly(server: DemoServer, tracker: ListTracker) -> None:
    """The server is asked for the usage, the application's own request object is not changed."""
    with openai.OpenAI(base_url=f"{server.url}/v1", api_key="key") as client:
        meter(client, tracker)
        stream = client.chat.completions.create(model="gpt-4.1-mini", messages=ASKED, stream=True)
        chunks = list(stream)
    assert server.requests[-1]["stream_options"] == {"include_usage": True}
    assert b"include_usage" not in stream.response.request.content
    assert all(chunk.choices for chunk in chunks)


def test_usage_is_not_asked_for_when_switched_off(server: DemoServer, tracker: ListTracker) -> None:
    """With `invisible_usage=False` requests go out as they were written, and the usage stays unknown."""
    with openai.OpenAI(base_url=f"{server.url}/v1", api_key="key") as client:
        meter(client, tracker, invisible_usage=False)
        list(client.chat.completions.create(model="gpt-4.1-mini", messages=ASKED, stream=True))
    assert "stream_options" not in server.requests[-1]
    assert tracker.event.outcome == "success"
    assert tracker.event.actual_input_tokens is None


def test_metering_twice_is_metering_once(server: DemoServer, tracker: ListTracker) -> None:
    """A client that is metered again still makes one event a call."""
    with openai.OpenAI(base_url=f"{server.url}/v1", api_key="key") as client:
        meter(meter(client, tracker), tracker)
        client.embeddings.create(model="text-embedding-3-small", input=QUESTION)
    assert tracker.event.operation == "embeddings"


def test_metering_again_changes_the_tracker(server: DemoServer, tracker: ListTracker) -> None:
    """The last tracker gets the events, also of HTTP clients that frameworks share among their models."""
    with openai.OpenAI(base_url=f"{server.url}/v1", api_key="key") as client:
        meter(meter(client, ListTracker()), tracker)
        client.embeddings.create(model="text-embedding-3-small", input=QUESTION)
    assert tracker.event.operation == "embeddings"


def test_what_is_no_inference_makes_no_event(server: DemoServer, tracker: ListTracker) -> None:
    """Other calls of a metered client pass and leave no trace."""
    with openai.OpenAI(base_url=f"{server.url}/v1", api_key="key", max_retries=0) as client:
        meter(client, tracker)
        with pytest.raises(openai.APIStatusError):
            client.models.list()
    assert not tracker.tracked


@pytest.mark.anyio
async def test_many_streams_at_once_keep_apart(server: DemoServer, tracker: ListTracker) -> None:
    """Streams that run side by side on one client make one event each, with nothing mixed up."""

    async def read(client: openai.AsyncOpenAI, model: str) -> None:
        stream = await client.chat.completions.create(model=model, messages=ASKED, stream=True)
        assert len([chunk async for chunk in stream]) == 6

    async with openai.AsyncOpenAI(base_url=f"{server.url}/v1", api_key="key") as client:
        meter(client, tracker)
        async with anyio.create_task_group() as tasks:
            for number in range(8):
                tasks.start_soon(read, client, f"model-{number}")
    assert {event.model for event in tracker.tracked} == {f"model-{number}" for number in range(8)}
    assert len(tracker.tracked) == 8


@pytest.mark.anyio
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
@pytest.mark.parametrize("hook", [meter, None])
@pytest.mark.parametrize("own", [False, True])
@pytest.mark.parametrize("streaming", [False, True])
async def test_gemini_is_metered_over_aiohttp(
    hook: Any, own: bool, streaming: bool, server: DemoServer, tracker: ListTracker
) -> None:
    """google-genai prefers aiohttp, and sends over it still: over its own sessions and over one that it is given."""
    async with aiohttp.ClientSession() as session:
        options: Any = {"base_url": server.url} | ({"aiohttp_client": session} if own else {})
        client = genai.Client(api_key="key", http_options=options)
        installation = meter_everything(tracker) if hook is None else None
        if hook is not None:
            hook(hook(client, ListTracker()), tracker)
        async with client.aio as async_client:
            if streaming:
                async for _ in await async_client.models.generate_content_stream(
                    model="gemini-2.5-flash", contents=QUESTION
                ):
                    pass
            else:
                answer = await async_client.models.generate_content(
                    model="gemini-2.5-flash", contents=QUESTION
                )
                assert answer.sdk_http_response is not None
                assert "Content-Type" in (answer.sdk_http_response.headers or {})  # as aiohttp spells it
        client.close()
        if installation is not None:
            installation.close()
    _check(tracker, GEMINI_STREAM if streaming else GEMINI, streaming=streaming)
