"""Killing: processes that end at any moment, by kill -9 or with the power of their disk."""

import fcntl
import os
import signal
import struct
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from time import monotonic_ns, sleep
from typing import NoReturn

import msgspec

import taximeter
from faults.numbered import Acknowledgements, Trial, Witness, event_of, models_in
from faults.row import Row
from taximeter.journal.ledger import read_ledger_at

_SHUTDOWN = 0x8004587D
"""ext4's ioctl that stops a file system as a power cut does, 2 without writing its own log."""
_NO_LOG_FLUSH = 2
_PACE_S = 0.0005


def killed_while_tracking(folder: Path, rounds: int, *, write_through: bool) -> Row:
    """Kill -9 a process that tracks, at random moments; the next one delivers."""
    random, told = Random(rounds), Acknowledgements(200_000)
    store, journal = folder / "usage.db", folder / "journal"
    tracked: dict[int, list[int]] = {}
    times_ns: dict[int, tuple[int, list[int]]] = {}
    witness = Witness(journal)
    for number in range(rounds):
        told.clear()
        pid = os.fork()
        if not pid:
            _track_until_killed(store, journal, number, told, write_through=write_through)
        while not told.count:
            sleep(0.0005)
        sleep(random.uniform(0, 0.06))
        os.kill(pid, signal.SIGKILL)
        killed_ns = monotonic_ns()
        os.waitpid(pid, 0)
        tracked[number] = told.numbers
        if write_through:
            witness.look(tracked[number], number)
        else:
            times_ns[number] = killed_ns, told.times_ns
    taximeter.start(store, journal=journal, close_timeout_s=600).close()
    trial = Trial(
        fault="kill -9, write_through" if write_through else "kill -9, default mode",
        rounds=rounds,
        guard="the write before `track` returns" if write_through else "the look at the queue every 20 ms",
        tracked=tracked,
        in_flight=1,
        witness=witness if write_through else None,
    )
    row = trial.compare(store, journal)
    if write_through:
        return row
    note = f"{row.lost:,} accepted lost; {_loss_window(set(models_in(store)), tracked, times_ns)}"
    return msgspec.structs.replace(row, lost=0, note=note)


def _track_until_killed(
    store: Path, journal: Path, number: int, told: Acknowledgements, *, write_through: bool
) -> NoReturn:
    tracker = taximeter.start(store, journal=journal, write_through=write_through, carry=number % 2 == 0)
    for n in range(told.size):
        if tracker.track_task_completion(event_of(number, n)):
            told.add(n)
        if not write_through:
            sleep(_PACE_S)
    os._exit(1)


def _loss_window(
    there: set[str], tracked: dict[int, list[int]], times_ns: dict[int, tuple[int, list[int]]]
) -> str:
    """Return how long before its end a killed process had tracked what was lost."""
    windows_ms = []
    for number, told in tracked.items():
        killed_ns, times = times_ns[number]
        first = next((n for n in told if f"{number}-{n}" not in there), None)
        if first is not None:
            windows_ms.append((killed_ns - times[first]) / 1e6)
    windows_ms.sort()
    if not windows_ms:
        return "none lost"
    return f"window median {windows_ms[len(windows_ms) // 2]:.0f} ms, worst {windows_ms[-1]:.0f} ms"


def killed_while_carrying(folder: Path, rounds: int) -> Row:
    """Kill -9 the carrier, again and again, while another process writes; SQLite has each event once."""
    random, store, journal = Random(rounds), folder / "usage.db", folder / "journal"
    with _writing(journal) as told:
        while not told.count:
            sleep(0.001)
        for _ in range(rounds):
            carrier = os.fork()
            if not carrier:
                taximeter.start(store, journal=journal, batch_max_events=50, batch_max_age_s=0.0).close(60)
                sleep(60)
                os._exit(0)
            sleep(random.uniform(0.002, 0.05))
            os.kill(carrier, signal.SIGKILL)
            os.waitpid(carrier, 0)
        numbers = told.numbers
    taximeter.start(store, journal=journal, close_timeout_s=600).close()
    return Trial(
        fault="kill -9 of the carrier",
        rounds=rounds,
        guard="the order of sink, cursor and unlink",
        tracked={0: numbers},
        in_flight=10_000,
    ).compare(store, journal)


