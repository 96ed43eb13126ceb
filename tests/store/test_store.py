"""The SQLite store."""

import sqlite3
import tempfile
from datetime import UTC
from pathlib import Path
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import taximeter
from event_samples import EVENTS, HOUR_US, NOVEMBER_US, call, write_store
from taximeter.errors import ConfigurationError
from taximeter.event import TaskCompletionEvent
from taximeter.report.dimension import DIMENSIONS
from taximeter.report.group import group_events
from taximeter.report.totals import lacks_price
from taximeter.report.window import EPOCH, Window
from taximeter.sinks.layout import VIEWS
from taximeter.store import Store, StoreError

ZONES = sorted(available_timezones())
INSTANTS = st.none() | st.integers(min_value=315_532_800_000_000, max_value=2_145_916_799_999_999)


@settings(deadline=None)
@given(
    EVENTS,
    st.lists(st.sampled_from(DIMENSIONS), max_size=3, unique=True),
    st.sampled_from(ZONES),
    st.builds(Window, INSTANTS, INSTANTS),
)
def test_sql_and_python_count_alike(
    calls: list[TaskCompletionEvent], by: list[str], zone: str, window: Window
) -> None:
    """Any grouping in any zone and window equals adding the events up one by one."""
    with (
        tempfile.TemporaryDirectory() as folder,
        Store(write_store(Path(folder) / "usage.db", calls)) as store,
    ):
        found = store.totals(by, window=window, zone=ZoneInfo(zone))
    assert found == group_events(calls, by, window=window, zone=ZoneInfo(zone))


@given(st.sampled_from(ZONES), st.integers(min_value=315_532_800, max_value=2_145_916_799))
def test_every_zone_keeps_to_quarters_of_an_hour(zone: str, at_s: int) -> None:
    """Days are cut right because no zone's offset splits a quarter of an hour."""
    offset = (EPOCH.fromtimestamp(at_s, ZoneInfo(zone)).utcoffset() or EPOCH - EPOCH).total_seconds()
    assert offset % 900 == 0


def test_a_filter_takes_values_and_the_lack_of_one(tmp_path: Path) -> None:
    """None asks for calls that name no agent."""
    path = write_store(tmp_path / "usage.db", [call(agent="a"), call(agent="a"), call()])
    with Store(path) as store:
        found = [store.totals(where={"agent": agent, "model": "gpt-4o"}) for agent in ("a", None)]
        assert store.totals(where={"agent": "nobody"}) == []
    assert [group.totals.calls for (group,) in found] == [2, 1]


@pytest.mark.parametrize("hostile", ["model; DROP TABLE events", "1", "rowid", "", "events.model", "day"])
def test_only_known_names_reach_the_database(tmp_path: Path, hostile: str) -> None:
    """A name that is no dimension is refused, whatever it would mean in SQL; values never are part of the query."""
    with Store(write_store(tmp_path / "usage.db", [call()])) as store:
        with pytest.raises(ConfigurationError):
            store.totals(where={hostile: "x"})
        if hostile != "day":
            with pytest.raises(ConfigurationError):
                store.totals([hostile])
        assert store.totals(where={"model": "' OR 1=1 --"}) == []


@settings(deadline=None)
@given(EVENTS)
def test_an_event_comes_back_as_it_was(calls: list[TaskCompletionEvent]) -> None:
    """Every field survives the way through the table."""
    with (
        tempfile.TemporaryDirectory() as folder,
        Store(write_store(Path(folder) / "usage.db", calls)) as store,
    ):
        assert [store.event(event.event_id) for event in calls] == calls
        assert sorted(event.event_id for event in store.events()) == sorted(event.event_id for event in calls)


@settings(deadline=None)
@given(EVENTS)
def test_calls_that_lack_a_price_are_found(calls: list[TaskCompletionEvent]) -> None:
    """SQL and Python agree on which calls have no cost, or not all of it."""
    with (
        tempfile.TemporaryDirectory() as folder,
        Store(write_store(Path(folder) / "usage.db", calls)) as store,
    ):
        found = {event.event_id for event in store.events(lacking_price=True)}
    assert found == {event.event_id for event in calls if lacks_price(event)}


def test_nested_fields_come_back_nested(tmp_path: Path) -> None:
    """Tuples, dicts and booleans are read as what they were."""
    event = call(
        finish_reasons=("stop",),
        tags={"team": "a"},
        raw_usage={"deep": [{"a": 1.5}]},
        streaming=True,
        quality_gate_passed=False,
        quality_gates_run=("lint", "types"),
        quality_gates_failed=0,
        context_utilization_final=0.25,
    )
    with Store(write_store(tmp_path / "usage.db", [event])) as store:
        assert store.event(event.event_id) == event


def test_an_unknown_id_is_nothing(tmp_path: Path) -> None:
    """Asking for an event that is not there returns None."""
    with Store(write_store(tmp_path / "usage.db", [])) as store:
        assert store.event("nope") is None


def test_events_come_oldest_first(tmp_path: Path) -> None:
    """A window of events is read in order of time."""
    calls = [call(started_at_us=NOVEMBER_US + hours * HOUR_US) for hours in (3, 1, 2)]
    with Store(write_store(tmp_path / "usage.db", calls)) as store:
        found = [event.started_at_us for event in store.events(Window(NOVEMBER_US + 2 * HOUR_US))]
    assert found == [NOVEMBER_US + 2 * HOUR_US, NOVEMBER_US + 3 * HOUR_US]


