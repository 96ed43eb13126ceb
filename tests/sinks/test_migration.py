"""What happens to stores of older and newer layouts."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from event_samples import HOUR_US, NOVEMBER_US, call
from taximeter.event import encode_event
from taximeter.report.group import group_events
from taximeter.sinks.layout import INDEXES, LAYOUT_VERSION
from taximeter.sinks.migration import STEPS, version_of
from taximeter.sinks.row_writer import RowWriter
from taximeter.sinks.sqlite import open_database
from taximeter.store import Store, StoreError

LAYOUT_2 = (Path(__file__).parent.parent / "fixtures" / "layout_2.sql").read_text()
"""Three calls, one of them without a price, written by what wrote layout 2."""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A store of layout 2."""
    path = tmp_path / "usage.db"
    connection = sqlite3.connect(path)
    connection.executescript(LAYOUT_2)
    connection.close()
    return path


@pytest.fixture
def old(path: Path) -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(path, isolation_level=None, timeout=0)
    yield connection
    connection.close()


def test_there_is_a_step_from_every_published_layout() -> None:
    """From 2, the first that anybody has a store of."""
    assert list(STEPS) == list(range(2, LAYOUT_VERSION))


def test_an_old_store_is_read_before_anybody_has_migrated_it(path: Path) -> None:
    """Readers change nothing, and need no writer to have been there."""
    with Store(path) as store:
        found = list(store.events())
        assert store.totals(["day", "model"]) == group_events(found, ["day", "model"])
        assert store.statistics().latency.p50_ms == 20.25
    connection = sqlite3.connect(path)
    assert version_of(connection) == 2
    connection.close()


def test_the_first_writer_migrates_it(path: Path) -> None:
    """It is the newest layout then, with all that was in it, and what comes is added."""
    with Store(path) as store:
        before = list(store.events())
    connection = open_database(path)
    assert version_of(connection) == LAYOUT_VERSION
    RowWriter(connection).write([encode_event(new := call(started_at_us=NOVEMBER_US + 2 * HOUR_US))])
    schema = {row[0] for row in connection.execute("SELECT sql FROM sqlite_schema WHERE type = 'index'")}
    assert {index.replace("IF NOT EXISTS ", "") for index in INDEXES} <= schema
    connection.close()
    with Store(path) as store:
        assert list(store.events()) == [*before, new]
        assert store.totals(["day", "agent"]) == group_events([*before, new], ["day", "agent"])
        assert store.totals(["model"]) == group_events([*before, new], ["model"])


def test_a_first_store_of_layout_2_gets_its_sums_of_days(path: Path, old: sqlite3.Connection) -> None:
    """It had none of them yet, so that questions over days would have found nothing."""
    old.execute("DROP TABLE day_rollups")
    with pytest.raises(StoreError, match="a writer has to open it once"):
        Store(path)
    open_database(path).close()
    with Store(path) as store:
        assert store.totals(["model"]) == group_events(list(store.events()), ["model"])


def test_a_migration_that_fails_changes_nothing(path: Path, old: sqlite3.Connection) -> None:
    """All of it is one transaction: the next writer tries again from the start."""
    old.execute("CREATE TABLE unpriced (somebody, elses)")
    with pytest.raises(sqlite3.OperationalError):
        open_database(path)
    assert version_of(old) == 2
    assert not any(old.execute("SELECT 1 FROM sqlite_schema WHERE name = 'pruned_sums'"))


def test_while_another_process_migrates_readers_see_what_was(path: Path) -> None:
    """And a writer is told that the store is busy, which its sink waits for."""
    open_database(path).close()  # write-ahead logging, as in every store that was written to once
    writer = sqlite3.connect(path, isolation_level=None)
    writer.execute("PRAGMA user_version = 2")
    writer.execute("BEGIN IMMEDIATE")
    writer.execute("DROP INDEX event_rows_by_time")
    with Store(path) as store:
        assert len(list(store.events())) == 3
    with pytest.raises(sqlite3.OperationalError, match="locked"):
        open_database(path)
    writer.execute("ROLLBACK")
    open_database(path).close()
    writer.close()


def test_a_newer_layout_is_named_and_not_read(path: Path, old: sqlite3.Connection) -> None:
    """What its tables mean is not known here; a wrong total is worse than none."""
    old.execute(f"PRAGMA user_version = {LAYOUT_VERSION + 1}")
    with pytest.raises(
        StoreError, match=rf"layout {LAYOUT_VERSION + 1}.*reads up to {LAYOUT_VERSION}.*update"
    ):
        Store(path)
