"""Sessions of aiohttp are metered like any client: the application's bytes, one event, the right tokens."""

import asyncio
import gc
import gzip
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any
from weakref import ref

import aiohttp
import httpx
import httpx_aiohttp
import pytest

import taximeter
from compressing import Compressing
from list_tracker import BrokenTracker, ListTracker
from loopback import DemoServer, Handler, Trouble
from taximeter.budget import Budget
from taximeter.capture import meter, meter_everything
from taximeter.capture.aiohttp_session import is_known
from taximeter.errors import BudgetExceeded

pytestmark = pytest.mark.anyio

PATH = "/v1/chat/completions"

Read = Callable[[aiohttp.ClientResponse], Awaitable[Any]]


@pytest.fixture
def anyio_backend() -> str:
    """The only event loop that aiohttp knows."""
    return "asyncio"


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    """A session that is not metered yet."""
    async with aiohttp.ClientSession() as opened:
        yield opened


def body(text: str = "Hello", *, streaming: bool) -> dict[str, Any]:
    """Return what is asked."""
    return {"model": "gpt-4.1-mini", "messages": [{"role": "user", "content": text}], "stream": streaming}


async def at_once(response: aiohttp.ClientResponse) -> bytes:
    return await response.read()


async def as_text(response: aiohttp.ClientResponse) -> str:
    return await response.text()


async def by_lines(response: aiohttp.ClientResponse) -> list[bytes]:
    return [line async for line in response.content]


async def by_events(response: aiohttp.ClientResponse) -> list[bytes]:
    events = []
    while not response.content.at_eof():
        events.append(await response.content.readuntil(b"\n\n"))
    return [event for event in events if event]  # the end may come later than the last one


async def by_any(response: aiohttp.ClientResponse) -> bytes:
    return b"".join([chunk async for chunk in response.content.iter_any()])


async def by_seven(response: aiohttp.ClientResponse) -> bytes:
    return b"".join([chunk async for chunk in response.content.iter_chunked(7)])


async def by_chunks(response: aiohttp.ClientResponse) -> list[bytes]:
    """Return each part that the server sent, in one: in how many it came is not the meter's doing."""
    parts = [b""]
    async for data, ends in response.content.iter_chunks():
        parts[-1] += data
        if ends:
            parts.append(b"")
    return [part for part in parts if part]


async def exactly(response: aiohttp.ClientResponse) -> bytes:
    parts = []
    try:
        while True:
            parts.append(await response.content.readexactly(11))
    except asyncio.IncompleteReadError as error:
        return b"".join((*parts, error.partial))


async def by_turns(response: aiohttp.ClientResponse) -> bytes:
    content = response.content
    parts = [await content.readline(), await content.read(5), await content.readany(), content.read_nowait()]
    return b"".join((*parts, (await content.readchunk())[0], await content.read()))


READS: list[Read] = [at_once, as_text, by_lines, by_events, by_any, by_seven, by_chunks, exactly, by_turns]


@pytest.mark.parametrize("read", READS)
@pytest.mark.parametrize("streaming", [False, True])
async def test_bytes_are_the_same_and_the_event_is_right(
    read: Read, streaming: bool, server: DemoServer, session: aiohttp.ClientSession, tracker: ListTracker
) -> None:
    """However the answer is read; the usage is asked for, and taken out again."""
    asked = body(streaming=streaming)
    async with session.post(server.url + PATH, json=asked) as plain:
        expected = await read(plain)
    meter(session, tracker)
    with taximeter.scope(agent="reviewer"):
        response = await session.post(server.url + PATH, json=asked)
    async with response:
        assert await read(response) == expected
        assert type(response) is aiohttp.ClientResponse
        assert isinstance(response.content, aiohttp.StreamReader)
        assert response.content.at_eof()
        assert response.request_info.headers == plain.request_info.headers
    assert ("stream_options" in server.requests[-1]) is streaming
    event = tracker.event
    assert (event.outcome, event.actual_output_tokens, event.agent) == ("success", 212, "reviewer")
    assert event.streaming is streaming
    assert (event.time_to_first_token_ms is not None) is streaming


