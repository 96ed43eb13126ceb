"""What every way to a sink promises, in memory and through a journal, whatever the sink answers."""

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import trio

import taximeter
from sink_doubles import FailingSink, ListSink, RefusingSink, assert_conserved, numbered
from taximeter.dead_letters import DeadLetter, read_letters
from taximeter.event import TaskCompletionEvent, decode_event
from taximeter.sinks.batch import Batch
from taximeter.sinks.refusal import AccessDenied, EventsRefused, TryLater
from taximeter.tracker import Tracker

WAYS: dict[str, dict[str, Any]] = {
    "memory": {},
    "journal": {"journal": "journal"},
    "write-through": {"journal": "journal", "write_through": True},
    "durable": {"journal": "journal", "sync": "durable"},
}


@pytest.fixture(params=WAYS)
def way(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    monkeypatch.chdir(tmp_path)
    return {"dead_letters": "dead.ndjson", "batch_max_events": 20, **WAYS[request.param]}


def track(tracker: Tracker, count: int) -> None:
    for event in numbered(count):
        assert tracker.track_task_completion(event)


def dead_models() -> Iterator[tuple[str, Any]]:
    for letter in read_letters(Path("dead.ndjson")):
        assert isinstance(letter, DeadLetter)
        event = decode_event(bytes(letter.event))
        assert isinstance(event, TaskCompletionEvent)
        yield letter.reason, event.model


def test_413_does_not_drop_a_whole_batch(way: dict[str, Any]) -> None:
    """The one event at fault is refused and becomes a dead letter; its neighbours are delivered, in order."""
    sink = RefusingSink({"m33": "too_large"}, largest=15)
    with taximeter.start(sink, **way) as tracker:
        track(tracker, 50)
        receipt = tracker.flush(10)
    assert sink.models == [f"m{n}" for n in range(50) if n != 33]
    assert receipt.sinks["refusing"].dropped == {"too_large": 1}
    assert receipt.delivered == {"refusing": 49}
    assert [*dead_models()] == [("too_large", "m33")]
    assert_conserved(receipt)
    assert all(ledger.is_conserved and ledger.delivered == 49 for ledger in tracker.ledger().values())


def test_partial_success_is_not_ignored(way: dict[str, Any]) -> None:
    """Events that the sink says it has refused are not counted as delivered."""

    class Partial(ListSink):
        async def write(self, batch: Batch) -> None:
            await super().write(batch)
            raise EventsRefused({0: "invalid", 2: "too_old"})

    sink = Partial()
    with taximeter.start(sink, **way) as tracker:
        track(tracker, 5)
        receipt = tracker.flush(10)
    assert receipt.sinks["list"].dropped == {"invalid": 1, "too_old": 1}
    assert (receipt.delivered, receipt.pending) == ({"list": 3}, {"list": 0})
    assert [*dead_models()] == [("invalid", "m0"), ("too_old", "m2")]
    assert_conserved(receipt)


def test_a_sink_that_was_busy_gets_everything(way: dict[str, Any]) -> None:
    """Once, in order, with nothing dropped."""
    sink = FailingSink(failures=3, error=TryLater("429", retry_after_s=0.02))
    with taximeter.start(sink, **way) as tracker:
        track(tracker, 30)
        receipt = tracker.flush(10)
    assert receipt.complete
    assert receipt.sinks["failing"].failed_attempts == 3


def test_denied_access_drops_nothing(way: dict[str, Any]) -> None:
    """Everything is pending, health says why, and the neighbour is not concerned."""
    denied = FailingSink(error=AccessDenied("401"))
    with taximeter.start(denied, ListSink(), close_timeout_s=0.1, **way) as tracker:
        track(tracker, 30)
        receipt = tracker.flush(0.3)
        assert (receipt.pending, receipt.lost) == (
            {"failing": 30, "list": 0},
            {"failing": 0, "list": 0},
        )
        assert [problem.what for problem in tracker.health().problems] == ["access_denied"]
        assert denied.attempts == 1
    assert_conserved(tracker.receipt())
    assert denied.attempts == 2, "the end of the program is one more occasion"


def test_a_flush_reports_what_failed_and_keeps_its_timeout(way: dict[str, Any]) -> None:
    """It never calls successful what was not delivered (seen elsewhere: both)."""
    with taximeter.start(FailingSink(), close_timeout_s=0.1, **way) as tracker:
        track(tracker, 10)
        flushing = threading.Thread(target=tracker.flush, args=(0.2,))
        flushing.start()
        flushing.join(5)
        assert not flushing.is_alive()
        receipt = tracker.flush(0)
        assert not receipt.complete
        assert receipt.delivered == {"failing": 0}
        assert receipt.pending["failing"] + receipt.lost["failing"] == 10


def test_calls_of_one_request_id_are_all_kept(way: dict[str, Any]) -> None:
    """The provider's id is not the key (seen elsewhere: only the first row survived)."""
    with taximeter.start("usage.db", **way) as tracker:
        for _ in range(5):
            tracker.track_task_completion(TaskCompletionEvent(model="m", provider_response_id="the same"))
        assert tracker.flush(10).complete
    assert len(rows("usage.db")) == 5


def test_an_event_that_cannot_be_stored_as_it_is_costs_no_other(way: dict[str, Any]) -> None:
    """NUL and lone surrogates kill no insert (seen elsewhere)."""
    with taximeter.start("usage.db", **way) as tracker:
        for user in ("a\x00b", "\ud800", "plain"):
            tracker.track_task_completion(TaskCompletionEvent(model="m", user=user))
        assert tracker.flush(10).complete
    users = [row[0] for row in rows("usage.db")]
    assert len(users) == 3
    assert users[2] == "plain"


def test_events_of_loops_that_are_gone_are_delivered(way: dict[str, Any]) -> None:
    """The queue is bound to no loop (seen elsewhere: lost when the loop changed)."""
    sink = ListSink()

    async def track_one() -> None:
        tracker.track_task_completion(numbered(1)[0])

    with taximeter.start(sink, **way) as tracker:
        for _ in range(5):
            asyncio.run(track_one())
            trio.run(track_one)
        assert tracker.flush(10).complete
    assert len(sink.models) == 10


def rows(path: str) -> list[tuple[Any, ...]]:
    import sqlite3  # noqa: PLC0415 - for these tests alone

    connection = sqlite3.connect(path)
    found = connection.execute("SELECT user FROM events ORDER BY rowid").fetchall()
    connection.close()
    return found
