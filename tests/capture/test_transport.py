"""What the transport does to requests and responses: as little as possible, in both libraries."""

import gzip
import json
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import httpx
import httpx2
import pytest

from list_tracker import ListTracker
from loopback import DemoServer, environment
from taximeter.capture import meter
from taximeter.errors import ConfigurationError

LIBRARIES = pytest.mark.parametrize("library", [httpx, httpx2], ids=["httpx", "httpx2"])

URL = "https://api.openai.com/v1/chat/completions"
REQUEST = {"model": "gpt-4.1-mini", "messages": [], "stream": True}
EVENTS = [
    b'data: {"id":"c1","model":"gpt-4.1-mini","choices":[{"index":0,"delta":{"content":"Hi"},"finish_reason":"stop"}]}\n\n',
    b'data: {"id":"c1","model":"gpt-4.1-mini","choices":[],"usage":{"prompt_tokens":5,"completion_tokens":2,"total_tokens":7}}\n\n',
    b"data: [DONE]\n\n",
]
SSE = {"content-type": "text/event-stream"}


def connection(library: Any, chunks: list[bytes]) -> Any:
    """Return a body that each reader takes over where the last one stopped."""
    remaining = iter(chunks)

    async def read(_: Any) -> AsyncIterator[bytes]:
        for chunk in remaining:
            yield chunk

    return type("Connection", (library.AsyncByteStream,), {"__aiter__": read})()


def answering(library: Any, handler: Callable[[Any], Any], tracker: ListTracker, **options: Any) -> Any:
    """Return a metered client whose network is a function."""
    return meter(library.Client(transport=library.MockTransport(handler), **options), tracker)


@LIBRARIES
def test_usage_only_event_is_taken_out(library: Any, tracker: ListTracker) -> None:
    """The server is asked for the usage and for readable bytes; the application gets the stream without the extra event."""
    sent: list[Any] = []

    def handler(request: Any) -> Any:
        sent.append(request)
        return library.Response(200, headers=SSE, content=iter(EVENTS))

    with answering(library, handler, tracker) as client:
        response = client.post(URL, json=REQUEST)
    assert response.content == EVENTS[0] + EVENTS[2]
    assert json.loads(sent[0].content) == {**REQUEST, "stream_options": {"include_usage": True}}
    assert sent[0].headers["content-length"] == str(len(sent[0].content))
    assert sent[0].headers["accept-encoding"] == "identity"
    assert json.loads(response.request.content) == REQUEST
    assert tracker.event.actual_input_tokens == 5


REFUSAL = {"detail": [{"loc": ["body", "stream_options"], "msg": "Extra inputs are not permitted"}]}


@LIBRARIES
def test_server_that_refuses_to_be_asked_is_called_as_written(library: Any, tracker: ListTracker) -> None:
    """A server that does not know the option costs one extra request, once, and the application sees nothing of it."""
    asked: list[bool] = []

    def handler(request: Any) -> Any:
        asked.append(b"stream_options" in request.content)
        if asked[-1]:
            return library.Response(422, json=REFUSAL)
        return library.Response(200, headers=SSE, content=iter([EVENTS[0], EVENTS[2]]))

    with answering(library, handler, tracker) as client:
        for _ in range(2):
            assert client.post(URL, json=REQUEST).content == EVENTS[0] + EVENTS[2]
    assert asked == [True, False, False]
    assert [event.outcome for event in tracker.tracked] == ["success", "success"]


@LIBRARIES
@pytest.mark.anyio
async def test_async_server_that_refuses_to_be_asked_is_called_as_written(
    library: Any, tracker: ListTracker
) -> None:
    """The same of async clients."""

    async def handler(request: Any) -> Any:
        if b"stream_options" in request.content:
            return library.Response(500, json=REFUSAL)
        return library.Response(200, headers=SSE, content=EVENTS[0] + EVENTS[2])

    async with meter(library.AsyncClient(transport=library.MockTransport(handler)), tracker) as client:
        response = await client.post(URL, json=REQUEST)
    assert response.content == EVENTS[0] + EVENTS[2]
    assert tracker.event.outcome == "success"