async def test_answer_is_json_as_ever(
    server: DemoServer, session: aiohttp.ClientSession, tracker: ListTracker
) -> None:
    """A compressed answer is decompressed once, and its document is what it was."""
    asked = body(streaming=False)
    async with session.post(server.url + PATH, json=asked) as plain:
        expected = await plain.json()
    async with meter(session, tracker).post(server.url + PATH, json=asked) as response:
        assert response.headers["content-encoding"] == "gzip"
        assert await response.json() == expected
    assert tracker.event.actual_output_tokens == 212


@pytest.mark.parametrize("where", ["session", "request"])
async def test_answer_that_stays_compressed_is_read_all_the_same(
    where: str, server: DemoServer, tracker: ListTracker
) -> None:
    """Who does not want aiohttp to decompress gets the bytes of the wire."""
    as_it_is: Any = {"auto_decompress": False}
    async with aiohttp.ClientSession(**as_it_is if where == "session" else {}) as session:
        options = as_it_is if where == "request" else {}
        meter(session, tracker)
        async with session.post(server.url + PATH, json=body(streaming=False), **options) as response:
            assert gzip.decompress(await response.read()).startswith(b"{")
    assert tracker.event.actual_output_tokens == 212


@pytest.mark.parametrize("streaming", [False, True])
async def test_answer_that_nobody_reads_is_counted(
    streaming: bool, server: DemoServer, session: aiohttp.ClientSession, tracker: ListTracker
) -> None:
    """What has come by the time a response is let go is looked at: its tokens were spent."""
    async with meter(session, tracker).post(server.url + PATH, json=body(streaming=streaming)) as response:
        await response.content.wait_eof()
    assert (tracker.event.outcome, tracker.event.actual_output_tokens) == ("success", 212)


async def test_error_is_a_failure(
    server: DemoServer, session: aiohttp.ClientSession, tracker: ListTracker
) -> None:
    """A refused call is asked again as it was written, and is one event."""
    asked = body(Trouble.BAD_REQUEST, streaming=True)
    response = await meter(session, tracker).post(server.url + PATH, json=asked)
    assert response.status == 400
    assert (await response.json())["error"]
    assert server.requests[-1].keys() == asked.keys()
    assert (tracker.event.outcome, tracker.event.error_status) == ("failure", 400)


async def test_error_that_is_raised_is_a_failure_too(server: DemoServer, tracker: ListTracker) -> None:
    """A session may raise what a status says before anybody has read the answer."""
    async with aiohttp.ClientSession(raise_for_status=True) as session:
        with pytest.raises(aiohttp.ClientResponseError, match="429"):
            await meter(session, tracker).post(
                server.url + PATH, json=body(Trouble.RATE_LIMIT, streaming=False)
            )
    assert (tracker.event.outcome, tracker.event.error_status) == ("failure", 429)


@pytest.mark.parametrize("reads", [False, True])
async def test_tries_of_one_call_share_an_id(
    reads: bool, server: DemoServer, session: aiohttp.ClientSession, tracker: ListTracker
) -> None:
    """A retry by the application is an event of its own, and says which it is."""
    meter(session, tracker)
    for status in (429, 200):
        asked = body(f"{Trouble.RATE_LIMIT_ONCE} {reads}", streaming=False)
        async with session.post(server.url + PATH, json=asked) as response:
            assert response.status == status
            if reads or response.ok:
                await response.read()
    refused, answered = tracker.tracked
    assert (refused.attempt, answered.attempt) == (1, 2)
    assert refused.call_id == answered.call_id is not None


