"""Forking: children made at any moment, while eight threads of the parent track."""

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from time import sleep

import taximeter
from faults.numbered import Acknowledgements, Trial, event_of
from faults.row import Row

_THREADS = 8
_EVENTS = 200
_CHILDS_EVENTS = 50


def forked_under_load(folder: Path, rounds: int) -> Row:
    """Fork again and again under a process that tracks in eight threads; children end in every manner."""
    store, journal = folder / "usage.db", folder / "journal"
    # In a program of its own: a child that leaves by `sys.exit` runs what its parent does at the end.
    program = [sys.executable, "-W", "ignore", "-m", "faults.forking", str(folder), str(rounds)]
    subprocess.run(
        program, check=True, timeout=300, env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    )
    taximeter.start(store, journal=journal, close_timeout_s=600).close()
    return Trial(
        fault="fork under load of 8 threads",
        rounds=rounds,
        guard="the page that the kernel wipes in a child",
        tracked={number: _told(folder, number).numbers for number in range(_THREADS + rounds)},
    ).compare(store, journal)


def track_and_fork(folder: Path, rounds: int) -> int:
    """Be the parent; return how many children did not end as they should."""
    tracker = taximeter.start(folder / "usage.db", journal=folder / "journal", write_through=True)
    threads = [
        threading.Thread(target=_track, args=(tracker, number, _told(folder, number)))
        for number in range(_THREADS)
    ]
    for thread in threads:
        thread.start()
    bad = 0
    for number in range(_THREADS, _THREADS + rounds):
        child = os.fork()
        if not child:
            _track(tracker, number, _told(folder, number))
            _end(number)
        bad += os.waitpid(child, 0)[1] not in (0, signal.SIGKILL)
    for thread in threads:
        thread.join()
    return bad


def _told(folder: Path, number: int) -> Acknowledgements:
    return Acknowledgements(_EVENTS if number < _THREADS else _CHILDS_EVENTS, folder / f"{number}.told")


def _track(tracker: taximeter.Tracker, number: int, told: Acknowledgements) -> None:
    for n in range(told.size):
        if tracker.track_task_completion(event_of(number, n)):
            told.add(n)
        sleep(0.0005)


def _end(number: int) -> None:
    """Leave the child through the front door, the back door, or not by itself."""
    if number % 3 == 0:
        sys.exit(0)
    if number % 3 == 1:
        os._exit(0)
    os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    sys.exit(track_and_fork(Path(sys.argv[1]), int(sys.argv[2])))