@LIBRARIES
@pytest.mark.parametrize("status", [400, 401, 403, 404, 413, 415, 422])
def test_change_that_is_refused_for_any_reason_fails_no_call(
    library: Any, status: int, tracker: ListTracker
) -> None:
    """A gateway that checks signatures, lengths or fields of its own says so in its own words; the call goes through."""

    def handler(request: Any) -> Any:
        if b"stream_options" in request.content:
            return library.Response(status, content=iter([b"no"]))
        return library.Response(200, headers=SSE, content=iter(EVENTS))

    with answering(library, handler, tracker) as client:
        assert client.post(URL, json=REQUEST).content == b"".join(EVENTS)
    assert tracker.event.outcome == "success"


@LIBRARIES
@pytest.mark.anyio
async def test_error_that_is_not_about_us_comes_as_it_is(library: Any, tracker: ListTracker) -> None:
    """What fails as it was written fails with that answer, in one event, and the next call asks again."""
    sent: list[bool] = []

    async def handler(request: Any) -> Any:
        sent.append(b"stream_options" in request.content)
        return library.Response(404, json={"detail": f"no such model, attempt {len(sent)}"})

    async with meter(library.AsyncClient(transport=library.MockTransport(handler)), tracker) as client:
        response = await client.post(URL, json=REQUEST)
        assert tracker.event.error_status == 404
        await client.post(URL, json=REQUEST)
    assert response.json() == {"detail": "no such model, attempt 2"}
    assert sent == [True, False, True, False]


@LIBRARIES
@pytest.mark.parametrize("status", [429, 500])
def test_error_of_the_servers_own_is_not_repeated(library: Any, status: int, tracker: ListTracker) -> None:
    """An error that says nothing of the option is passed on at once, its raw bytes for the application to read."""
    raw = gzip.compress(b'{"error": "busy"}')
    headers = {"content-type": "application/json", "content-encoding": "gzip", "retry-after": "1"}
    sent: list[Any] = []

    def handler(request: Any) -> Any:
        sent.append(request)
        return library.Response(status, headers=headers, content=iter([raw[:5], raw[5:]]))

    with answering(library, handler, tracker) as client, client.stream("POST", URL, json=REQUEST) as response:
        assert b"".join(response.iter_raw()) == raw
    assert (response.status_code, response.headers["retry-after"], len(sent)) == (status, "1", 1)
    assert tracker.event.error_status == status


@LIBRARIES
@pytest.mark.anyio
async def test_async_error_of_the_servers_own_is_not_repeated(library: Any, tracker: ListTracker) -> None:
    """The same of async clients."""

    async def handler(request: Any) -> Any:
        return library.Response(503, stream=connection(library, [b"bu", b"sy"]))

    client = meter(library.AsyncClient(transport=library.MockTransport(handler)), tracker)
    async with client, client.stream("POST", URL, json=REQUEST) as response:
        assert b"".join([chunk async for chunk in response.aiter_raw()]) == b"busy"
    assert tracker.event.error_status == 503


@LIBRARIES
@pytest.mark.parametrize(
    "headers",
    [
        {"authorization": "AWS4-HMAC-SHA256 Credential=x"},
        {"content-md5": "x"},
        {"x-amz-content-sha256": "x"},
        {"X-Hub-Signature-256": "x"},
        {"x-gateway-hmac": "x"},
    ],
)
def test_signed_request_is_sent_as_it_is(library: Any, headers: dict[str, str], tracker: ListTracker) -> None:
    """A body under a signature must not change, even where the usage stays unknown for it."""
    sent: list[Any] = []

    def handler(request: Any) -> Any:
        sent.append(request)
        return library.Response(200, headers=SSE, content=iter(EVENTS))

    with answering(library, handler, tracker) as client:
        assert client.post(URL, json=REQUEST, headers=headers).content == b"".join(EVENTS)
    assert json.loads(sent[0].content) == REQUEST