@pytest.mark.parametrize("leave", ["context", "close", "forget"])
@pytest.mark.filterwarnings("ignore:Unclosed:ResourceWarning", "ignore:unclosed:ResourceWarning")
async def test_left_stream_is_cancelled(
    leave: str, server: DemoServer, session: aiohttp.ClientSession, tracker: ListTracker
) -> None:
    """Who stops reading has a cancelled call, its tokens estimated."""
    asked = body(Trouble.STALL, streaming=True)
    response = await meter(session, tracker).post(server.url + PATH, json=asked)
    for _ in range(4):
        await response.content.readline()
    assert not tracker.tracked
    if leave == "context":
        async with response:
            pass
    elif leave == "close":
        response.close()
        with pytest.raises(aiohttp.ClientConnectionError):
            await response.content.readline()
    del response
    await session.close()  # until then the connection knows of the response
    async with asyncio.timeout(9):
        while not tracker.tracked:
            await asyncio.sleep(0)
            gc.collect()
    assert (tracker.event.outcome, tracker.event.usage_status) == ("cancelled", "estimated")


async def test_cancelled_read_ends_nothing(
    server: DemoServer, session: aiohttp.ClientSession, tracker: ListTracker
) -> None:
    """A read that is given up after a while may be repeated, and loses no byte."""
    asked = body(Trouble.STALL, streaming=True)
    async with meter(session, tracker).post(server.url + PATH, json=asked) as response:
        begun = asyncio.ensure_future(by_any(response))
        while not response.content.total_bytes:
            await asyncio.wait([begun], timeout=0.001)
        begun.cancel()
        await asyncio.wait([begun])
        assert begun.cancelled()
        assert not tracker.tracked
    assert (tracker.event.outcome, tracker.event.streaming) == ("cancelled", True)


async def test_closing_wakes_who_reads(
    server: DemoServer, session: aiohttp.ClientSession, tracker: ListTracker
) -> None:
    """A response that another task closes raises where it is being read."""
    asked = body(Trouble.STALL, streaming=True)
    response = await meter(session, tracker).post(server.url + PATH, json=asked)
    reading = asyncio.ensure_future(by_any(response))
    while not response.content.total_bytes:
        await asyncio.wait([reading], timeout=0.001)
    with pytest.raises(RuntimeError, match="already waiting"):
        await response.content.readany()
    assert not tracker.tracked
    response.close()
    async with asyncio.timeout(9):
        with pytest.raises(aiohttp.ClientConnectionError):
            await reading
    assert tracker.event.outcome == "cancelled"


@pytest.mark.parametrize("read", [by_lines, by_any, at_once, by_chunks])
async def test_cut_stream_is_partial(
    read: Read, server: DemoServer, session: aiohttp.ClientSession, tracker: ListTracker
) -> None:
    """A connection that breaks raises as before."""
    asked = body(Trouble.HANG_UP, streaming=True)
    async with meter(session, tracker).post(server.url + PATH, json=asked) as response:
        with pytest.raises(aiohttp.ClientPayloadError):
            await read(response)
        with pytest.raises(aiohttp.ClientPayloadError):
            await response.content.readany()
    assert (tracker.event.outcome, tracker.event.error_type) == ("partial", "ClientPayloadError")


async def test_no_connection_is_a_failure(session: aiohttp.ClientSession, tracker: ListTracker) -> None:
    """A refused connection raises as before."""
    with pytest.raises(aiohttp.ClientConnectorError):
        await meter(session, tracker).post("http://127.0.0.1:1" + PATH, json=body(streaming=False))
    assert (tracker.event.outcome, tracker.event.error_type) == ("failure", "ClientConnectorError")


@pytest.mark.parametrize("limit", [{"total": 0.05}, {"sock_read": 0.05}])
@pytest.mark.parametrize("trouble", [Trouble.WAIT, Trouble.STALL])
async def test_timeout_is_one(
    limit: dict[str, float],
    trouble: Trouble,
    server: DemoServer,
    session: aiohttp.ClientSession,
    tracker: ListTracker,
) -> None:
    """Whichever limit runs out, before the answer or within it, aiohttp's own error is raised and the call timed out."""
    asked = body(trouble, streaming=True)
    timeout = aiohttp.ClientTimeout(**limit)
    with pytest.raises(TimeoutError):
        async with meter(session, tracker).post(server.url + PATH, json=asked, timeout=timeout) as response:
            await response.read()
    assert tracker.event.outcome == "timeout"


