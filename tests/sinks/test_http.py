"""The HTTP sink, posting to a server that tests look into."""

import logging
import ssl
from contextlib import suppress
from pathlib import Path
from typing import Any

import anyio
import pytest

import taximeter
from fault_server import FaultServer, HangUp, Received, reply, taken
from receiver_server import TOKEN, models_in, receiving
from sink_doubles import batch, numbered, run_program
from taximeter.errors import ConfigurationError
from taximeter.event import TaskCompletionEvent
from taximeter.sinks.http import HttpSink
from taximeter.sinks.refusal import AccessDenied, BatchRefused, TryLater
from taximeter.store import Store

CANARY = "canary-8fJ2mQx7"


@pytest.fixture
def anyio_backend() -> str:
    """The flusher's loop is asyncio's."""
    return "asyncio"


async def write(sink: HttpSink, n_events: int = 3) -> None:
    try:
        await sink.write(batch(*numbered(n_events)))
    finally:
        await sink.aclose()


@pytest.mark.anyio
async def test_what_a_request_says() -> None:
    """Where it goes, what it holds, and what it shows to be let in."""
    with FaultServer(lambda request: [taken(request)]) as server:
        await write(HttpSink(f"{server.url}/team/", token=CANARY))
    (request,) = server.requests
    assert request.line == "POST /team/v1/events/batch HTTP/1.1"
    assert [event["model"] for event in request.events] == ["m0", "m1", "m2"]
    shown = {name: request.headers.get(name) for name in ("authorization", "content-type", "host")}
    assert shown == {
        "authorization": f"Bearer {CANARY}",
        "content-type": "application/json",
        "host": f"127.0.0.1:{server.port}",
    }
    assert len(request.headers["idempotency-key"]) == 64


@pytest.mark.anyio
async def test_large_bodies_are_packed() -> None:
    """From the size that was given on."""
    with FaultServer(lambda request: [taken(request)]) as server:
        await write(HttpSink(server.url, gzip_min_bytes=10_000), 10)
        await write(HttpSink(server.url, gzip_min_bytes=10_000), 100)
    assert [request.headers.get("content-encoding") for request in server.requests] == [None, "gzip"]
    assert [len(request.events) for request in server.requests] == [10, 100]


@pytest.mark.anyio
async def test_without_a_token_none_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor one of another kind."""
    monkeypatch.delenv("TAXIMETER_TOKEN", raising=False)
    with FaultServer(lambda request: [taken(request)]) as server:
        await write(HttpSink(server.url))
    assert "authorization" not in server.requests[0].headers


@pytest.mark.anyio
async def test_a_repeated_attempt_is_the_same_request(tmp_path: Path) -> None:
    """Byte for byte, in this sink and in one of a later start."""
    events = batch(*numbered(50))
    with FaultServer(lambda _: [reply(503)]) as server:
        for sink in (HttpSink(server.url), HttpSink(server.url)):
            for _ in range(2):
                with pytest.raises(TryLater):
                    await sink.write(events)
            await sink.aclose()
    assert len(server.requests) == 4
    assert len({(request.headers["idempotency-key"], request.body) for request in server.requests}) == 1


@pytest.mark.anyio
async def test_a_reset_after_the_commit_adds_no_row(tmp_path: Path) -> None:
    """The server stored the batch and could not say so: the retry finds every id there (one row per id)."""
    events = batch(*numbered(20))
    with receiving(tmp_path / "usage.db") as url:
        sink = HttpSink(url, token=TOKEN)

        async def store() -> None:
            forwarded = HttpSink(url, token=TOKEN)
            await forwarded.write(events)
            await forwarded.aclose()

        def commit_and_reset(_request: Received) -> list[bytes]:
            anyio.run(store)
            raise HangUp

        with FaultServer(commit_and_reset) as server, pytest.raises(TryLater):
            await HttpSink(server.url, token=TOKEN).write(events)
        await sink.write(events)
        await sink.aclose()
    assert models_in(tmp_path / "usage.db") == [f"m{n}" for n in range(20)]


@pytest.mark.anyio
async def test_an_exchanged_token_is_found(tmp_path: Path) -> None:
    """A file is read again when the server says no, so nobody has to start the program anew."""
    (file := tmp_path / "token").write_text("old")

    def guarded(request: Received) -> list[bytes]:
        return [taken(request) if request.headers["authorization"] == "Bearer new" else reply(401)]

    with FaultServer(guarded) as server:
        sink = HttpSink(server.url, token=file)
        with pytest.raises(AccessDenied, match="401"):
            await write(sink)
        file.write_text("new")
        await write(sink)


@pytest.mark.anyio
@pytest.mark.parametrize(("status", "refusal"), [(500, TryLater), (413, BatchRefused), (401, AccessDenied)])
async def test_a_failure_shows_no_secret(
    status: int, refusal: type[Exception], caplog: pytest.LogCaptureFixture
) -> None:
    """Not in the error, the log of any library at any level, or the sink's own text."""
    caplog.set_level(logging.DEBUG)
    with FaultServer(lambda _: [reply(status, CANARY.encode())]) as server:
        sink = HttpSink(server.url, token=CANARY)
        with pytest.raises(refusal) as raised:
            await write(sink)
    texts = [str(raised.value), repr(raised.value), str(vars(raised.value)), caplog.text, repr(sink)]
    assert CANARY not in "".join(
        [*texts, sink.name, str(vars(sink)), str(vars(sink._server)), str(vars(sink._server._connection))]
    )


