"""Sessions of requests are metered like any client: the application's bytes, one event, the right tokens."""

from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
import requests

import taximeter
from compressing import Compressing
from list_tracker import ListTracker
from loopback import DemoServer, Trouble
from taximeter.budget import Budget
from taximeter.capture import meter, meter_everything
from taximeter.errors import BudgetExceeded

PATH = "/v1/chat/completions"


def body(text: str = "Hello", *, streaming: bool) -> dict[str, Any]:
    """Return what is asked."""
    return {"model": "gpt-4.1-mini", "messages": [{"role": "user", "content": text}], "stream": streaming}


def content(response: requests.Response) -> bytes:
    return response.content


def by_lines(response: requests.Response) -> bytes:
    return b"\n".join(response.iter_lines(chunk_size=7))


def by_chunks(response: requests.Response) -> bytes:
    return b"".join(response.iter_content(chunk_size=None))


def by_bytes(response: requests.Response) -> bytes:
    return b"".join(response.iter_content(chunk_size=1))


def raw(response: requests.Response) -> bytes:
    return b"".join(iter(lambda: bytes(response.raw.read(16)), b""))


def raw_at_once(response: requests.Response) -> bytes:
    return bytes(response.raw.read())


READS = [by_lines, by_chunks, by_bytes, raw, raw_at_once, content]


@pytest.mark.parametrize("read", READS)
@pytest.mark.parametrize("streaming", [False, True])
def test_bytes_are_the_same_and_the_event_is_right(
    read: Callable[[Any], bytes], streaming: bool, server: DemoServer, tracker: ListTracker
) -> None:
    """However the answer is read; the usage is asked for, and taken out again."""
    with requests.Session() as plain, requests.Session() as session:
        asked: dict[str, Any] = {"json": body(streaming=streaming), "stream": True}
        expected = read(plain.post(server.url + PATH, **asked))
        meter(session, tracker)
        with taximeter.scope(agent="reviewer"):
            response = session.post(server.url + PATH, **asked)
        assert read(response) == expected
        assert b"include_usage" not in (response.request.body or b"")
    event = tracker.event
    assert (event.outcome, event.actual_output_tokens, event.agent) == ("success", 212, "reviewer")
    assert event.streaming is streaming
    assert (event.time_to_first_token_ms is not None) is streaming


def test_error_is_a_failure(server: DemoServer, tracker: ListTracker) -> None:
    """A refused call is asked again as it was written, and is one event."""
    with meter(requests.Session(), tracker) as session:
        response = session.post(server.url + PATH, json=body(Trouble.BAD_REQUEST, streaming=True))
        assert response.status_code == 400
        assert response.json()["error"]
    assert (tracker.event.outcome, tracker.event.error_status) == ("failure", 400)


def test_left_stream_is_cancelled(server: DemoServer, tracker: ListTracker) -> None:
    """Who stops reading has a cancelled call, its tokens estimated."""
    with (
        meter(requests.Session(), tracker) as session,
        session.post(server.url + PATH, json=body(streaming=True), stream=True) as response,
    ):
        for _, line in zip(range(6), response.iter_lines(chunk_size=1), strict=False):
            assert line is not None
    assert (tracker.event.outcome, tracker.event.usage_status) == ("cancelled", "estimated")


def test_cut_stream_is_partial(server: DemoServer, tracker: ListTracker) -> None:
    """A connection that breaks raises as before."""
    with meter(requests.Session(), tracker) as session:
        response = session.post(server.url + PATH, json=body(Trouble.HANG_UP, streaming=True), stream=True)
        with pytest.raises(requests.exceptions.ChunkedEncodingError):
            by_chunks(response)
    assert tracker.event.outcome == "partial"


def test_no_connection_is_a_failure(tracker: ListTracker) -> None:
    """A refused connection raises as before."""
    with meter(requests.Session(), tracker) as session, pytest.raises(requests.ConnectionError):
        session.post("http://127.0.0.1:1" + PATH, json=body(streaming=False))
    assert (tracker.event.outcome, tracker.event.error_type) == ("failure", "ConnectionError")


def test_every_session_of_the_process_is_metered(server: DemoServer, tracker: ListTracker) -> None:
    """Also those that `requests.post` makes; a session with a meter of its own is one event for each tracker."""
    own = ListTracker()
    with meter_everything(tracker), requests.Session() as session:
        requests.post(server.url + PATH, json=body(streaming=False), timeout=9)
        assert tracker.event.actual_output_tokens == 212
        meter(session, own).post(server.url + PATH, json=body(streaming=False))
        meter(session, tracker).post(server.url + PATH, json=body(streaming=False))
    assert (len(tracker.tracked), len(own.tracked)) == (3, 1)
    requests.post(server.url + PATH, json=body(streaming=False), timeout=9)
    assert len(tracker.tracked) == 3


def test_other_requests_pass(server: DemoServer, tracker: ListTracker) -> None:
    """What is no inference is none of ours."""
    with meter(requests.Session(), tracker) as session:
        session.get(server.url + "/health")
    assert not tracker.tracked


@pytest.mark.parametrize("read", [by_lines, by_chunks, by_bytes, content])
def test_usage_is_taken_out_of_what_is_compressed_anyway(
    read: Callable[[Any], bytes], tracker: ListTracker
) -> None:
    """A server that compresses against the request changes nothing of what is read."""
    with DemoServer(Compressing) as server, requests.Session() as plain, requests.Session() as session:
        asked: dict[str, Any] = {"json": body(streaming=True), "stream": True}
        expected = read(plain.post(server.url + PATH, **asked))
        assert read(meter(session, tracker).post(server.url + PATH, **asked)) == expected
        assert server.requests[-1]["stream_options"] == {"include_usage": True}
    assert tracker.event.actual_output_tokens == 212


@pytest.mark.parametrize("everything", [False, True])
def test_refused_budget_goes_through_untouched(everything: bool, server: DemoServer, tmp_path: Path) -> None:
    """What is not sent is the budget's own error, neither wrapped nor tried again; the session can be used on."""
    asked = len(server.requests)
    budget = Budget(name="all", limit_usd="0", alerts=())
    with taximeter.start(tmp_path / "usage.db", budgets=[budget]) as tracker, requests.Session() as session:
        session.mount("http://", requests.adapters.HTTPAdapter(max_retries=3))
        with meter_everything(tracker) if everything else nullcontext(meter(session, tracker)):
            for streaming in (False, True):
                with pytest.raises(BudgetExceeded, match="all") as refusal:
                    session.post(server.url + PATH, json=body(streaming=streaming), stream=streaming)
                assert refusal.value.__cause__ is None
            assert len(server.requests) == asked
            assert session.get(server.url + "/health").status_code >= 400
        assert tracker.budgets is not None
        assert tracker.budgets.blocked == 2
        assert tracker.receipt().tracked == 0