class Waiting(aiohttp.abc.AbstractResolver):
    """Never finds a host."""

    async def resolve(self, *args: Any, **options: Any) -> Any:
        """Wait."""
        await asyncio.Event().wait()

    async def close(self) -> None:
        """Do nothing."""


async def test_timeout_before_there_is_a_connection_is_one_too(tracker: ListTracker) -> None:
    """There the limit on the whole request cancels it, and becomes a timeout further up."""
    timeout = aiohttp.ClientTimeout(total=0.05)
    connector = aiohttp.TCPConnector(resolver=Waiting())
    async with aiohttp.ClientSession(connector=connector, timeout=timeout) as session:
        with pytest.raises(TimeoutError):
            await meter(session, tracker).post("http://api.openai.com" + PATH, json=body(streaming=False))
    assert tracker.event.outcome == "timeout"


async def test_session_that_is_let_go_is_collected_at_once(tracker: ListTracker) -> None:
    """The meter keeps no session alive, so that its warning of an unclosed one comes as early as ever."""
    session = meter(aiohttp.ClientSession(), tracker)
    await session.close()
    itself = ref(session)
    del session
    assert itself() is None


async def test_cancelled_request_is_cancelled(
    server: DemoServer, session: aiohttp.ClientSession, tracker: ListTracker
) -> None:
    """A task that is cancelled before the answer has an event that says so."""
    asked = body(Trouble.WAIT, streaming=False)
    begun = len(server.requests)
    task = asyncio.ensure_future(meter(session, tracker)._request("POST", server.url + PATH, json=asked))
    while len(server.requests) == begun:
        await asyncio.wait([task], timeout=0.001)
    task.cancel()
    await asyncio.wait([task])
    assert task.cancelled()
    assert tracker.event.outcome == "cancelled"


async def test_every_session_of_the_process_is_metered(server: DemoServer, tracker: ListTracker) -> None:
    """A session with a meter of its own is one event for each tracker."""
    own = ListTracker()
    asked = body(streaming=False)

    async def ask(session: aiohttp.ClientSession) -> None:
        async with session.post(server.url + PATH, json=asked) as response:
            await response.read()

    async with aiohttp.ClientSession() as session:
        with meter_everything(tracker):
            async with aiohttp.request("POST", server.url + PATH, json=asked) as response:
                await response.read()
            assert tracker.event.actual_output_tokens == 212
            await ask(meter(session, own))
            await ask(meter(session, tracker))
        assert (len(tracker.tracked), len(own.tracked)) == (3, 1)
    async with aiohttp.ClientSession() as session:
        await ask(session)
    assert len(tracker.tracked) == 3


async def test_other_requests_pass(
    server: DemoServer, session: aiohttp.ClientSession, tracker: ListTracker
) -> None:
    """What is no inference is none of ours."""
    async with meter(session, tracker).post(server.url + "/health", json={}) as response:
        assert type(response.content) is aiohttp.StreamReader
    assert not tracker.tracked


@pytest.mark.parametrize("everything", [False, True])
async def test_call_below_httpx_is_counted_once(
    everything: bool, server: DemoServer, tracker: ListTracker
) -> None:
    """A client of httpx whose transport stands on aiohttp makes one event, however many layers are metered."""
    client = httpx_aiohttp.HttpxAiohttpClient()
    with meter_everything(tracker) if everything else nullcontext(meter(client, tracker)):
        async with client:
            answer = await client.post(server.url + PATH, json=body(streaming=True))
    assert isinstance(answer, httpx.Response)
    assert tracker.event.actual_output_tokens == 212