def test_a_store_of_an_older_version_is_read(tmp_path: Path) -> None:
    """Fields that an old table has no column for take their defaults."""
    event = call(agent="a")
    path = write_store(tmp_path / "usage.db", [event])
    with sqlite3.connect(path) as connection:
        connection.execute("DROP VIEW events")
        connection.execute(
            VIEWS["events"]
            .join(("CREATE VIEW events AS ", ""))
            .replace(", context_rotations", ", 1 AS of_the_future")
        )
    connection.close()
    with Store(path) as store:
        assert store.event(event.event_id) == event


def test_a_missing_file_is_refused_and_not_made(tmp_path: Path) -> None:
    """Asking creates nothing."""
    with pytest.raises(ConfigurationError, match="must be an existing file"):
        Store(tmp_path / "usage.db")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("content", [b"", b"no database at all, but long enough to look" * 20])
def test_what_is_no_store_is_refused(tmp_path: Path, content: bytes) -> None:
    """The error names the file."""
    path = tmp_path / "other.db"
    path.write_bytes(content)
    with pytest.raises(StoreError, match=r"other\.db"):
        Store(path)


def test_a_database_of_something_else_is_refused(tmp_path: Path) -> None:
    """A table of another program's events is not taken for ours."""
    path = tmp_path / "other.db"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE events (id, name)")
    connection.close()
    with pytest.raises(StoreError, match="not a store of taximeter"):
        Store(path)


def test_a_broken_event_is_an_error_with_a_name(tmp_path: Path) -> None:
    """A row that somebody tampered with is reported, not guessed at."""
    path = write_store(tmp_path / "usage.db", [call()])
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE event_rows SET tags = '{broken'")
    connection.close()
    with Store(path) as store, pytest.raises(StoreError, match="broken event"):
        list(store.events())


def test_a_total_beyond_all_numbers_is_an_error_with_a_reason(tmp_path: Path) -> None:
    """SQLite refuses to add it up; a wrong event in the window is why."""
    path = write_store(tmp_path / "usage.db", [call(actual_input_tokens=2**62) for _ in range(3)])
    with Store(path) as store, pytest.raises(StoreError, match="larger than 64 bits"):
        store.totals(["user"])


def test_names_with_marks_of_an_address_are_just_names(tmp_path: Path) -> None:
    """A question mark or percent sign in a file name is no part of an address."""
    path = write_store(tmp_path / "a?mode=rwc#%41.db", [call()])
    with Store(path) as store:
        assert store.totals()[0].totals.calls == 1


def test_reading_writes_nothing(tmp_path: Path) -> None:
    """A store that is asked is the same file afterwards."""
    path = write_store(tmp_path / "usage.db", [call()])
    before = path.read_bytes()
    with Store(path) as store:
        store.totals(["day"], zone=UTC)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_a_store_in_use_is_read_while_it_is_written(tmp_path: Path) -> None:
    """What a writer has committed is seen, what it has not is not, and its log is left alone."""
    path = write_store(tmp_path / "usage.db", [call()])
    with sqlite3.connect(path) as writer, Store(path) as store:
        writer.execute("PRAGMA journal_mode = WAL")
        writer.execute("UPDATE event_rows SET user = 'a'")
        assert store.totals(where={"user": "a"}) == []
        writer.commit()
        assert len(store.totals(where={"user": "a"})) == 1
    writer.close()


def test_nothing_is_left_beside_a_store(tmp_path: Path) -> None:
    """A store with a write-ahead log is read without leaving files of ours."""
    path = write_store(tmp_path / "usage.db", [call()])
    with sqlite3.connect(path) as writer:
        writer.execute("PRAGMA journal_mode = WAL")
    writer.close()
    with Store(path) as store:
        assert store.totals()[0].totals.calls == 1
    assert list(tmp_path.iterdir()) == [path]


@settings(deadline=None, max_examples=10)
@given(EVENTS)
def test_what_a_tracker_has_written_comes_back(calls: list[TaskCompletionEvent]) -> None:
    """The store reads the layout that the SQLite sink writes, field by field."""
    nested = call(tags={"team": "a"}, finish_reasons=("stop",), quality_gates_run=("lint",), streaming=True)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "usage.db"
        with taximeter.start(path) as tracker:
            for event in (*calls, nested):
                tracker.track_task_completion(event)
        with Store(path) as store:
            assert [store.event(event.event_id) for event in (*calls, nested)] == [*calls, nested]
            assert store.totals(["model"]) == group_events([*calls, nested], ["model"])


def test_a_number_of_another_kind_is_rounded(tmp_path: Path) -> None:
    """What another writer left as a float in a column of integers is read as the nearest whole number."""
    path = write_store(tmp_path / "usage.db", [event := call()])
    connection = sqlite3.connect(path)
    with connection:
        connection.execute("UPDATE event_rows SET actual_cost_usd_nanos = 9.3e18, actual_input_tokens = 2.6")
        connection.execute("UPDATE event_rows SET started_at_us = started_at_us + 0.4")
    connection.close()
    with Store(path) as store:
        (group,) = store.totals(["day", "user"])
        assert (group.key, group.totals.cost_usd_nanos) == (("2026-11-01", None), (1 << 63) - 1)
        read = store.event(event.event_id)
    assert read
    assert (read.actual_input_tokens, read.started_at_us) == (3, event.started_at_us)
