"""What a server's answer means for a batch."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from taximeter.http_contract import REASONS
from taximeter.sinks.http_answer import HttpAnswer, retry_after_s, settle
from taximeter.sinks.refusal import AccessDenied, BatchRefused, EventsRefused, TryLater

NOW_S = 1_793_491_200.0  # Sun, 01 Nov 2026 00:00:00 GMT
LINES = tuple(b'{"type":"TASK_COMPLETION","event_id":"e%d"}' % n for n in range(3))
REFUSALS = (AccessDenied, BatchRefused, EventsRefused, TryLater)


def result(accepted: Any = 0, duplicates: Any = 0, rejected: Any = ()) -> bytes:
    return json.dumps({"accepted": accepted, "duplicates": duplicates, "rejected": list(rejected)}).encode()


def rejection(index: Any, reason: str = "invalid", **more: Any) -> dict[str, Any]:
    return {"index": index, "reason": reason, **more}


@pytest.mark.parametrize("status", [200, 201, 202])
def test_a_result_that_adds_up_is_a_success(status: int) -> None:
    """Whether the events are new or were there before."""
    settle(HttpAnswer(status, body=result(2, 1)), LINES)
    settle(HttpAnswer(status, body=b'{"accepted":3,"duplicates":0}'), LINES)


def test_rejected_events_are_named_by_their_place() -> None:
    """The rest of the batch is taken; partial success is not success."""
    body = result(1, 0, [rejection(2, "unknown_type", event_id="e2"), rejection(0)])
    with pytest.raises(EventsRefused) as raised:
        settle(HttpAnswer(200, body=body), LINES)
    assert raised.value.by_index == {2: "unknown_type", 0: "invalid"}


def test_a_word_that_a_server_makes_up_is_not_counted_by() -> None:
    """It could be anything, and a new one every time."""
    with pytest.raises(EventsRefused) as raised:
        settle(HttpAnswer(200, body=result(0, 0, [rejection(0, "key=hunter2\n")])), LINES[:1])
    assert raised.value.by_index == {0: "rejected"}


@pytest.mark.parametrize(
    "body",
    [
        None,
        b"",
        b"<html>Welcome to the hotel's network</html>",
        b"[]",
        b"null",
        b"{}",
        b'{"accepted":3}',
        b"\xff\xfe",
        b"[" * 100_000,
        result(2, 0),
        result(4, 0),
        result(5, -2),
        result(3.5, 0),
        result(True, 2),
        result(2, 0, [rejection(3)]),
        result(2, 0, [rejection(-1)]),
        result(1, 0, [rejection(0), rejection(0)]),
        result(0, 0, [rejection(10**30)]),
        result(2, 0, [rejection(1, event_id="e0")]),  # it counts from 1
    ],
    ids=lambda body: repr(body)[:30],
)
def test_a_result_that_cannot_be_believed_is_asked_for_again(body: bytes | None) -> None:
    """A success that does not account for every event is none; sending again adds nothing where it was one."""
    with pytest.raises(TryLater):
        settle(HttpAnswer(200, body=body), LINES)


@pytest.mark.parametrize(("status", "reason"), [(400, "refused"), (413, "too_large"), (422, "refused")])
def test_a_batch_that_is_refused(status: int, reason: str) -> None:
    """It is for the lane to find the event that is at fault."""
    with pytest.raises(BatchRefused) as raised:
        settle(HttpAnswer(status), LINES)
    assert raised.value.reason == reason


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504, 599])
def test_a_server_that_is_busy_or_down(status: int) -> None:
    """The wait it asks for goes along."""
    with pytest.raises(TryLater) as raised:
        settle(HttpAnswer(status, retry_after="7"), LINES)
    assert raised.value.retry_after_s == 7.0


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308, 401, 402, 403, 404, 405, 407, 410, 418])
def test_what_somebody_has_to_mend(status: int) -> None:
    """A wrong token, or an address that is not the server's: the events are kept, and the status says why."""
    with pytest.raises(AccessDenied, match=str(status)):
        settle(HttpAnswer(status, retry_after="7"), LINES)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, None),
        ("0", 0.0),
        ("120", 120.0),
        (" 2 ", 2.0),
        ("1e12", 1e12),
        ("1000000000000", 1e12),
        ("Sun, 01 Nov 2026 00:01:30 GMT", 90.0),
        ("Sunday, 01-Nov-26 00:01:30 GMT", 90.0),
        ("Sat, 31 Oct 2026 23:00:00 GMT", 0.0),
        ("-1", None),
        ("nan", None),
        ("inf", None),
        ("9" * 5000, None),
        ("", None),
        ("soon", None),
        ("Sun, 99 Nov 2026 00:00:00 GMT", None),
        ("Fri, 31 Dec 999999 23:59:59 GMT", None),
    ],
)
def test_every_form_of_retry_after(header: str | None, seconds: float | None) -> None:
    """Seconds and dates are read; what is neither, or not to be waited for, counts as not said."""
    assert retry_after_s(header, NOW_S) == seconds


@given(st.text())
def test_no_header_breaks_the_reading(header: str) -> None:
    """A server may send anything."""
    seconds = retry_after_s(header, NOW_S)
    assert seconds is None or 0 <= seconds < float("inf")


@given(
    st.integers(100, 999),
    st.binary()
    | st.builds(
        result,
        st.integers(-1, 4),
        st.integers(-1, 4),
        st.lists(st.builds(rejection, st.integers(-1, 4), st.sampled_from(REASONS) | st.text())),
    ),
)
def test_no_answer_does_anything_but_succeed_or_refuse(status: int, body: bytes) -> None:
    """Every refused event is one of the batch, under a known word."""
    refusal: Exception | None = None
    try:
        settle(HttpAnswer(status, body=body), LINES)
    except REFUSALS as raised:
        refusal = raised
    assert refusal or 200 <= status < 300
    if isinstance(refusal, EventsRefused):
        assert set(refusal.by_index) <= {0, 1, 2}
        assert set(refusal.by_index.values()) <= set(REASONS)