@LIBRARIES
def test_request_body_that_is_a_stream_is_not_touched(library: Any, tracker: ListTracker) -> None:
    """A body that only the server may read is left to it; the answer is metered all the same."""

    def handler(request: Any) -> Any:
        assert json.loads(request.read()) == REQUEST
        return library.Response(200, headers=SSE, content=iter(EVENTS))

    with answering(library, handler, tracker) as client:
        client.post(URL, content=iter([json.dumps(REQUEST).encode()]))
    assert tracker.event.requested_model is None
    assert tracker.event.model == "gpt-4.1-mini"


@LIBRARIES
@pytest.mark.parametrize("encoding", ["gzip", "zstd-unheard-of"])
def test_encoded_answer_is_passed_on_encoded(library: Any, encoding: str, tracker: ListTracker) -> None:
    """The application gets the raw bytes it would have got; what we cannot decode is a call without tokens."""
    plain = json.dumps({"id": "c1", "model": "m", "choices": [], "usage": {"prompt_tokens": 5}}).encode()
    raw = gzip.compress(plain)
    headers = {"content-type": "application/json", "content-encoding": encoding}

    def handler(request: Any) -> Any:
        return library.Response(200, headers=headers, content=iter([raw[:9], raw[9:]]))

    with answering(library, handler, tracker) as client, client.stream("POST", URL, json={}) as response:
        assert b"".join(response.iter_raw()) == raw
    assert tracker.event.outcome == "success"
    assert tracker.event.actual_input_tokens == (5 if encoding == "gzip" else None)


@LIBRARIES
def test_answer_in_memory_is_read_from_there(library: Any, tracker: ListTracker) -> None:
    """A response that a mock or a cache made whole has no stream to follow, and is metered as well."""

    def handler(request: Any) -> Any:
        return library.Response(200, json={"model": "m", "choices": [], "usage": {"prompt_tokens": 5}})

    with answering(library, handler, tracker) as client:
        assert client.post(URL, json={}).json()["model"] == "m"
    assert tracker.event.actual_input_tokens == 5


@LIBRARIES
def test_usage_only_event_is_taken_out_of_an_answer_in_memory(library: Any, tracker: ListTracker) -> None:
    """A stream that a mock or a cache made whole is given as it would have been, too."""

    def handler(request: Any) -> Any:
        return library.Response(200, headers=SSE, content=b"".join(EVENTS))

    with answering(library, handler, tracker) as client, client.stream("POST", URL, json=REQUEST) as response:
        assert b"".join(response.iter_bytes()) == EVENTS[0] + EVENTS[2]
    assert response.headers["content-length"] == str(len(EVENTS[0] + EVENTS[2]))
    assert (tracker.event.actual_output_tokens, tracker.event.outcome) == (2, "success")


@LIBRARIES
@pytest.mark.parametrize("own_option", [False, True])
def test_null_usage_comes_only_to_those_who_asked(
    library: Any, own_option: bool, tracker: ListTracker
) -> None:
    """OpenAI writes `"usage": null` into the chunks of those who ask; who has not asked does not see it."""
    chunk, usage, end = EVENTS
    asked = [chunk.replace(b"}]}", b'}],"usage":null,"obfuscation":"x7"}'), usage, end]
    unasked = [chunk.replace(b"}]}", b'}],"obfuscation":"x7"}'), end]

    def handler(request: Any) -> Any:
        return library.Response(200, headers=SSE, content=iter(asked))

    options = {"stream_options": {"include_usage": True}} if own_option else {}
    with answering(library, handler, tracker) as client:
        answer = client.post(URL, json={**REQUEST, **options}).content
    assert answer == b"".join(asked if own_option else unasked)


