"""A store keeps how many events never came to it, whoever lost them, each once."""

import sqlite3
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as some

from sink_doubles import FailingSink, HangingSink, numbered
from taximeter import start
from taximeter.report.window import Window
from taximeter.sinks.loss_table import CREATE, note_losses
from taximeter.sinks.refusal import EventsRefused
from taximeter.sinks.sqlite import SqliteSink
from taximeter.store import Store

COUNTS = some.dictionaries(some.sampled_from(["queue_full", "bytes_full"]), some.integers(0, 1000))


@given(some.lists(some.tuples(some.sampled_from("ab"), COUNTS)))
def test_what_was_noted_last_of_each_source_adds_up(notes: list[tuple[str, Mapping[str, int]]]) -> None:
    """However often the same counts come, and whatever order the sources come in."""
    connection = sqlite3.connect(":memory:")
    connection.execute(CREATE)
    last: dict[tuple[str, str], int] = {}
    for source, lost in notes:
        note_losses(connection, source, lost)
        last |= {(source, reason): events for reason, events in lost.items()}
    kept = connection.execute("SELECT source, reason, SUM(events) FROM losses GROUP BY 1, 2")
    assert {(source, reason): events for source, reason, events in kept if events} == {
        key: events for key, events in last.items() if events
    }
    connection.close()


def test_a_full_queue_is_seen_beside_the_totals(tmp_path: Path) -> None:
    """What the tracker refused is in the store that it went on to fill."""
    path = tmp_path / "usage.db"
    with start(path, max_events=1) as tracker:
        for event in numbered(50):
            tracker.track_task_completion(event)
        tracker.count_loss("capture_error", 3)
    receipt = tracker.receipt()
    with Store(path) as store:
        assert store.lost() == receipt.dropped
        assert store.lost()["capture_error"] == 3
        assert store.totals()[0].totals.calls + sum(receipt.dropped.values()) == receipt.tracked
        assert store.lost(Window(until_us=0)) == {}


def test_a_neighbours_losses_are_its_own(tmp_path: Path) -> None:
    """Each sink is told of what it has not got itself."""
    path = tmp_path / "usage.db"
    tracker = start(path, FailingSink(), HangingSink(), retry_budget_s=0.01, close_timeout_s=0.1)
    for event in numbered(3):
        tracker.track_task_completion(event)
    assert set(tracker.close().lost.values()) == {0, 3}
    with Store(path) as store:
        assert store.lost() == {}


@pytest.mark.parametrize("journal", [None, "journal"])
def test_what_the_sink_itself_refuses_is_noted(tmp_path: Path, journal: str | None) -> None:
    """With a journal it is the ledger that is told, once, however many carriers come."""

    class Choosy(SqliteSink):
        async def write(self, batch: object) -> None:
            await super().write(batch)  # type: ignore[arg-type]  # a batch it is
            raise EventsRefused({0: "ugly"})

    path, given = tmp_path / "usage.db", None if journal is None else tmp_path / journal
    for times in (1, 2):
        tracker = start(Choosy(path), journal=given)
        for event in numbered(2):
            tracker.track_task_completion(event)
        tracker.close()
        with Store(path) as store:
            assert store.lost() == {"ugly": times}


def test_a_store_from_before_says_nothing(tmp_path: Path) -> None:
    """Losses are kept since there is a table for them."""
    path = tmp_path / "usage.db"
    with start(path) as tracker:
        tracker.track_task_completion(numbered(1)[0])
    with sqlite3.connect(path) as connection:
        connection.execute("DROP TABLE losses")
    connection.close()
    with Store(path) as store:
        assert store.lost() == {}
