"""What a check of a store finds."""

import sqlite3
from pathlib import Path

import pytest

from event_samples import HOUR_US, NOVEMBER_US, call, write_store
from taximeter.store.rebuilding import rebuild_store
from taximeter.store.soundness import check_store


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A store of two groups in two quarters of an hour."""
    usage = {"prompt_tokens": 1000}
    calls = [call(raw_usage=usage), call("b", started_at_us=NOVEMBER_US + HOUR_US), call("new", None)]
    return write_store(tmp_path / "usage.db", calls)


def change(path: Path, statements: str) -> None:
    connection = sqlite3.connect(path)
    connection.executescript(statements)
    connection.close()


def test_a_store_is_sound_as_it_is_written(path: Path) -> None:
    """Nothing is wrong with what the sink writes."""
    found = check_store(path)
    assert (found.is_sound, found.calls, found.problems) == (True, 3, ())


@pytest.mark.parametrize(
    ("damage", "problem"),
    [
        ("UPDATE rollups SET cost_usd_nanos = cost_usd_nanos - 1 WHERE calls = 1", "3 sums of rollups"),
        ("DELETE FROM rollups", "3 sums of rollups"),
        (
            "INSERT INTO rollups SELECT quarter + 1, group_id, 1,0,0,0,0,0,0,0,0,0,0 FROM rollups LIMIT 1",
            "1 sum of",
        ),
        ("DELETE FROM day_rollups WHERE unpriced_calls", "1 sum of day_rollups"),
        ("DELETE FROM event_rows WHERE rowid = 2", "1 sum of rollups"),
        ("UPDATE event_rows SET actual_cost_usd_nanos = 7 WHERE rowid = 2", "1 sum of rollups"),
        ("DROP INDEX event_rows_by_user", "the index event_rows_by_user is missing"),
        ("DROP VIEW calls", "the view calls is missing"),
        ("DROP INDEX call_contents_by_call", "the index call_contents_by_call is missing"),
        (
            "DROP INDEX call_contents_by_time; CREATE INDEX call_contents_by_time ON call_contents (answer)",
            "the index call_contents_by_time is missing or another",
        ),
        ("DROP VIEW contents", "the view contents is missing"),
    ],
)
def test_what_is_wrong_is_found_and_mended_by_a_rebuild(path: Path, damage: str, problem: str) -> None:
    """Whatever does not fit the rows is named, and worked out anew."""
    change(path, damage)
    found = check_store(path)
    assert not found.is_sound
    assert any(text.startswith(problem) for text in found.problems), found.problems
    rebuild_store(path)
    assert check_store(path).is_sound


@pytest.mark.parametrize(
    ("damage", "problem"),
    [
        ("DELETE FROM usage_shapes", "1 row of event_rows without their row of usage_shapes"),
        ("DELETE FROM profiles WHERE profile_id = 1", "1 row of event_rows without their row of profiles"),
        ("DELETE FROM groups WHERE group_id = 2", "1 row of profiles without their row of groups"),
    ],
)
def test_rows_that_lack_what_they_refer_to_are_counted(path: Path, damage: str, problem: str) -> None:
    """No rebuild brings them back, a store has to be made of the events again."""
    change(path, damage)
    assert problem in check_store(path).problems


def test_a_damaged_file_is_told_of(path: Path) -> None:
    """SQLite's own check is part of ours."""
    change(path, "CREATE INDEX another ON event_rows (session)")
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA writable_schema = ON")
    with connection:
        connection.execute(
            "UPDATE sqlite_schema SET sql = 'CREATE INDEX another ON event_rows (attempt)' WHERE name = 'another'"
        )
    connection.close()
    assert any(text.startswith("the file is damaged") for text in check_store(path).problems)


def test_an_absurd_count_is_a_problem_and_no_accident(tmp_path: Path) -> None:
    """Sums that were cut cannot be compared."""
    path = write_store(tmp_path / "usage.db", [call(actual_input_tokens=1 << 62) for _ in range(3)])
    assert any("larger than 64 bits" in text for text in check_store(path).problems)