@LIBRARIES
@pytest.mark.parametrize("in_memory", [False, True])
def test_an_answer_that_is_compressed_anyway_comes_plain(
    library: Any, in_memory: bool, tracker: ListTracker
) -> None:
    """A server that compresses against the request is asked all the same, and nobody sees what that has added."""
    raw = gzip.compress(b"".join(EVENTS))
    headers = {**SSE, "content-encoding": "gzip", "content-length": str(len(raw))}

    def handler(request: Any) -> Any:
        assert b"include_usage" in request.content
        body = raw if in_memory else (raw[at : at + 7] for at in range(0, len(raw), 7))
        return library.Response(200, headers=headers, content=body)

    with answering(library, handler, tracker) as client:
        for read in ("iter_bytes", "iter_bytes" if in_memory else "iter_raw"):
            with client.stream("POST", URL, json=REQUEST) as response:
                assert b"".join(getattr(response, read)()) == EVENTS[0] + EVENTS[2]
            assert "content-encoding" not in response.headers
            expected = str(len(EVENTS[0] + EVENTS[2])) if in_memory else None
            assert response.headers.get("content-length") == expected
    assert [event.actual_output_tokens for event in tracker.tracked] == [2, 2]


@LIBRARIES
@pytest.mark.anyio
async def test_an_async_answer_that_is_compressed_anyway_comes_plain(
    library: Any, tracker: ListTracker
) -> None:
    """The same of async clients, also where the stream is left after its first piece."""
    raw = gzip.compress(b"".join(EVENTS))

    async def handler(request: Any) -> Any:
        headers = {**SSE, "content-encoding": "gzip"}
        return library.Response(200, headers=headers, stream=connection(library, [raw[:40], raw[40:]]))

    async with meter(library.AsyncClient(transport=library.MockTransport(handler)), tracker) as client:
        response = await client.post(URL, json=REQUEST)
        assert response.content == EVENTS[0] + EVENTS[2]
        async with client.stream("POST", URL, json=REQUEST) as response:
            pass
    assert [event.outcome for event in tracker.tracked] == ["success", "cancelled"]


@LIBRARIES
def test_an_answer_that_cannot_be_decompressed_is_the_librarys_error(
    library: Any, tracker: ListTracker
) -> None:
    """What is wrong with compressed bytes is said as it is without the meter."""

    def handler(request: Any) -> Any:
        return library.Response(200, headers={**SSE, "content-encoding": "gzip"}, content=iter([b"no gzip"]))

    with answering(library, handler, tracker) as client, pytest.raises(library.DecodingError) as error:
        client.post(URL, json=REQUEST)
    assert error.value.request.url == URL
    assert (tracker.event.outcome, tracker.event.error_type) == ("failure", "DecodingError")


@LIBRARIES
def test_a_server_that_compresses_what_is_not_read_is_asked_once(library: Any, tracker: ListTracker) -> None:
    """Where the client does not say that it reads an encoding, the bytes stay; the next callers get what they asked for."""
    asked: list[bool] = []

    def handler(request: Any) -> Any:
        asked.append(b"include_usage" in request.content)
        return library.Response(
            200, headers={**SSE, "content-encoding": "lzw"}, content=iter([b"unreadable"])
        )

    with answering(library, handler, tracker) as client:
        for _ in range(2):
            assert client.post(URL, json=REQUEST).content == b"unreadable"
    assert asked == [True, False]


@LIBRARIES
def test_an_answer_that_is_said_not_to_be_compressed_is_read_as_such(
    library: Any, tracker: ListTracker
) -> None:
    """Some servers repeat the word that they were asked with."""

    def handler(request: Any) -> Any:
        headers = {**SSE, "content-encoding": "identity"}
        return library.Response(200, headers=headers, content=iter(EVENTS))

    with answering(library, handler, tracker) as client:
        assert client.post(URL, json=REQUEST).content == EVENTS[0] + EVENTS[2]
    assert tracker.event.actual_output_tokens == 2


@LIBRARIES
def test_redirect_is_no_call_of_its_own(library: Any, tracker: ListTracker) -> None:
    """Only the call that is answered makes an event, and it asks for its usage again."""

    def handler(request: Any) -> Any:
        if request.url.host == "api.openai.com":
            return library.Response(
                307, headers={"location": "https://eu.api.openai.com/v1/chat/completions"}
            )
        assert b"include_usage" in request.content
        return library.Response(200, headers=SSE, content=iter(EVENTS))

    with answering(library, handler, tracker, follow_redirects=True) as client:
        assert client.post(URL, json=REQUEST).content == EVENTS[0] + EVENTS[2]
    assert tracker.event.actual_output_tokens == 2


