"""Each official client, each way of calling it: the application sees the same bytes, and there is one right event."""

import gc
import json
from importlib import import_module
from inspect import isawaitable
from typing import Any

import pytest

import taximeter
from client_matrix import CLIENTS, Client, text_for
from list_tracker import ListTracker
from loopback import DemoServer
from taximeter.capture import meter
from taximeter.capture.http_client import http_clients, is_hugging_face

# Clients leave generators, sockets and sessions to the collector, metered or not; google-genai inherits from an aiohttp
# class that does not want it.
pytestmark = [
    pytest.mark.usefixtures("through_the_loopback"),
    pytest.mark.filterwarnings(
        "ignore:Async generator:ResourceWarning",
        "ignore:Inheritance class:DeprecationWarning",
    ),
]

CELLS = [(client, column) for client in CLIENTS for column in client.calls if client.make is not None]
ASYNC_CELLS = [
    (client, column, loop)
    for client in CLIENTS
    for column in client.async_calls or client.calls
    for loop in ("asyncio", "trio")
    if client.make_async is not None and (loop == "asyncio" or not client.asyncio_only)
]


def as_bytes(value: Any) -> bytes:
    """Return everything that an application can tell apart of a value."""
    if hasattr(value, "model_dump"):
        value = value.model_dump(mode="json")
        value.pop("sdk_http_response", None)  # of Gemini: the names of headers as aiohttp or httpx spell them
    return json.dumps(value, default=repr).encode()


def seen(answer: Any) -> list[bytes]:
    """Return what an application gets of an answer, chunk by chunk."""
    if hasattr(answer, "http_response"):
        return [answer.http_response.content]
    if hasattr(answer, "data") and hasattr(answer, "headers"):
        return [as_bytes(answer.data), as_bytes(dict(answer.headers))]
    if hasattr(answer, "model_dump"):
        return [as_bytes(answer)]
    if hasattr(answer, "__enter__") and not hasattr(answer, "__iter__"):
        with answer as response:
            return [b"".join(response.iter_bytes())]
    if isinstance(answer, dict):
        return [as_bytes(part) for name, value in answer.items() for part in (name, *_parts(value))]
    return [as_bytes(chunk) for chunk in answer]


def _parts(value: Any) -> Any:
    """Return what is in a part of one of boto3's answers: a body, a stream, or a plain value."""
    if hasattr(value, "read"):
        return [value.read()]
    return value if hasattr(value, "get_initial_response") else [value]


async def seen_async(answer: Any) -> list[bytes]:
    """Return the same of an async client's answer."""
    if isawaitable(answer):
        answer = await answer
    if hasattr(answer, "__aiter__"):
        return [as_bytes(chunk) async for chunk in answer]
    if hasattr(answer, "__aenter__"):
        async with answer as response:
            return [b"".join([chunk async for chunk in response.iter_bytes()])]
    return seen(answer)


def close(sdk: Any) -> None:
    """Close what a client has open."""
    for http_client in http_clients(sdk):
        if hasattr(http_client, "close"):
            http_client.close()
    if is_hugging_face(sdk):
        import_module("huggingface_hub").close_session()


async def aclose(sdk: Any) -> None:
    """Close what an async client has open, on the loop that opened it."""
    if hasattr(sdk, "aio"):
        await sdk.aio.aclose()
    for http_client in http_clients(sdk):
        if hasattr(http_client, "aclose"):
            await http_client.aclose()
    close(sdk)


def check(client: Client, column: str, tracker: ListTracker) -> None:
    """Check the one event of a call, or the two of a retry."""
    expected = client.expected
    *earlier, event = tracker.tracked
    assert len(earlier) == (column == "retry")
    assert not tracker.losses
    assert (event.provider, event.agent, event.user) == (expected.provider, "matrix", column)
    streams = column in {"stream", "streamed raw"}
    assert event.wire_format == ((streams and expected.stream_format) or expected.wire_format)
    if column == "error":
        assert (event.outcome, event.error_status, event.actual_input_tokens) == ("failure", 400, None)
        return
    assert event.outcome == "success"
    assert (event.actual_input_tokens, event.actual_output_tokens) == (
        expected.input_tokens,
        expected.output_tokens,
    )
    assert event.model == expected.model
    assert event.streaming == streams
    assert (event.time_to_first_token_ms is not None) == streams
    for refused in earlier:
        assert (refused.outcome, refused.error_status) == ("failure", 429)
        assert (refused.attempt, event.attempt) == (1, 2)
        assert refused.call_id == event.call_id is not None


@pytest.mark.parametrize(("client", "column"), CELLS, ids=lambda value: getattr(value, "name", value))
def test_client_sees_the_same_and_makes_one_event(
    client: Client, column: str, providers: DemoServer, tracker: ListTracker
) -> None:
    """What a metered client hands out is, byte for byte, what a plain one hands out, and its event is right."""
    pytest.importorskip(client.module, reason=f"pip install {client.package}")
    assert client.make is not None

    def call(sdk: Any) -> list[bytes]:
        try:
            return seen(client.calls[column](sdk, text_for(column)))
        except Exception as error:
            return [type(error).__name__.encode(), str(error).encode()]
        finally:
            close(sdk)

    plain = call(client.make())
    with taximeter.scope(agent="matrix", user=column):
        assert call(meter(client.make(), tracker)) == plain
    check(client, column, tracker)


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("client", "column", "anyio_backend"), ASYNC_CELLS, ids=lambda value: getattr(value, "name", value)
)
async def test_async_client_sees_the_same_and_makes_one_event(
    client: Client, column: str, anyio_backend: str, providers: DemoServer, tracker: ListTracker
) -> None:
    """The same of async clients, on asyncio and trio."""
    pytest.importorskip(client.module, reason=f"pip install {client.package}")
    assert client.make_async is not None

    async def call(sdk: Any) -> list[bytes]:
        calls = client.async_calls or client.calls
        try:
            return await seen_async(calls[column](getattr(sdk, "aio", sdk), text_for(column)))
        except Exception as error:
            return [type(error).__name__.encode(), str(error).encode()]
        finally:
            await aclose(sdk)

    plain = await call(client.make_async())
    with taximeter.scope(agent="matrix", user=column):
        assert await call(meter(client.make_async(), tracker)) == plain
    check(client, column, tracker)


STREAMING = [
    client for client in CLIENTS if "stream" in client.calls and client.make and client.package != "boto3"
]


@pytest.mark.parametrize("client", STREAMING, ids=lambda client: client.name)
def test_stream_that_is_left_makes_one_event(
    client: Client, providers: DemoServer, tracker: ListTracker
) -> None:
    """After its first chunk a stream is closed, or let go: one event in its scope, which does not claim to be whole."""
    pytest.importorskip(client.module, reason=f"pip install {client.package}")
    assert client.make is not None
    sdk = meter(client.make(), tracker)
    with taximeter.scope(agent="matrix"):
        answer = client.calls["stream"](sdk, text_for("stream"))
        next(iter(answer))  # some send the request only now
    getattr(answer, "close", bool)()
    del answer
    close(sdk)
    gc.collect()
    event = tracker.event
    assert (event.provider, event.agent, event.streaming) == (client.expected.provider, "matrix", True)
    assert event.outcome in {
        "cancelled",
        "success",
    }  # a short stream may have come whole with its first chunk
    assert event.outcome == "success" or event.usage_status != "actual"
