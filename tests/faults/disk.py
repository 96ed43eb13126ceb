"""Disk: disks that are full, small, broken or read-only."""

from pathlib import Path

import taximeter
from faults.killing import run
from faults.numbered import Trial, event_of
from faults.row import Row


def full_disk(folder: Path, rounds: int) -> Row:
    """Fill a disk of 1 MiB with the journal while the sink is down; when it is up, all that was accepted arrives."""
    disk, store = folder / "disk", folder / "usage.db"
    disk.mkdir()
    run("mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(disk))
    tracked: dict[int, list[int]] = {}
    for number in range(rounds):
        tracker = taximeter.start(store, journal=disk / "journal", write_through=True, carry=False)
        told = [n for n in range(4000) if tracker.track_task_completion(event_of(number, n))]
        assert 0 < len(told) < 4000, "the disk was never full"
        tracker.close()
        tracked[number] = told
        taximeter.start(store, journal=disk / "journal", close_timeout_s=600).close()
    return Trial(
        fault="full disk (1 MiB)",
        rounds=rounds,
        guard="the truncation after a short write",
        tracked=tracked,
    ).compare(store, disk / "journal")