@LIBRARIES
def test_chunks_arrive_before_they_are_read(library: Any, tracker: ListTracker) -> None:
    """Each chunk is the application's before it is ours: nothing waits for the next one."""
    asked_for: list[int] = []

    def chunks() -> Iterator[bytes]:
        for number, event in enumerate(EVENTS):
            asked_for.append(number)
            yield event

    def handler(request: Any) -> Any:
        return library.Response(200, headers=SSE, content=chunks())

    with answering(library, handler, tracker) as client, client.stream("POST", URL, json={}) as response:
        received = response.iter_raw()
        assert next(received) == EVENTS[0]
        assert asked_for == [0]
        assert list(received) == EVENTS[1:]


@LIBRARIES
@pytest.mark.anyio
@pytest.mark.filterwarnings(
    "ignore:Async generator:ResourceWarning"
)  # httpx leaves its own to the collector too
async def test_second_reader_takes_over(library: Any, tracker: ListTracker, anyio_backend: str) -> None:
    """Reading on with another iterator, as the openai SDK does after the end mark, loses no chunk."""

    async def handler(request: Any) -> Any:
        return library.Response(200, headers=SSE, stream=connection(library, EVENTS))

    client = meter(library.AsyncClient(transport=library.MockTransport(handler)), tracker)
    async with client, client.stream("POST", URL, json={}) as response:
        first = response.aiter_raw()
        assert await anext(first) == EVENTS[0]
        second = [chunk async for chunk in response.stream]
        await first.aclose()
    assert second == EVENTS[1:]
    assert (tracker.event.outcome, tracker.event.finish_reasons) == ("success", ("stop",))


@LIBRARIES
def test_proxies_stay_in_the_way(
    library: Any, server: DemoServer, tracker: ListTracker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Transports mounted for proxies are metered where they are."""
    monkeypatch.setenv("HTTP_PROXY", environment(server)["HTTP_PROXY"])
    with meter(library.Client(), tracker) as client:
        response = client.post(
            "http://api.openai.com/v1/embeddings", json={"model": "text-embedding-3-small", "input": "Hi"}
        )
    assert response.json()["usage"]["prompt_tokens"] == 412
    assert (tracker.event.provider, tracker.event.cost_status) == ("openai", "priced")


@LIBRARIES
def test_transport_keeps_its_own_attributes(library: Any, tracker: ListTracker) -> None:
    """Those who look behind the client's transport find what was there."""
    client = library.Client(transport=library.HTTPTransport(retries=3))
    pool = client._transport._pool
    assert meter(client, tracker)._transport._pool is pool
    client.close()


@pytest.mark.parametrize("thing", [object(), None, "https://api.openai.com", json])
def test_something_else_is_refused(thing: Any, tracker: ListTracker) -> None:
    """What has no HTTP client inside is refused with a list of what can be metered."""
    with pytest.raises(ConfigurationError, match="httpx"):
        meter(thing, tracker)


@LIBRARIES
def test_a_declared_host_is_metered(library: Any) -> None:
    """A host of the user's own is nobody's at an unusual path, until the tracker is told whose it is."""
    url = "https://llm.example.com/team/embeddings"
    usage = {"prompt_tokens": 5, "total_tokens": 5}

    def handler(_: Any) -> Any:
        return library.Response(200, json={"data": [], "model": "m", "usage": usage})

    declarations: list[dict[str, str]] = [{}, {"llm.example.com": "azure"}]
    for hosts in declarations:
        tracker = ListTracker()
        tracker.hosts = hosts
        with answering(library, handler, tracker) as client:
            client.post(url, json={"model": "m", "input": "a"})
        assert [event.provider for event in tracker.tracked] == list(hosts.values())
