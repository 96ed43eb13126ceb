"""`taximeter store`."""

import json
import sqlite3
from pathlib import Path

import pytest

from console_script import run
from event_samples import HOUR_US, NOVEMBER_US, call, write_lines, write_store


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a store of two old calls and one that is kept."""
    calls = [
        call(agent="a"),
        call(started_at_us=NOVEMBER_US + HOUR_US),
        call(started_at_us=2_100_000_000_000_000),
    ]
    write_store(tmp_path / "usage.db", calls)
    write_lines(tmp_path / "events.ndjson", [*calls, calls[0]])
    return tmp_path


def sql(folder: Path, query: str) -> list[tuple[object, ...]]:
    connection = sqlite3.connect(folder / "usage.db")
    with connection:
        rows = connection.execute(query).fetchall()
    connection.close()
    return rows


def test_check_says_what_is_wrong_and_rebuild_mends_it(folder: Path) -> None:
    """A sum that somebody has changed is found, told in one line and exit code 1, and gone after a rebuild."""
    done = run("store", "check", cwd=folder)
    assert (done.returncode, done.stdout) == (0, "usage.db: 3 calls, layout 3, sound\n")
    sql(folder, "UPDATE rollups SET cost_usd_nanos = cost_usd_nanos + 1")
    done = run("store", "check", cwd=folder)
    assert done.returncode == 1
    assert "3 sums of rollups not what the calls add up to: `taximeter store rebuild`" in done.stdout
    assert json.loads(run("store", "check", "--json", cwd=folder).stdout)["sound"] is False
    assert "made anew of 3 calls" in run("store", "rebuild", cwd=folder).stdout
    assert run("store", "check", cwd=folder).returncode == 0


def test_prune_takes_old_calls_out_and_leaves_what_they_cost(folder: Path) -> None:
    """First a dry run that changes nothing; afterwards totals are as before, and the store is sound."""
    total = run("report", "--by", "model", "--format", "csv", cwd=folder).stdout
    command = ("store", "prune", "--keep", "1d", "--tz", "Asia/Kathmandu")
    dry = run(*command, "--dry-run", cwd=folder)
    assert "usage.db: 2 calls from before" in dry.stdout
    assert "would be taken out; the sums stay" in dry.stdout
    assert sql(folder, "SELECT COUNT(*) FROM event_rows") == [(3,)]
    assert json.loads(run(*command, "--json", cwd=folder).stdout)["calls"] == 2
    assert sql(folder, "SELECT COUNT(*) FROM event_rows") == [(1,)]
    assert run("report", "--by", "model", "--format", "csv", cwd=folder).stdout == total
    assert run("store", "check", cwd=folder).returncode == 0
    assert "2 sums too" in run(*command, "--drop-sums", cwd=folder).stdout
    assert ",1,0,0,1000,50," in run("report", "--by", "model", "--format", "csv", cwd=folder).stdout
    assert run("store", "check", cwd=folder).returncode == 0


@pytest.mark.parametrize("keep", ["", "90", "0d", "-1d", "soon", "1y"])
def test_a_time_that_is_none_is_wrong_usage(folder: Path, keep: str) -> None:
    """Nothing is deleted for a typing mistake."""
    done = run("store", "prune", f"--keep={keep}", cwd=folder)
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)
    assert "--keep" in done.stderr
    assert sql(folder, "SELECT COUNT(*) FROM event_rows") == [(3,)]


def test_vacuum_says_how_much_it_gave_back(folder: Path) -> None:
    """In bytes."""
    done = run("store", "vacuum", cwd=folder)
    assert (done.returncode, done.stderr) == (0, "")
    assert "bytes given back" in done.stdout


def test_a_new_store_is_made_of_lines(folder: Path) -> None:
    """An event that is there twice counts once; a line that is none is mentioned, and an old store is not overwritten."""
    with (folder / "events.ndjson").open("a") as file:
        file.write("{broken\n")
    done = run("store", "rebuild", "--from", "events.ndjson", "new.db", cwd=folder)
    assert (done.returncode, done.stdout) == (0, "new.db: 3 calls of 5 lines\n")
    assert done.stderr == "taximeter: 1 line not an event, left out\n"
    assert run("store", "check", "new.db", cwd=folder).returncode == 0
    again = run("store", "rebuild", "--from", "events.ndjson", "new.db", cwd=folder)
    assert (again.returncode, again.stdout) == (2, "")
    assert "must be a file that is not there yet" in again.stderr


@pytest.mark.parametrize("command", [["check"], ["vacuum"], ["prune", "--keep", "9d"], ["rebuild"]])
def test_what_is_no_store_is_left_alone(folder: Path, command: list[str]) -> None:
    """A missing file is not made, and a database of something else gets no tables of ours."""
    connection = sqlite3.connect(folder / "other.db")
    connection.execute("CREATE TABLE diary (page)")
    connection.close()
    other = (folder / "other.db").read_bytes()
    for name, code in (("missing.db", 2), ("other.db", 1), ("events.ndjson", 1)):
        done = run("store", *command, name, cwd=folder)
        assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (code, "", 1), done.stderr
    assert (folder / "other.db").read_bytes() == other
    assert not (folder / "missing.db").exists()