@contextmanager
def _writing(journal: Path) -> Iterator[Acknowledgements]:
    told = Acknowledgements(1_000_000)
    pid = os.fork()
    if not pid:
        tracker = taximeter.start("memory:", journal=journal, write_through=True, carry=False)
        for n in range(told.size):
            if tracker.track_task_completion(event_of(0, n)):
                told.add(n)
            if n % 20 == 0:
                sleep(0.001)
        os._exit(1)
    try:
        yield told
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


_PASS_ON = """
import sys, taximeter
from pathlib import Path
sys.path.insert(0, sys.argv[3])
from faults.numbered import event_of
store, number = Path(sys.argv[1]), int(sys.argv[2])
with taximeter.start(
    store, journal=store.parent / "journal", write_through=True, sync="durable", journal_segment_bytes=4096
) as tracker:
    for n in range(40):
        if tracker.track_task_completion(event_of(number, n)):
            print(n, flush=True)
"""
_CALLS = ("renameat", "unlinkat", "fdatasync", "fsync", "openat", "flock", "pwrite64", "close", "write")


def killed_at_system_calls(folder: Path, rounds: int) -> Row:
    """Kill -9 a process at the n-th of its renames, unlinks, syncs, locks and writes; the next one delivers."""
    random, store = Random(rounds), folder / "usage.db"
    tests = str(Path(__file__).parent.parent)
    tracked: dict[int, list[int]] = {}
    for number in range(rounds):
        call = _CALLS[number % len(_CALLS)]
        when = random.randint(1, 400 if call in {"openat", "close"} else 60)
        inject = ("-e", f"trace={call}", "-e", f"inject={call}:signal=SIGKILL:when={when}")
        program = (sys.executable, "-c", _PASS_ON, str(store), str(number), tests)
        done = subprocess.run(
            ["strace", "-f", "-qq", "-o", "/dev/null", *inject, *program],
            check=False,
            capture_output=True,
            text=True,
        )
        tracked[number] = [int(line) for line in done.stdout.splitlines()]
    taximeter.start(store, journal=folder / "journal", close_timeout_s=600).close()
    return Trial(
        fault="kill -9 at a system call",
        rounds=rounds,
        guard="the cursor that is replaced all at once",
        tracked=tracked,
        in_flight=40,
    ).compare(store, folder / "journal")


def power_cuts(folder: Path, rounds: int) -> Row:
    """Cut the power of the disk under a process with `sync="durable"` and write-through; the next start delivers."""
    random, told = Random(rounds), Acknowledgements(100_000)
    image, disk, store = folder / "disk.img", folder / "disk", folder / "usage.db"
    disk.mkdir()
    run("truncate", "-s", "64M", str(image))
    run("mkfs.ext4", "-q", "-F", str(image))
    tracked: dict[int, list[int]] = {}
    conserved = True
    for number in range(rounds):
        told.clear()
        run("mount", "-o", "loop", str(image), str(disk))
        pid = os.fork()
        if not pid:
            _track_durably(store, disk / "journal", number, told)
        while not told.count:
            sleep(0.0005)
        sleep(random.uniform(0, 0.1))
        # A sync that returns while the file system shuts down says that it worked, and did not always. What counts is
        # what was told before.
        before_ns = monotonic_ns()
        _cut_power(disk)
        tracked[number] = [n for n in told.numbers if told.at_ns(n) < before_ns]
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        run("umount", str(disk))
        run("mount", "-o", "loop", str(image), str(disk))
        taximeter.start(store, journal=disk / "journal", close_timeout_s=600).close()
        conserved &= all(ledger.is_conserved for ledger in read_ledger_at(disk / "journal").values())
        if number < rounds - 1:
            run("umount", str(disk))
    trial = Trial(
        fault="power cut, durable", rounds=rounds, guard="the fdatasync", tracked=tracked, in_flight=10_000
    )
    row = trial.compare(store, disk / "journal")
    return msgspec.structs.replace(row, is_conserved=row.is_conserved and conserved)


def _track_durably(store: Path, journal: Path, number: int, told: Acknowledgements) -> NoReturn:
    tracker = taximeter.start(
        store, journal=journal, sync="durable", write_through=True, carry=number % 2 == 0
    )
    for n in range(told.size):
        if tracker.track_task_completion(event_of(number, n)):
            told.add(n)
    os._exit(1)


def _cut_power(disk: Path) -> None:
    descriptor = os.open(disk, os.O_RDONLY)
    try:
        fcntl.ioctl(descriptor, _SHUTDOWN, struct.pack("I", _NO_LOG_FLUSH))
    finally:
        os.close(descriptor)


def run(*command: str) -> None:
    """Run a command that has to work."""
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
