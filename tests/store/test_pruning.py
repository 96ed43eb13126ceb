"""What stays of a store when old calls are taken out."""

import sqlite3
import subprocess
import sys
import tempfile
from datetime import UTC
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import taximeter
from event_samples import EVENTS, HOUR_US, NOVEMBER_US, call, write_store
from taximeter.errors import ConfigurationError
from taximeter.event import CallContentEvent, CallContentPayload, TaskCompletionEvent
from taximeter.report.group import group_events
from taximeter.sinks.layout import QUARTER_US
from taximeter.store import Store
from taximeter.store.pruning import Pruning, find_prunable, prune_store, read_keep
from taximeter.store.soundness import check_store
from taximeter.store.vacuum import vacuum_store

MOMENTS = st.integers(min_value=315_532_800_000_000, max_value=2_145_916_799_999_999)


@settings(deadline=None, max_examples=15)
@given(EVENTS, MOMENTS, MOMENTS)
def test_totals_stay_and_the_store_is_sound(
    calls: list[TaskCompletionEvent], first: int, second: int
) -> None:
    """Whatever is taken out, one after another, sums of groups and days are as before, to the nanodollar."""
    with tempfile.TemporaryDirectory() as folder:
        path = write_store(Path(folder) / "usage.db", calls)
        for before_us in (first, second):
            expected = find_prunable(path, before_us)
            assert prune_store(path, before_us) == expected
        with Store(path) as store:
            edge = max(first, second) // QUARTER_US * QUARTER_US
            assert {event.event_id for event in store.events()} == {
                event.event_id for event in calls if event.started_at_us >= edge
            }
            zone = ZoneInfo("Asia/Kathmandu")
            for by in (["model"], ["day", "agent"]):
                assert store.totals(by, zone=zone) == group_events(calls, by, zone=zone)
        assert check_store(path).is_sound


@settings(deadline=None, max_examples=15)
@given(EVENTS, MOMENTS, MOMENTS)
def test_sums_go_when_they_shall(calls: list[TaskCompletionEvent], first: int, second: int) -> None:
    """Those that an earlier pruning has kept go too; what is left is what the calls that are left add up to."""
    before_us = max(first, second)
    with tempfile.TemporaryDirectory() as folder:
        path = write_store(Path(folder) / "usage.db", calls)
        prune_store(path, first)
        prune_store(path, before_us, keep_sums=False)
        left = [event for event in calls if event.started_at_us >= before_us // QUARTER_US * QUARTER_US]
        with Store(path) as store:
            for by in ([], ["model"], ["day"]):
                assert store.totals(by) == group_events(left, by)
        assert check_store(path).is_sound


def test_more_calls_than_one_step_takes(tmp_path: Path) -> None:
    """Steps follow each other until nothing old is left, and vacuum gives the space back."""
    calls = [call(started_at_us=NOVEMBER_US + n, session="s" * 200) for n in range(1200)]
    path = write_store(tmp_path / "usage.db", calls)
    assert prune_store(path, NOVEMBER_US + HOUR_US).calls == 1200
    before, after = vacuum_store(path)
    assert after < before / 4
    assert check_store(path).is_sound


def test_a_dry_run_changes_nothing(tmp_path: Path) -> None:
    """Not a byte."""
    path = write_store(tmp_path / "usage.db", [call(), call("b")])
    before = path.read_bytes()
    found = find_prunable(path, NOVEMBER_US + HOUR_US + 1, keep_sums=False)
    assert found == Pruning(before_us=NOVEMBER_US + HOUR_US, calls=2, sums=2)
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    ("text", "zone", "before_us"),
    [
        ("1d", UTC, NOVEMBER_US),
        ("2d", UTC, NOVEMBER_US - 24 * HOUR_US),
        ("1d", ZoneInfo("Asia/Kathmandu"), NOVEMBER_US + 18 * HOUR_US + QUARTER_US),
        ("36h", UTC, NOVEMBER_US - 16 * HOUR_US),
        ("1w", UTC, NOVEMBER_US + (20 - 168) * HOUR_US),
    ],
)
def test_days_are_whole_and_other_times_are_not(text: str, zone: ZoneInfo, before_us: int) -> None:
    """At 20:00 UTC of the first of November; in Kathmandu the second has begun."""
    assert read_keep(text, zone, now_us=NOVEMBER_US + 20 * HOUR_US) == before_us


@pytest.mark.parametrize("text", ["", "0d", "d", "7", "1.5d", "-3d", "9999999d", "2026-11-01", "now"])
def test_a_time_that_is_none_is_refused(text: str) -> None:
    """Rather than guessed at: calls are gone afterwards."""
    with pytest.raises(ConfigurationError, match="--keep"):
        read_keep(text, UTC)


def test_processes_that_write_meanwhile_lose_nothing(tmp_path: Path) -> None:
    """Two write, one is asked, and old calls go; in the end every call is there or was taken out, and sums are right."""
    path = write_store(tmp_path / "usage.db", [call(started_at_us=NOVEMBER_US + n) for n in range(2000)])
    code = (
        "import taximeter\n"
        "with taximeter.start('usage.db', batch_max_events=20) as tracker:\n"
        "    for n in range(300): tracker.track_task_completion(taximeter.TaskCompletionEvent())\n"
        "assert tracker.receipt().complete\n"
    )
    writers = [subprocess.Popen([sys.executable, "-c", code], cwd=tmp_path) for _ in range(2)]
    pruned = prune_store(path, NOVEMBER_US + HOUR_US)
    with Store(path) as store:
        assert store.totals()[0].totals.calls >= 2000
    assert [writer.wait(30) for writer in writers] == [0, 0]
    assert pruned.calls == 2000
    assert check_store(path).is_sound
    connection = sqlite3.connect(path)
    assert connection.execute("SELECT COUNT(*) FROM event_rows").fetchone() == (600,)
    assert connection.execute("SELECT SUM(calls) FROM rollups").fetchone() == (2600,)
    connection.close()


def test_what_was_said_goes_earlier_than_the_calls_and_out_of_the_file(tmp_path: Path) -> None:
    """Texts have a time of their own, and are overwritten where they lay."""
    with taximeter.start(tmp_path / "usage.db", privacy="full") as tracker:
        for at_us, text in ((NOVEMBER_US, "canary"), (NOVEMBER_US + HOUR_US, "later")):
            payload = CallContentPayload(call_event_id="c", prompt=text)
            tracker.track_task_completion(CallContentEvent(ts_us=at_us, payload=payload))
        tracker.track_task_completion(call("gpt-4o"))
    path = tmp_path / "usage.db"
    expected = find_prunable(path, 0, contents_before_us=NOVEMBER_US + 1)
    assert (expected.calls, expected.contents) == (0, 1)
    assert prune_store(path, 0, contents_before_us=NOVEMBER_US + 1) == expected
    assert b"canary" not in path.read_bytes()
    assert b"later" in path.read_bytes()
    assert prune_store(path, NOVEMBER_US * 2).contents == 1
    assert check_store(path).is_sound
