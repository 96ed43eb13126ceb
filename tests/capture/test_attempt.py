"""Tries of one logical call have an id in common and a number each; what is no repetition stays apart."""

from contextvars import copy_context
from typing import Any

import httpx2
import pytest

import taximeter
from list_tracker import ListTracker
from taximeter.capture import meter
from taximeter.capture.attempt import Attempt, attempt_of, note_failure

URL = "https://api.openai.com/v1/embeddings"
BODY = {"model": "text-embedding-3-small", "input": "Hello"}
ANSWER = {"object": "list", "data": [], "model": "text-embedding-3-small", "usage": {"prompt_tokens": 4}}


def client_of(tracker: ListTracker, *statuses: int) -> httpx2.Client:
    """Return a metered client whose server answers with these statuses, one after the other."""
    answers = iter(statuses)
    handler = lambda _: httpx2.Response(next(answers), json=ANSWER)  # noqa: E731 - the network in a line
    return meter(httpx2.Client(transport=httpx2.MockTransport(handler)), tracker)


def tries(tracker: ListTracker) -> list[tuple[int, bool]]:
    """Return the number of each try, and whether it shares its id with the first."""
    first = tracker.tracked[0]
    return [
        (event.attempt, event.call_id == first.call_id and event.call_id is not None)
        for event in tracker.tracked
    ]


def in_a_context_of_its_own(run: Any) -> None:
    """Run in a new context, as a task or a thread would."""
    copy_context().run(run)


def test_repetition_after_a_failure_is_a_try_of_the_same_call(tracker: ListTracker) -> None:
    """The same request again, after answers that invite it, counts up under the first one's id."""

    def run() -> None:
        with client_of(tracker, 503, 429, 200, 200) as client:
            for _ in range(4):
                client.post(URL, json=BODY)

    in_a_context_of_its_own(run)
    assert tries(tracker) == [(1, True), (2, True), (3, True), (1, False)]


def test_success_alone_has_no_call_id(tracker: ListTracker) -> None:
    """A call of a single try needs no id."""
    with client_of(tracker, 200) as client:
        client.post(URL, json=BODY)
    assert (tracker.event.attempt, tracker.event.call_id) == (1, None)


@pytest.mark.parametrize("again", [{"input": "Other"}, {}], ids=["another body", "a final refusal"])
def test_something_else_is_no_repetition(again: dict[str, str], tracker: ListTracker) -> None:
    """Another request, or the same after an answer that forbids it, is a call of its own."""

    def run() -> None:
        with client_of(tracker, 503 if again else 400, 200) as client:
            client.post(URL, json=BODY)
            client.post(URL, json=BODY | again)

    in_a_context_of_its_own(run)
    assert [event.attempt for event in tracker.tracked] == [1, 1]
    assert tracker.tracked[1].call_id is None


def test_other_tasks_and_threads_are_apart(tracker: ListTracker) -> None:
    """The same question asked elsewhere at the same time is no repetition."""
    with client_of(tracker, 503, 200) as client:
        in_a_context_of_its_own(lambda: client.post(URL, json=BODY))
        in_a_context_of_its_own(lambda: client.post(URL, json=BODY))
    assert [event.attempt for event in tracker.tracked] == [1, 1]


def test_scope_names_the_call(tracker: ListTracker) -> None:
    """An id that the scope gives is the one of all tries in it, fallbacks to other models included."""

    def run() -> None:
        with client_of(tracker, 503, 200, 200) as client, taximeter.scope(call_id="c-1"):
            client.post(URL, json=BODY)
            client.post(URL, json=BODY)
            client.post(URL, json=BODY | {"model": "other"})

    in_a_context_of_its_own(run)
    assert [(event.attempt, event.call_id) for event in tracker.tracked] == [
        (1, "c-1"),
        (2, "c-1"),
        (1, "c-1"),
    ]


def test_headers_tell_most(tracker: ListTracker) -> None:
    """AWS's SDKs send id and number, Stainless's a number; nonsense is passed over."""
    aws = {"amz-sdk-invocation-id": "i-1", "amz-sdk-request": "attempt=3; max=5"}
    assert attempt_of(aws, b"", tracker) == Attempt(3, "i-1")
    assert attempt_of({"amz-sdk-invocation-id": "i-1"}, b"", tracker) == Attempt(1, "i-1")
    assert attempt_of({"x-stainless-retry-count": "2"}, b"", tracker) == Attempt(3, None)
    assert attempt_of({"x-stainless-retry-count": "-x"}, b"", tracker) == Attempt(1, None)


def test_other_trackers_are_apart(tracker: ListTracker) -> None:
    """What failed under one tracker is no first try for another."""

    def run() -> None:
        note_failure(Attempt(1, "c-1"), b"body", tracker)
        assert attempt_of({}, b"body", tracker) == Attempt(2, "c-1")
        assert attempt_of({}, b"body", ListTracker()) == Attempt(1, None)

    in_a_context_of_its_own(run)