@pytest.mark.anyio
async def test_nothing_is_logged_for_a_request(caplog: pytest.LogCaptureFixture) -> None:
    """Twice a second a line of ours in the host's log would be no good guest's."""
    caplog.set_level(logging.INFO)
    with FaultServer(lambda request: [taken(request)]) as server:
        await write(HttpSink(server.url))
    assert caplog.text == ""


@pytest.mark.parametrize("url", ["http://usage.example", "http://10.0.0.1:8484", "http://[2001:db8::1]"])
def test_a_token_does_not_travel_in_the_clear(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Given or in the environment; without one the address will do."""
    monkeypatch.delenv("TAXIMETER_TOKEN", raising=False)
    assert HttpSink(url).name
    with pytest.raises(ConfigurationError, match="https://") as raised:
        HttpSink(url, token=CANARY)
    assert CANARY not in str(raised.value)
    monkeypatch.setenv("TAXIMETER_TOKEN", CANARY)
    with pytest.raises(ConfigurationError, match="https://"):
        HttpSink(url)


@pytest.mark.parametrize("timeout_s", [0, -1, float("nan"), float("inf"), "10", True])
def test_a_time_that_is_none_is_refused(timeout_s: Any) -> None:
    """At the start."""
    with pytest.raises(ConfigurationError, match="timeout_s"):
        HttpSink("https://host", timeout_s=timeout_s)


@pytest.mark.parametrize(
    "option", [{"ssl_context": "chain.pem"}, {"ssl_context": False}, {"trust_env": "no"}]
)
def test_an_option_of_another_kind_is_refused(option: Any) -> None:
    """At the start, and not with the first request."""
    with pytest.raises(ConfigurationError) as refused:
        HttpSink("https://host", **option)
    assert {refused.value.key: refused.value.value} == option


def test_certificates_that_cannot_be_read_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At the start, naming the variable; a context that is given is used instead."""
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "missing.pem"))
    with pytest.raises(ConfigurationError, match="SSL_CERT_FILE"):
        HttpSink("https://host")
    HttpSink("https://host", ssl_context=ssl.create_default_context())


def test_its_name_is_where_it_goes() -> None:
    """Receipts and the journal's cursors call it so."""
    assert HttpSink("https://host:8443/team/").name == "host:8443/team"
    assert HttpSink("https://host", name="central").name == "central"


def program(url: str, *lines: str) -> str:
    start = (
        f"import os, taximeter\nos.environ['TAXIMETER_TOKEN'] = {TOKEN!r}\ntracker = taximeter.start({url!r})"
    )
    track = "def track(model): tracker.track_task_completion(taximeter.TaskCompletionEvent(model=model))"
    return "\n".join((start, track, *lines))


@pytest.mark.anyio
async def test_losses_are_told_as_they_are() -> None:
    """Beside the batches, by source and reason."""
    with FaultServer(lambda _: [reply(200, b'{"events":5}')]) as server:
        sink = HttpSink(f"{server.url}/team", token=CANARY)
        await sink.note_losses("a tracker", {"queue_full": 5})
        await sink.aclose()
    (request,) = server.requests
    assert request.line == "POST /team/v1/events/losses HTTP/1.1"
    assert request.body == b'{"source":"a tracker","lost":{"queue_full":5}}'
    assert request.headers["authorization"] == f"Bearer {CANARY}"


@pytest.mark.anyio
@pytest.mark.parametrize(("status", "asked"), [(404, 1), (405, 1), (501, 1), (503, 2)])
async def test_a_server_without_a_place_for_losses_is_asked_once(status: int, asked: int) -> None:
    """One that is busy is asked again; batches are taken in any case."""
    with FaultServer(lambda r: [taken(r) if "batch" in r.line else reply(status)]) as server:
        sink = HttpSink(server.url)
        for _ in range(2):
            with suppress(TryLater):
                await sink.note_losses("a tracker", {"queue_full": 5})
        await write(sink)
    assert len(server.requests) == asked + 1


def test_what_a_tracker_loses_is_known_to_the_store_behind_the_server(tmp_path: Path) -> None:
    """Its totals can say what they are short of."""
    with receiving(tmp_path / "usage.db") as url:
        tracker = taximeter.start(HttpSink(url, token=TOKEN), max_event_bytes=1000)
        for event in (TaskCompletionEvent(), TaskCompletionEvent(user="u" * 2000)):
            tracker.track_task_completion(event)
        assert tracker.close().dropped == {"too_large": 1}
    with Store(tmp_path / "usage.db") as store:
        assert store.lost() == {"too_large": 1}


def test_the_last_batch_of_a_short_program_arrives(tmp_path: Path) -> None:
    """It is the first one too: name and connection are needed when the interpreter is ending already."""
    with receiving(tmp_path / "usage.db") as url:
        run_program(program(url.replace("127.0.0.1", "localhost"), "track('m')"), tmp_path)
    assert models_in(tmp_path / "usage.db") == ["m"]


def test_a_forked_child_has_a_connection_of_its_own(tmp_path: Path) -> None:
    """The parent's goes on as if nothing had happened."""
    with receiving(tmp_path / "usage.db") as url:
        lines = (
            "track('before'); assert tracker.flush().complete",
            "child = os.fork()",
            "track('child' if child == 0 else 'parent')",
            "receipt = tracker.close()",
            "assert receipt.complete, receipt",
            "if child == 0: os._exit(0)",
            "assert os.waitpid(child, 0)[1] == 0",
        )
        run_program(program(url, *lines), tmp_path)
    assert sorted(models_in(tmp_path / "usage.db")) == ["before", "child", "parent"]
