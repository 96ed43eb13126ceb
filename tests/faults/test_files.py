"""Files that others have planted, moved or broken: nothing of theirs is touched, and everybody else gets their events."""

import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import taximeter
from sink_doubles import assert_conserved, run_program

pytestmark = pytest.mark.skipif(
    sys.platform == "win32", reason="links and pipes are made in other ways there"
)

VICTIM = b"somebody else's\n"


def plant_link(path: Path, victim: Path) -> None:
    path.symlink_to(victim)


def plant_hard_link(path: Path, victim: Path) -> None:
    path.hardlink_to(victim)


def plant_pipe(path: Path, _victim: Path) -> None:
    os.mkfifo(path)


PLANT = {"link": plant_link, "hard link": plant_hard_link, "pipe": plant_pipe}
PLACES = ("usage.db", "usage.db-wal", "usage.db-shm", "usage.db-journal", "events.ndjson", "letters.ndjson")


@pytest.mark.parametrize("plant", PLANT.values(), ids=PLANT)
@pytest.mark.parametrize("place", PLACES)
def test_what_is_planted_is_neither_followed_nor_filled(
    place: str, plant: Callable[[Path, Path], None], tmp_path: Path
) -> None:
    """Links, pipes and second names, put where a file of ours is to be: the others get everything, nothing hangs."""
    victim = tmp_path / "victim"
    victim.write_bytes(VICTIM)
    sinks = (tmp_path / "usage.db", tmp_path / "events.ndjson", "memory:")
    with taximeter.start(
        *sinks, dead_letters=tmp_path / "letters.ndjson", retry_budget_s=0.05, close_timeout_s=2
    ) as tracker:
        plant(tmp_path / place, victim)
        assert tracker.track_task_completion(taximeter.TaskCompletionEvent())
    receipt = tracker.receipt()
    assert victim.read_bytes() == VICTIM
    assert_conserved(receipt)
    missed = {name for name, delivered in receipt.delivered.items() if not delivered}
    assert missed == {sink.name for sink in tracker.sinks if place.startswith(sink.name)}


@pytest.mark.parametrize("name", ["usage.db", "events.ndjson"])
def test_a_link_is_refused_at_the_start(name: str, tmp_path: Path) -> None:
    """Where it is there already, the error comes at construction and says why."""
    (tmp_path / name).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(taximeter.ConfigurationError, match="no link"):
        taximeter.start(tmp_path / name)


def test_looking_at_a_database_ends_nobodys_locks(tmp_path: Path) -> None:
    """The host's own lock on the same file outlives our start: closing a second descriptor would have ended it."""
    path = tmp_path / "usage.db"
    mine = sqlite3.connect(path, isolation_level=None)
    mine.execute("CREATE TABLE mine (a)")
    mine.execute("BEGIN EXCLUSIVE")
    with taximeter.start(path, retry_budget_s=0.05, close_timeout_s=0.5) as tracker:
        tracker.track_task_completion(taximeter.TaskCompletionEvent())
        other = (
            "import sqlite3, sys\n"
            "try: sqlite3.connect(sys.argv[1], timeout=0).execute('SELECT * FROM mine')\n"
            "except sqlite3.OperationalError as error: print(error)\n"
        )
        while not tracker.receipt().sinks["usage.db"].failed_attempts:
            tracker.flush(0.05)
        done = subprocess.run(
            [sys.executable, "-c", other, str(path)], check=True, capture_output=True, text=True
        )
    mine.close()
    assert done.stdout == "database is locked\n"


@pytest.mark.parametrize("name", ["../escape", "a/../../b", "..", "/etc/x", "x\x00y", "con\nsole"])
def test_a_name_leads_nowhere(name: str, tmp_path: Path) -> None:
    """A sink's name is part of a file's name in the journal, whatever it is."""

    class Named:
        async def write(self, _batch: object) -> None: ...

        async def aclose(self) -> None: ...

    sink = Named()
    sink.name = name  # type: ignore[attr-defined]  # a user's own class may have any
    (tmp_path / "inner").mkdir()
    journal = tmp_path / "inner" / "journal"
    with taximeter.start(sink, journal=journal) as tracker:  # type: ignore[arg-type]  # as above
        tracker.track_task_completion(taximeter.TaskCompletionEvent())
    assert tracker.receipt().complete
    assert [path.name for path in tmp_path.iterdir()] == ["inner"]
    assert [path.name for path in (tmp_path / "inner").iterdir()] == ["journal"]
    assert all(path.resolve().parent == journal for path in journal.iterdir())


@pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() != 0, reason="becoming another user needs root"
)
def test_another_users_folder_is_refused_by_name(tmp_path: Path) -> None:
    """A journal that is not ours is an error that says so; a database that is not ours is counted, and nothing stops."""
    tmp_path.chmod(0o755)
    for parent in tmp_path.parents:
        if parent != Path("/") and parent.stat().st_mode & 0o055 != 0o055 and parent != Path("/tmp"):
            parent.chmod(parent.stat().st_mode | 0o055)
    with taximeter.start(tmp_path / "usage.db", journal=tmp_path / "journal") as tracker:
        tracker.track_task_completion(taximeter.TaskCompletionEvent())
    out = run_program(
        "import os, taximeter\n"
        "def run(*sinks, **journal):\n"
        "    tracker = taximeter.start(*sinks, 'memory:', retry_budget_s=0.05, close_timeout_s=0.5, **journal)\n"
        "    tracker.track_task_completion(taximeter.TaskCompletionEvent())\n"
        "    return tracker.close()\n"
        "run('mine.db', journal='mine')  # the other user may not even read our modules\n"
        "os.setgid(65534); os.setuid(65534)\n"
        "receipt = run('usage.db')\n"
        "print(receipt.delivered['memory'], receipt.sinks['usage.db'].dropped)\n"
        "try: run(journal='journal')\n"
        "except taximeter.ConfigurationError as error: print(error)\n",
        tmp_path,
    )
    assert out.splitlines() == [
        "1 {'sink_failed': 1}",
        "journal='journal': must be a folder that belongs to the user of this process",
    ]


def test_processes_append_while_others_rotate(tmp_path: Path) -> None:
    """16 processes and a rotation every moment: no line is torn, lost or doubled in the files together."""
    program = (
        "import os, taximeter\n"
        "for process in range(16):\n"
        "    if not os.fork():\n"
        "        tracker = taximeter.start('events.ndjson', batch_max_age_s=0, batch_max_events=5)\n"
        "        for n in range(20):\n"
        "            tracker.track_task_completion(taximeter.TaskCompletionEvent(model=f'{process}-{n}'))\n"
        "            if n % 10 == 0: tracker.flush()\n"
        "        break\n"
        "else:\n"
        "    assert [os.wait()[1] for process in range(16)] == [0] * 16\n"
    )
    writers = subprocess.Popen([sys.executable, "-c", program], cwd=tmp_path)
    rotations = 0
    while writers.poll() is None:
        if (tmp_path / "events.ndjson").exists():
            (tmp_path / "events.ndjson").rename(tmp_path / f"events.ndjson.{rotations}")
            rotations += 1
        try:
            writers.wait(0.01)
        except subprocess.TimeoutExpired:
            continue
    lines = [line for path in tmp_path.glob("events.ndjson*") for line in path.read_bytes().splitlines()]
    models = [json.loads(line)["model"] for line in lines]
    assert writers.returncode == 0
    assert len(models) == len(set(models)) == 16 * 20
    assert rotations > 1
