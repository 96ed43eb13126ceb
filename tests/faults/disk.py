"""Disk: disks that are full, broken, or read-only for a while."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import msgspec

import taximeter
from faults.killing import run
from faults.numbered import Acknowledgements, Trial, event_of
from faults.row import Row
from taximeter.journal.ledger import read_ledger_at


def full_disk(folder: Path, rounds: int) -> Row:
    """Fill a disk of 1 MiB with the journal while the sink is down; when it is up, all that was accepted arrives."""
    disk, store = _small_disk(folder), folder / "usage.db"
    tracked: dict[int, list[int]] = {}
    for number in range(rounds):
        tracker = taximeter.start(store, journal=disk / "journal", write_through=True, carry=False)
        told = [n for n in range(4000) if tracker.track_task_completion(event_of(number, n))]
        assert 0 < len(told) < 4000, "the disk was never full"
        tracker.close()
        tracked[number] = told
        (disk / "others").write_bytes(b"")  # not a byte is left for the carrier
        _fill(disk / "others")
        taximeter.start(store, journal=disk / "journal", close_timeout_s=600).close()
        (disk / "others").unlink()
    return Trial(
        fault="full disk (1 MiB), drained while full",
        rounds=rounds,
        guard="the truncation after a short write, and the reserve",
        tracked=tracked,
    ).compare(store, disk / "journal")


def space_that_comes_back(folder: Path, rounds: int) -> Row:
    """A full disk lets nothing into the journal; events wait in memory, and arrive when there is room."""
    return _wait_and_go_on(
        folder,
        rounds,
        fault="full disk, space comes back",
        stop=lambda disk: _fill(disk / "others"),
        go=lambda disk: (disk / "others").unlink(),
    )


def read_only_disk(folder: Path, rounds: int) -> Row:
    """A disk that is mounted read-only for a while; events wait in memory, and arrive when it can be written."""
    return _wait_and_go_on(
        folder,
        rounds,
        fault="read-only disk, remounted",
        stop=lambda disk: run("mount", "-o", "remount,ro", str(disk)),
        go=lambda disk: run("mount", "-o", "remount,rw", str(disk)),
    )


def _wait_and_go_on(
    folder: Path, rounds: int, *, fault: str, stop: Callable[[Path], object], go: Callable[[Path], object]
) -> Row:
    disk, store = _small_disk(folder), folder / "usage.db"
    tracked: dict[int, list[int]] = {}
    taximeter.start(store, journal=disk / "journal").close()
    for number in range(rounds):
        stop(disk)
        tracker = taximeter.start(store, journal=disk / "journal")
        tracked[number] = [n for n in range(200) if tracker.track_task_completion(event_of(number, n))]
        before = tracker.flush(0.1)
        assert not before.journaled, "the disk took what it could not"
        go(disk)
        tracker.close()
    guard = "keeping lines that the disk did not take"
    return Trial(fault=fault, rounds=rounds, guard=guard, tracked=tracked).compare(store, disk / "journal")


def _small_disk(folder: Path) -> Path:
    disk = folder / "disk"
    disk.mkdir()
    run("mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(disk))
    return disk


def _fill(path: Path) -> None:
    """Take all the room that is left on a disk."""
    with path.open("ab", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError:
            return


_TRACK = """
import sys, taximeter
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from faults.numbered import Acknowledgements, event_of
folder, number = Path(sys.argv[2]), int(sys.argv[3])
told = Acknowledgements(300, folder / f"{number}.told")
tracker = taximeter.start(
    folder / "usage.db", journal=folder / "journal", write_through=True, sync="durable", journal_segment_bytes=8192
)
for n in range(told.size):
    if tracker.track_task_completion(event_of(number, n)):
        told.add(n)
tracker.close()
"""
_FAILURES = (
    "write:error=EIO",
    "fdatasync:error=EIO",
    "write:error=ENOSPC",
    "fsync:error=EIO",
    "pread64:error=EIO",
)


def broken_disk(folder: Path, rounds: int) -> Row:
    """Let every ninth write, sync or read of a process fail; what it was told is safe is there, or counted as unreadable."""
    store, tracked = folder / "usage.db", {}
    tests = str(Path(__file__).parent.parent)
    for number in range(rounds):
        failure = _FAILURES[number % len(_FAILURES)]
        inject = ("-e", f"trace={failure.partition(':')[0]}", "-e", f"inject={failure}:when={4 + number}+9")
        program = (sys.executable, "-c", _TRACK, tests, str(folder), str(number))
        subprocess.run(
            ["strace", "-f", "-qq", "-o", "/dev/null", *inject, *program],
            check=False,
            capture_output=True,
            timeout=60,
        )
        tracked[number] = Acknowledgements(300, folder / f"{number}.told").numbers
    taximeter.start(store, journal=folder / "journal", close_timeout_s=600).close()
    row = Trial(
        fault="EIO and ENOSPC on write, sync, read",
        rounds=rounds,
        guard="the new segment after a failed write or sync",
        tracked=tracked,
        in_flight=300,
    ).compare(store, folder / "journal")
    counted = read_ledger_at(folder / "journal")[store.name].dropped.get("journal_damaged", 0)
    return msgspec.structs.replace(row, lost=max(row.lost - counted, 0))
