"""`taximeter journal` and `taximeter drain`."""

import json
import signal
import sqlite3
import subprocess
import time
from pathlib import Path

import pytest

import taximeter
from console_script import TAXIMETER, environment, run
from journal_samples import segment_paths
from sink_doubles import FailingSink, RefusingSink, numbered
from taximeter.event import TaskCompletionEvent
from taximeter.identifier import new_event_id
from taximeter.journal.folder import CARRIER_LOCK, Folder, Lock
from taximeter.sinks.refusal import AccessDenied


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A journal with ten events that no sink has taken."""
    with taximeter.start(
        FailingSink(), journal=tmp_path / "journal", close_timeout_s=0.05, service="test"
    ) as tracker:
        for event in numbered(10):
            tracker.track_task_completion(event)
        tracker.count_loss("capture_error", 2)
    return tmp_path / "journal"


def rows_in(store: Path) -> int:
    connection = sqlite3.connect(store)
    (rows,) = connection.execute("SELECT count(*) FROM events").fetchone()
    connection.close()
    return int(rows)


def rows_of(stdout: str) -> dict[str, list[str]]:
    rows = [line.split() for line in stdout.splitlines()]
    return {row[0]: row[1:] for row in rows if row}


def test_drain_delivers_what_is_there(folder: Path, tmp_path: Path) -> None:
    """Once, to the sinks that are named; a second time adds nothing."""
    for _ in range(2):
        done = run("drain", folder, "--to", "usage.db", "--once", cwd=tmp_path)
        assert (done.returncode, done.stderr) == (0, "")
        assert rows_in(tmp_path / "usage.db") == 10


def test_drain_runs_beside_a_service(tmp_path: Path) -> None:
    """It carries what others write, and ends when it is told to, with everything delivered."""
    folder = tmp_path / "journal"
    with subprocess.Popen(
        [TAXIMETER, "drain", str(folder), "--to", "usage.db"], cwd=tmp_path, env=environment()
    ) as drain:
        with taximeter.start(tmp_path / "usage.db", journal=folder, carry=False) as tracker:
            for event in numbered(100):
                tracker.track_task_completion(event)
            assert tracker.flush(20).complete
        drain.send_signal(signal.SIGTERM)
        assert drain.wait(10) == 0
    assert rows_in(tmp_path / "usage.db") == 100
    assert segment_paths(folder) == []


def test_drain_says_when_a_sink_fails(folder: Path, tmp_path: Path) -> None:
    """One line on stderr, instead of silence beside a journal that grows."""
    (tmp_path / "usage.db").mkdir()
    with subprocess.Popen(
        [TAXIMETER, "drain", str(folder), "--to", "usage.db"],
        cwd=tmp_path,
        env=environment(),
        stderr=subprocess.PIPE,
        text=True,
    ) as drain:
        assert drain.stderr is not None
        assert "sink usage.db failed" in drain.stderr.readline()
        drain.send_signal(signal.SIGTERM)
        drain.wait(10)


def test_status_shows_the_ledger(folder: Path, tmp_path: Path) -> None:
    """Tracked is delivered, pending and dropped together."""
    before = run("journal", "status", folder)
    assert rows_of(before.stdout)["failing"] == ["12", "0", "10", "2", "capture_error=2"]
    run("drain", folder, "--to", "usage.db", "--once", cwd=tmp_path)
    shown = run("journal", "status", folder)
    assert shown.returncode == 0
    assert rows_of(shown.stdout)["usage.db"] == ["12", "10", "0", "2", "capture_error=2"]
    status = json.loads(run("journal", "status", folder, "--json").stdout)
    counts = {"tracked": 12, "delivered": 10, "pending": 0, "dropped": {"capture_error": 2}}
    assert status["sinks"]["usage.db"].items() >= counts.items()
    assert (status["ok"], status["problems"]) == (True, [])


def test_status_fails_when_a_sink_denies_access(tmp_path: Path) -> None:
    """The exit code is what a probe looks at; the problem is named."""
    folder = tmp_path / "journal"
    sink = FailingSink(error=AccessDenied("401"))
    with taximeter.start(sink, journal=folder, close_timeout_s=0.05) as tracker:
        tracker.track_task_completion(numbered(1)[0])
        tracker.flush(1)
    done = run("journal", "status", folder)
    assert done.returncode == 1
    assert "failing: access_denied (AccessDenied: 401)" in done.stdout
    assert json.loads(run("journal", "status", folder, "--json").stdout)["ok"] is False


def test_status_fails_when_nobody_carries(tmp_path: Path) -> None:
    """Events that are an hour old and that no sink has ever got are a backlog that stands still."""
    folder = tmp_path / "journal"
    with taximeter.start("usage.db", journal=folder, carry=False, close_timeout_s=0.05) as tracker:
        event_id = new_event_id(time.time_ns() - 3600 * 10**9)
        tracker.track_task_completion(TaskCompletionEvent(event_id=event_id))
        tracker.flush(0.1)
    done = run("journal", "status", folder)
    assert done.returncode == 1
    assert "no sink: backlog_stalled (1 pending, none delivered for 360" in done.stdout


def test_retry_sends_dead_letters_again(tmp_path: Path) -> None:
    """To the sink that refused them, once it takes them; until then they stay, and recover leaves them alone."""
    folder = tmp_path / "journal"
    sink = RefusingSink({"m1": "invalid"})
    sink.name = "usage.db"
    with taximeter.start(sink, journal=folder) as tracker:
        for event in numbered(3):
            tracker.track_task_completion(event)
        assert tracker.flush(10).sinks["usage.db"].dropped == {"invalid": 1}
    assert "1 dead letter:" in run("journal", "status", folder).stdout
    assert "1 dead letter:" in run("journal", "recover", folder).stdout
    other = run("journal", "retry", folder, "--to", "other.ndjson", cwd=tmp_path)
    assert (other.returncode, other.stdout) == (1, "usage.db: 1 event left, --to does not name it\n")
    done = run("journal", "retry", folder, "--to", "usage.db", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, "usage.db: 1 event sent\n")
    assert rows_in(tmp_path / "usage.db") == 1
    assert run("journal", "retry", folder).stdout == "No dead letters.\n"
    assert run("journal", "retry", tmp_path / "missing").returncode == 2


def test_verify_finds_damage(folder: Path) -> None:
    """It exits with 1, says where, and changes nothing."""
    assert run("journal", "verify", folder).returncode == 0
    path = segment_paths(folder)[0]
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    done = run("journal", "verify", folder)
    assert done.returncode == 1
    assert "bytes damaged at" in done.stdout
    assert path.read_bytes() == data
    assert json.loads(run("journal", "verify", folder, "--json").stdout)["sound"] is False


def test_recover_cuts_a_torn_end(folder: Path) -> None:
    """Then the journal is sound, and the cut bytes are in the quarantine."""
    path = segment_paths(folder)[0]
    path.write_bytes(path.read_bytes()[:-3])
    assert run("journal", "recover", folder).returncode == 0
    assert run("journal", "verify", folder).returncode == 0
    assert len(list((folder / "quarantine").iterdir())) == 1


def test_recover_leaves_a_carried_journal_alone(folder: Path) -> None:
    """One line says why."""
    lock = Lock(Folder(folder), CARRIER_LOCK)
    assert lock.acquire()
    done = run("journal", "recover", folder)
    assert (done.returncode, len(done.stderr.splitlines())) == (1, 1)
    lock.release()


def test_looking_at_a_folder_leaves_nothing_there(tmp_path: Path) -> None:
    """Nor does it make one."""
    (tmp_path / "empty").mkdir(0o700)
    assert run("journal", "status", tmp_path / "empty").returncode == 0
    assert list((tmp_path / "empty").iterdir()) == []
    assert run("journal", "status", tmp_path / "missing").returncode == 2
    assert not (tmp_path / "missing").exists()