@pytest.mark.parametrize("where", ["session", "request"])
async def test_middlewares_of_the_application_stay(
    where: str, server: DemoServer, tracker: ListTracker
) -> None:
    """They see the request that was written, and each try that they make is an event."""
    seen: list[Any] = []

    async def ask_twice(request: Any, handler: Any) -> Any:
        seen.append(await request.body.as_bytes())
        async with await handler(request) as first:
            await first.read()
        return await handler(request)

    own: Any = {"middlewares": (ask_twice,)}
    async with aiohttp.ClientSession(**own if where == "session" else {}) as session:
        meter(session, tracker)
        options = own if where == "request" else {}
        async with session.post(server.url + PATH, json=body(streaming=True), **options) as response:
            await response.read()
    assert b"stream_options" not in seen[0]
    assert [event.actual_output_tokens for event in tracker.tracked] == [212, 212]


class Redirecting(Handler):
    """Sends each request on to another path, once."""

    def do_POST(self) -> None:  # noqa: N802 - the base class names it so
        """Redirect, or answer."""
        if self.path.endswith("?there"):
            super().do_POST()
            return
        self.rfile.read(int(self.headers["content-length"]))
        self.send_response(307)
        self.send_header("location", f"{self.path}?there")
        self.send_header("content-length", "0")
        self.end_headers()


async def test_redirect_is_no_call(session: aiohttp.ClientSession, tracker: ListTracker) -> None:
    """The answer that it leads to is the one event."""
    with DemoServer(Redirecting) as server:
        async with meter(session, tracker).post(server.url + PATH, json=body(streaming=True)) as response:
            await response.read()
            assert len(response.history) == 1
    assert tracker.event.actual_output_tokens == 212


@pytest.mark.parametrize("read", READS)
async def test_usage_is_taken_out_of_what_is_compressed_anyway(
    read: Read, session: aiohttp.ClientSession, tracker: ListTracker
) -> None:
    """A server that compresses against the request changes nothing of what is read."""
    with DemoServer(Compressing) as server:
        async with session.post(server.url + PATH, json=body(streaming=True)) as plain:
            expected = await read(plain)
        async with meter(session, tracker).post(server.url + PATH, json=body(streaming=True)) as response:
            assert await read(response) == expected
        assert server.requests[-1]["stream_options"] == {"include_usage": True}
    assert tracker.event.actual_output_tokens == 212


async def test_server_that_compresses_for_those_who_decompress_themselves_is_asked_once(
    tracker: ListTracker,
) -> None:
    """Nothing can be taken out of bytes that stay compressed: such a server is not asked again."""
    with DemoServer(Compressing) as server:
        async with aiohttp.ClientSession(auto_decompress=False) as session:
            for _ in range(2):
                asked = body(streaming=True)
                async with meter(session, tracker).post(server.url + PATH, json=asked) as response:
                    assert b"[DONE]" in gzip.decompress(await response.read())
        assert "stream_options" in server.requests[0]
        assert len(tracker.tracked) == 2


USAGE = b'data: {"choices":[],"usage":{"prompt_tokens":5,"completion_tokens":2,"total_tokens":7}}\n\n'


class Picky(Handler):
    """Knows no option that asks for the usage, and tells it to everybody."""

    def send_stream(self, kind: str, parts: Iterable[bytes], trouble: Trouble | None = None) -> None:
        """Send the parts, and the usage."""
        super().send_stream(kind, (USAGE, *parts), trouble)

    def _answer(self, route: Any, request: Any, trouble: Trouble | None) -> None:
        super()._answer(route, request, Trouble.BAD_REQUEST if "stream_options" in request else trouble)


async def test_server_that_refuses_the_option_is_not_asked_again(
    session: aiohttp.ClientSession, tracker: ListTracker
) -> None:
    """The application gets the answer to its own request."""
    meter(session, tracker)
    with DemoServer(Picky) as server:
        for _ in range(2):
            async with session.post(server.url + PATH, json=body(streaming=True)) as response:
                assert response.status == 200
                assert USAGE in await response.read()
        assert ["stream_options" in request for request in server.requests] == [True, False, False]
    assert [event.outcome for event in tracker.tracked] == ["success", "success"]


