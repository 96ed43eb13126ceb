"""What a connection survives: each fault is made by a real server on loopback."""

import datetime as dt
import gzip
import ssl
import tracemalloc
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path

import anyio
import httpx
import pytest
import trustme

from fault_server import Answer, FaultServer, HangUp, Received, reply
from receiver_server import TOKEN, receiving
from sink_doubles import run_program
from taximeter.sinks.http_answer import HttpAnswer
from taximeter.sinks.http_connection import HttpConnection
from taximeter.sinks.refusal import AccessDenied, TryLater

CA = trustme.CA()
QUICK_S = 0.15
LONG_AGO = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)


@pytest.fixture
def anyio_backend() -> str:
    """The flusher's loop is asyncio's."""
    return "asyncio"


def trusting(authority: trustme.CA = CA) -> ssl.SSLContext:
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context


def proven(name: str, *, until: dt.datetime | None = None) -> ssl.SSLContext:
    """Return a server's side of TLS, with a certificate for the name."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate = CA.issue_cert(name, not_before=until and until - dt.timedelta(days=1), not_after=until)
    certificate.configure_cert(context)
    return context


def connection(
    url: str, timeout_s: float = 5.0, *, context: ssl.SSLContext | None = None, proxy: str | None = None
) -> HttpConnection:
    return HttpConnection(
        httpx.URL(url).copy_with(path="/v1/events/batch"),
        ssl_context=context or trusting(),
        proxy=httpx.Proxy(proxy) if proxy else None,
        timeout_s=timeout_s,
    )


async def post(
    answer: Answer, timeout_s: float = 5.0, *, context: ssl.SSLContext | None = None, pause_s: float = 0.0
) -> HttpAnswer:
    """Post to a server that answers so."""
    with FaultServer(answer, context, pause_s=pause_s) as server:
        posting = connection(server.url, timeout_s)
        try:
            return await posting.post(b"{}", httpx.Headers())
        finally:
            await posting.aclose()


def never(_request: Received) -> Iterator[None]:
    """Take the request, and say nothing."""
    yield None


def drip(data: bytes, *, after: bytes = b"") -> Answer:
    """Send byte by byte what comes after a part that is sent at once."""

    def answer(_request: Received) -> Iterator[bytes]:
        yield after
        for byte in data:
            yield bytes((byte,))

    return answer


@pytest.mark.anyio
@pytest.mark.parametrize(
    "answer",
    [never, drip(reply(200)), drip(b"x" * 1000, after=b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n")],
    ids=["never answers", "drips its headers", "drips its body"],
)
async def test_a_server_that_takes_its_time(answer: Answer) -> None:
    """The request ends with its time; bytes that keep coming do not prolong it."""
    with anyio.fail_after(10 * QUICK_S), pytest.raises(TryLater, match="Timeout"):
        await post(answer, QUICK_S, pause_s=QUICK_S / 10)


def in_turn(*answers: Answer) -> Answer:
    """Answer each request by the next."""
    left = iter(answers)

    def answer(request: Received) -> Iterable[bytes | None]:
        return next(left)(request)

    return answer


def hang_up(*parts: bytes) -> Answer:
    def answer(_request: Received) -> Iterator[bytes]:
        yield from parts
        raise HangUp

    return answer


@pytest.mark.anyio
@pytest.mark.parametrize(
    "answer",
    [
        hang_up(),
        hang_up(b"HTTP/1.1 200 OK\r\n"),
        hang_up(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc"),
        lambda _: [],
        lambda _: [reply(200, b"x" * 100)[:-50]],
        lambda _: [b"SSH-2.0-OpenSSH_9.6\r\n"],
        lambda _: [b"HTTP/1.1 200 OK\r\n" + b"x: " + b"y" * 1_000_000 + b"\r\n\r\n"],
        lambda _: [b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n"],
    ],
    ids=[
        "reset",
        "reset in headers",
        "reset in body",
        "close",
        "close in body",
        "no HTTP",
        "huge header",
        "bad chunk",
    ],
)
async def test_a_connection_that_ends_badly(answer: Answer) -> None:
    """It is a failure to be tried again, whatever was on the wire."""
    with pytest.raises(TryLater):
        await post(answer)


@pytest.mark.anyio
async def test_a_server_that_is_not_there() -> None:
    """Neither its port nor its name."""
    with FaultServer(never) as server:
        url = server.url
    for gone, says in ((url, "ConnectError: .*failed"), ("https://no-such-host.invalid", "gaierror: .*")):
        with pytest.raises(TryLater, match=says):
            await connection(gone).post(b"{}", httpx.Headers())


@pytest.mark.anyio
async def test_after_a_failure_it_connects_anew() -> None:
    """And the next answer is believed."""
    with FaultServer(in_turn(hang_up(b"HTTP/1.1 200"), never, lambda _: [reply(204)])) as server:
        posting = connection(server.url, QUICK_S)
        for _ in range(2):
            with pytest.raises(TryLater):
                await posting.post(b"{}", httpx.Headers())
            assert not posting.is_open
        assert (await posting.post(b"{}", httpx.Headers())).status == 204
        await posting.aclose()
    assert len(server.requests) == 3


def test_a_connection_that_works_is_kept(tmp_path: Path) -> None:
    """The name is looked up once, and its addresses are tried once, as long as all goes well."""
    code = (
        "import sys, taximeter\n"
        "from taximeter.sinks.http import HttpSink\n"
        "seen = []\n"
        "sys.addaudithook(lambda event, _: seen.append(event) if event.startswith('socket.') else None)\n"
        "with taximeter.start(HttpSink(URL, token=TOKEN)) as tracker:\n"
        "    for _ in range(5):\n"
        "        tracker.track_task_completion(taximeter.TaskCompletionEvent())\n"
        "        assert tracker.flush().complete\n"
        "print(seen.count('socket.getaddrinfo'), seen.count('socket.connect') <= 2)\n"
    )
    with receiving(tmp_path / "usage.db") as url:
        values = f"URL, TOKEN = {url.replace('127.0.0.1', 'localhost')!r}, {TOKEN!r}\n"
        assert run_program(values + code, tmp_path) == "1 True\n"


@pytest.mark.anyio
async def test_a_cancelled_request_leaves_nothing_open() -> None:
    """The lane's time may be over before the request's."""
    with FaultServer(never) as server:
        posting = connection(server.url)
        with anyio.move_on_after(QUICK_S):
            await posting.post(b"{}", httpx.Headers())
        assert not posting.is_open


def gigabyte(*, packed: bool) -> Answer:
    """Send a gigabyte, made as it goes."""

    def answer(_request: Received) -> Iterator[bytes]:
        name = b"content-encoding: gzip\r\n" if packed else b""
        yield b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n" + name + b"\r\n"
        packer = zlib.compressobj(wbits=31)
        zeros = bytes(1 << 20)
        block = packer.compress(zeros) + packer.flush(zlib.Z_FULL_FLUSH)
        for _ in range(1024):
            part = block if packed else zeros
            yield b"%x\r\n%b\r\n" % (len(part), part)

    return answer


@pytest.mark.anyio
@pytest.mark.parametrize("packed", [True, False], ids=["1 GB in gzip", "1 GB"])
async def test_an_answer_of_a_gigabyte(*, packed: bool) -> None:
    """It is neither kept nor unpacked."""
    tracemalloc.start()
    try:
        answer = await post(gigabyte(packed=packed))
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert answer == HttpAnswer(200)
    assert peak_bytes < 16 << 20


@pytest.mark.anyio
async def test_a_packed_answer_that_nobody_asked_for_is_not_read() -> None:
    """Small ones neither: there is one way to read an answer."""
    body = gzip.compress(b"{}")
    assert await post(lambda _: [reply(200, body, content_encoding="gzip")]) == HttpAnswer(200)


@pytest.mark.anyio
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_not_followed(status: int) -> None:
    """No other server gets to see the events, or what lets us in."""
    with (
        FaultServer(lambda _: [reply(200)]) as other,
        FaultServer(lambda _: [reply(status, location=f"{other.url}/v1/events/batch")]) as server,
    ):
        posting = connection(server.url)
        answer = await posting.post(b"{}", httpx.Headers({"Authorization": "Bearer hunter2"}))
        await posting.aclose()
    assert answer.status == status
    assert (len(server.requests), other.requests) == (1, [])


@pytest.mark.anyio
async def test_cookies_are_not_kept() -> None:
    """A server cannot mark us."""
    with FaultServer(lambda _: [reply(200, set_cookie="id=1")]) as server:
        posting = connection(server.url)
        for _ in range(2):
            await posting.post(b"{}", httpx.Headers())
        await posting.aclose()
    assert "cookie" not in server.requests[1].headers


@pytest.mark.anyio
async def test_a_certificate_that_is_good() -> None:
    """By address or by name, which is asked for although the connection goes to an address."""
    answer = await post(lambda _: [reply(204)], context=proven("127.0.0.1"))
    assert answer.status == 204
    with FaultServer(lambda _: [reply(204)], proven("localhost")) as server:
        posting = connection(f"https://localhost:{server.port}")
        assert (await posting.post(b"{}", httpx.Headers())).status == 204
        await posting.aclose()


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("context", "trusted", "says"),
    [
        (proven("127.0.0.1", until=LONG_AGO), CA, "expired"),
        (proven("elsewhere.example"), CA, "not valid for '127.0.0.1'"),
        (proven("127.0.0.1"), trustme.CA(), "certificate"),
    ],
    ids=["expired", "wrong host", "unknown authority"],
)
async def test_a_certificate_that_is_not(context: ssl.SSLContext, trusted: trustme.CA, says: str) -> None:
    """Nothing is sent; somebody has to mend it, so the events are kept."""
    with FaultServer(lambda _: [reply(204)], context) as server, pytest.raises(AccessDenied, match=says):
        await connection(server.url, context=trusting(trusted)).post(b"{}", httpx.Headers())
    assert server.requests == []


@pytest.mark.anyio
async def test_a_proxy_is_asked_for_the_address() -> None:
    """Which it looks up itself; here it refuses to."""
    with FaultServer(lambda _: [reply(403)]) as proxy:
        posting = connection("https://no-such-host.invalid", proxy=proxy.url)
        with pytest.raises(TryLater, match="ProxyError"):
            await posting.post(b"{}", httpx.Headers({"Authorization": "Bearer hunter2"}))
    assert proxy.requests[0].line == "CONNECT no-such-host.invalid:443 HTTP/1.1"
    assert "authorization" not in proxy.requests[0].headers