async def test_body_of_a_stream_is_left_alone(
    server: DemoServer, session: aiohttp.ClientSession, tracker: ListTracker
) -> None:
    """A request whose body is read from somewhere goes out as it is, and its answer makes an event."""

    class Sized(aiohttp.AsyncIterablePayload):
        """Knows its length."""

        _size = 80

    async def parts() -> AsyncIterator[bytes]:
        yield b'{"model": "gpt-4.1-mini", "messages": [{"role": "user", "content": "Hi"}]}'.ljust(80)

    meter(session, tracker)
    async with session.post(server.url + PATH, data=Sized(parts())) as response:
        await response.read()
    assert tracker.event.actual_output_tokens == 212


class Older:
    """Payloads that cannot be asked for their bytes."""


@pytest.fixture
def older_aiohttp(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Exchange a part of aiohttp, and have the question whether it can be metered asked anew."""
    monkeypatch.setattr(aiohttp, "BytesPayload", Older)
    is_known.cache_clear()
    yield
    is_known.cache_clear()


@pytest.mark.usefixtures("older_aiohttp")
@pytest.mark.parametrize("everything", [False, True])
async def test_aiohttp_of_another_kind_is_left_alone(
    everything: bool,
    server: DemoServer,
    session: aiohttp.ClientSession,
    tracker: ListTracker,
) -> None:
    """Where aiohttp is not as it is known here, calls go on unmetered, and that is said once."""

    async def ask() -> None:
        with meter_everything(tracker) if everything else nullcontext(meter(session, tracker)):
            async with session.post(server.url + PATH, json=body(streaming=True)) as response:
                assert b"[DONE]" in await response.read()

    with pytest.warns(UserWarning, match="not metered"):
        await ask()
    await ask()
    assert not tracker.tracked


@pytest.mark.usefixtures("older_aiohttp")
@pytest.mark.parametrize("everything", [False, True])
async def test_warning_raises_nothing_into_a_call(
    everything: bool,
    server: DemoServer,
    session: aiohttp.ClientSession,
    tracker: ListTracker,
) -> None:
    """Where warnings are errors, as they are in these tests, a call that is not metered is made all the same."""
    with meter_everything(tracker) if everything else nullcontext(meter(session, tracker)):
        async with session.post(server.url + PATH, json=body(streaming=True)) as response:
            assert b"[DONE]" in await response.read()


async def test_broken_tracker_leaves_the_call_alone(
    server: DemoServer, session: aiohttp.ClientSession
) -> None:
    """Whatever is wrong with the tracker, the application gets its answer."""
    meter(session, BrokenTracker())
    async with session.post(server.url + PATH, json=body(streaming=True)) as response:
        assert b"[DONE]" in await response.read()


@pytest.mark.parametrize("everything", [False, True])
async def test_refused_budget_goes_through_untouched(
    everything: bool, server: DemoServer, session: aiohttp.ClientSession, tmp_path: Path
) -> None:
    """What is not sent is the budget's own error, neither wrapped nor tried again; the session can be used on."""
    asked = len(server.requests)
    budget = Budget(name="all", limit_usd="0", alerts=())
    async with taximeter.start(tmp_path / "usage.db", budgets=[budget]) as tracker:
        with meter_everything(tracker) if everything else nullcontext(meter(session, tracker)):
            for streaming in (False, True):
                with pytest.raises(BudgetExceeded, match="all") as refusal:
                    await session.post(server.url + PATH, json=body(streaming=streaming))
                assert refusal.value.__cause__ is None
            assert len(server.requests) == asked
            async with session.get(server.url + "/health") as response:
                assert response.status >= 400
        assert tracker.budgets is not None
        assert tracker.budgets.blocked == 2
        assert tracker.receipt().tracked == 0
