"""What the journal survives, counted: `python tests/faults/journal_faults.py --rounds 500` prints the table.

Every event tells its round and number, and its other fields follow from these, so that a lost, a doubled, an invented
and an altered event are told apart. `lost` is counted at the level that the row promises.
"""

import argparse
import fcntl
import mmap
import os
import shutil
import signal
import sqlite3
import struct
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from time import monotonic_ns, sleep
from typing import Any

import msgspec

import taximeter
from taximeter.event import TaskCompletionEvent
from taximeter.journal.ledger import read_ledger_at
from taximeter.journal.segment import SegmentName

_SHUTDOWN = (
    0x8004587D  # ext4's ioctl that stops a file system as a power cut does, 2 without writing its own log
)
_NO_LOG_FLUSH = 2
_NUMBER = struct.Struct("Q")  # the machine's own: written at once, so a kill tears none
_PACE_S = 0.0005


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the table."""

    fault: str
    rounds: int
    tracked: int
    """Events whose `track_task_completion` had returned True."""
    delivered: int
    lost: int
    duplicates: int
    invented: int
    altered: int
    is_conserved: bool
    note: str = ""

    @property
    def is_good(self) -> bool:
        """Whether the promise was kept."""
        return not (self.lost or self.duplicates or self.invented or self.altered) and self.is_conserved


class Acknowledgements:
    """Memory shared with a child that will be killed: how many events it was told are safe, and when each was."""

    def __init__(self, size: int) -> None:
        self._page = mmap.mmap(-1, 8 * (size + 1))
        self.size = size

    @property
    def count(self) -> int:
        """One more than the number of the last event that was told of."""
        return int(_NUMBER.unpack_from(self._page, 0)[0])

    @property
    def numbers(self) -> list[int]:
        """The events told of; those between them were refused, and are counted by the tracker."""
        return [n for n in range(self.count) if self.at_ns(n)]

    def add(self, n: int) -> None:
        """Say that event *n* is safe."""
        _NUMBER.pack_into(self._page, 8 * (n + 1), monotonic_ns())
        _NUMBER.pack_into(self._page, 0, n + 1)

    def at_ns(self, n: int) -> int:
        """When event *n* was tracked; 0 when it was refused."""
        return int(_NUMBER.unpack_from(self._page, 8 * (n + 1))[0])

    def clear(self) -> None:
        """Begin another round."""
        self._page[: 8 * (self.count + 1)] = bytes(8 * (self.count + 1))


def event_of(round_number: int, n: int) -> TaskCompletionEvent:
    """Return the event of a round and number; everything but its id follows from these."""
    return TaskCompletionEvent(
        model=f"{round_number}-{n}",
        provider="openai",
        started_at_us=round_number * 1_000_000 + n,
        actual_input_tokens=n * 7919 % 100_003,
        user="u" * (1 + n % 97),
    )


def killed_while_tracking(folder: Path, rounds: int, *, write_through: bool) -> Row:
    """Kill -9 a process that tracks, at random moments; the next one delivers."""
    random, told = Random(rounds), Acknowledgements(200_000)
    store = folder / "usage.db"
    tracked: dict[int, list[int]] = {}
    windows_ms: list[tuple[int, int]] = []
    for number in range(rounds):
        told.clear()
        pid = os.fork()
        if not pid:
            _track_until_killed(store, folder / "journal", number, told, write_through=write_through)
        while not told.count:
            sleep(0.0005)
        sleep(random.uniform(0, 0.06))
        os.kill(pid, signal.SIGKILL)
        killed_ns = monotonic_ns()
        os.waitpid(pid, 0)
        tracked[number] = told.numbers
        if not write_through:
            windows_ms.append((number, killed_ns))
            _keep_times(folder, number, told)
    taximeter.start(store, journal=folder / "journal", close_timeout_s=600).close()
    lost_allowed = not write_through
    row = _compare(store, folder / "journal", "kill -9 while tracking", rounds, tracked, in_flight=1)
    if lost_allowed:
        note = _loss_window(folder, store, tracked, dict(windows_ms))
        return msgspec.structs.replace(
            row, fault="kill -9, default mode", lost=0, note=f"{row.lost} accepted lost; {note}"
        )
    return msgspec.structs.replace(row, fault="kill -9, write_through")


def _track_until_killed(
    store: Path, journal: Path, number: int, told: Acknowledgements, *, write_through: bool
) -> None:
    tracker = taximeter.start(store, journal=journal, write_through=write_through, carry=number % 2 == 0)
    for n in range(told.size):
        if tracker.track_task_completion(event_of(number, n)):
            told.add(n)
        if not write_through:
            sleep(_PACE_S)
    os._exit(1)


def _keep_times(folder: Path, number: int, told: Acknowledgements) -> None:
    times = b"".join(_NUMBER.pack(told.at_ns(n)) for n in range(told.count))
    (folder / f"{number}.times").write_bytes(times)


def _loss_window(folder: Path, store: Path, tracked: dict[int, list[int]], killed_ns: dict[int, int]) -> str:
    """Return how long before its end a killed process had tracked what was lost."""
    there = _models(store)
    windows = []
    for number, told in tracked.items():
        times = (folder / f"{number}.times").read_bytes()
        first = next((n for n in told if f"{number}-{n}" not in there), None)
        if first is not None:
            windows.append((killed_ns[number] - _NUMBER.unpack_from(times, 8 * first)[0]) / 1e6)
    windows.sort()
    return (
        f"window median {windows[len(windows) // 2]:.0f} ms, worst {windows[-1]:.0f} ms"
        if windows
        else "none lost"
    )


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
    return _compare(store, journal, "kill -9 of the carrier", rounds, {0: numbers}, in_flight=10_000)


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
from journal_faults import event_of
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
    program = (sys.executable, "-c", _PASS_ON, str(store))
    tracked: dict[int, list[int]] = {}
    for number in range(rounds):
        call = _CALLS[number % len(_CALLS)]
        when = random.randint(1, 400 if call in {"openat", "close"} else 60)
        inject = ("-e", f"trace={call}", "-e", f"inject={call}:signal=SIGKILL:when={when}")
        done = subprocess.run(
            [
                "strace",
                "-f",
                "-qq",
                "-o",
                "/dev/null",
                *inject,
                *program,
                str(number),
                str(Path(__file__).parent),
            ],
            check=False,
            capture_output=True,
            text=True,
        )
        tracked[number] = [int(line) for line in done.stdout.splitlines()]
    taximeter.start(store, journal=folder / "journal", close_timeout_s=600).close()
    beyond = {number: range(40) for number in tracked}
    return _compare_exactly(
        store, folder / "journal", "kill -9 at a system call", rounds, tracked, beyond=beyond
    )


def power_cuts(folder: Path, rounds: int) -> Row:
    """Cut the power of the disk under a process with `sync="durable"` and write-through; the next start delivers."""
    random, told = Random(rounds), Acknowledgements(100_000)
    image, disk, store = folder / "disk.img", folder / "disk", folder / "usage.db"
    disk.mkdir()
    _run("truncate", "-s", "64M", str(image))
    _run("mkfs.ext4", "-q", "-F", str(image))
    tracked: dict[int, list[int]] = {}
    conserved = True
    for number in range(rounds):
        told.clear()
        _run("mount", "-o", "loop", str(image), str(disk))
        pid = os.fork()
        if not pid:
            tracker = taximeter.start(
                store, journal=disk / "journal", sync="durable", write_through=True, carry=number % 2 == 0
            )
            for n in range(told.size):
                if tracker.track_task_completion(event_of(number, n)):
                    told.add(n)
            os._exit(1)
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
        _run("umount", str(disk))
        _run("mount", "-o", "loop", str(image), str(disk))
        taximeter.start(store, journal=disk / "journal", close_timeout_s=600).close()
        conserved &= all(ledger.is_conserved for ledger in read_ledger_at(disk / "journal").values())
        if number < rounds - 1:
            _run("umount", str(disk))
    return _compare(store, disk / "journal", "power cut, durable", rounds, tracked, in_flight=10_000)


def _cut_power(disk: Path) -> None:
    descriptor = os.open(disk, os.O_RDONLY)
    try:
        fcntl.ioctl(descriptor, _SHUTDOWN, struct.pack("I", _NO_LOG_FLUSH))
    finally:
        os.close(descriptor)


def full_disk(folder: Path, rounds: int) -> Row:
    """Fill a disk of 1 MiB with the journal while the sink is down; when it is up, all that was accepted arrives."""
    disk, store = folder / "disk", folder / "usage.db"
    disk.mkdir()
    _run("mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(disk))
    tracked: dict[int, list[int]] = {}
    for number in range(rounds):
        tracker = taximeter.start(store, journal=disk / "journal", write_through=True, carry=False)
        told = [n for n in range(4000) if tracker.track_task_completion(event_of(number, n))]
        assert 0 < len(told) < 4000, "the disk was never full"
        tracker.close()
        tracked[number] = told
        taximeter.start(store, journal=disk / "journal", close_timeout_s=600).close()
    return _compare_exactly(store, disk / "journal", "full disk (1 MiB)", rounds, tracked)


def flipped_bits(folder: Path, rounds: int) -> Row:
    """Flip a bit of a segment in each round; the other events arrive, and the hit one is counted."""
    random, store, journal = Random(rounds), folder / "usage.db", folder / "journal"
    tracked: dict[int, list[int]] = {}
    for number in range(rounds):
        with taximeter.start(store, journal=journal, carry=False, journal_segment_bytes=8000) as tracker:
            tracked[number] = [n for n in range(100) if tracker.track_task_completion(event_of(number, n))]
        segments = sorted(path for path in journal.iterdir() if SegmentName.parse(path.name))
        victim = random.choice(segments[:-1])
        data = bytearray(victim.read_bytes())
        bit = random.randrange(len(data) * 8)
        data[bit // 8] ^= 1 << bit % 8
        victim.write_bytes(data)
        taximeter.start(store, journal=journal, close_timeout_s=600).close()
    row = _compare_exactly(store, journal, "flipped bit", rounds, tracked)
    counted = read_ledger_at(journal)[store.name].dropped.get("journal_damaged", 0)
    return msgspec.structs.replace(
        row, lost=row.lost - counted, note=f"{counted} damaged, counted and set aside"
    )


def _compare(
    store: Path, journal: Path, fault: str, rounds: int, tracked: dict[int, list[int]], *, in_flight: int
) -> Row:
    """Compare the store with what was tracked; so many events more may be there, whose `track` had not returned."""
    beyond = {number: range(told[-1] + 1, told[-1] + 1 + in_flight) for number, told in tracked.items()}
    return _compare_exactly(store, journal, fault, rounds, tracked, beyond=beyond)


def _compare_exactly(
    store: Path,
    journal: Path,
    fault: str,
    rounds: int,
    tracked: dict[int, list[int]],
    *,
    beyond: dict[int, range] | None = None,
) -> Row:
    connection = sqlite3.connect(store)
    rows = connection.execute("SELECT model, started_at_us, actual_input_tokens, user FROM events").fetchall()
    connection.close()
    there: dict[tuple[int, int], int] = {}
    altered = invented = 0
    for model, *fields in rows:
        number, n = map(int, model.split("-"))
        expected = event_of(number, n)
        altered += fields != [expected.started_at_us, expected.actual_input_tokens, expected.user]
        there[number, n] = there.get((number, n), 0) + 1
    told = {(number, n) for number, numbers in tracked.items() for n in numbers}
    for number, n in there.keys() - told:
        invented += beyond is None or n not in beyond.get(number, range(0))
    ledger = read_ledger_at(journal)[store.name]
    return Row(
        fault=fault,
        rounds=rounds,
        tracked=len(told),
        delivered=len(rows),
        lost=len(told - there.keys()),
        duplicates=len(rows) - len(there),
        invented=invented,
        altered=altered,
        note=", ".join(f"{reason}={n}" for reason, n in ledger.dropped.items()),
        is_conserved=ledger.is_conserved
        and not ledger.pending
        and ledger.delivered >= len(told & there.keys()),
    )


def _models(store: Path) -> set[str]:
    connection = sqlite3.connect(store)
    models = {row[0] for row in connection.execute("SELECT model FROM events")}
    connection.close()
    return models


def _run(*command: str) -> None:
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


FAULTS: dict[str, Callable[[Path, int], Row]] = {
    "write_through": lambda folder, rounds: killed_while_tracking(folder, rounds, write_through=True),
    "default": lambda folder, rounds: killed_while_tracking(folder, max(rounds // 5, 1), write_through=False),
    "carrier": lambda folder, rounds: killed_while_carrying(folder, max(rounds // 2, 1)),
    "syscall": lambda folder, rounds: killed_at_system_calls(folder, max(rounds // 5, 1)),
    "flipped": lambda folder, rounds: flipped_bits(folder, max(rounds // 5, 1)),
    "full": lambda folder, rounds: full_disk(folder, max(rounds // 50, 1)),
    "power": lambda folder, rounds: power_cuts(folder, max(rounds // 10, 1)),
}
NEEDS_ROOT = {"full", "power"}
COLUMNS = (
    "fault",
    "rounds",
    "tracked",
    "delivered",
    "lost",
    "duplicates",
    "invented",
    "altered",
    "conserved",
)


def run_fault(name: str, rounds: int) -> Row:
    """Run one fault in a folder of its own, and leave nothing behind."""
    folder = Path(tempfile.mkdtemp(prefix="taximeter-faults-"))
    try:
        return FAULTS[name](folder, rounds)
    finally:
        subprocess.run(["umount", "-q", folder / "disk"], check=False, stderr=subprocess.DEVNULL)
        shutil.rmtree(folder, ignore_errors=True)


def main(arguments: list[str]) -> int:
    """Print the table; return 0 when every promise was kept."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=500)
    parser.add_argument("--fault", action="append", choices=FAULTS)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(arguments)
    names = [name for name in options.fault or FAULTS if _can_run(name)]
    rows = [run_fault(name, options.rounds) for name in names]
    if options.json:
        print(msgspec.json.encode(rows).decode())
    else:
        _print_table(rows)
    return 0 if all(row.is_good for row in rows) else 1


def _can_run(name: str) -> bool:
    if name in NEEDS_ROOT:
        return os.geteuid() == 0
    return name != "syscall" or shutil.which("strace") is not None


def _print_table(rows: list[Row]) -> None:
    lines: list[tuple[Any, ...]] = [COLUMNS]
    for row in rows:
        fault, *counts, conserved, _note = msgspec.structs.astuple(row)
        lines.append((fault, *(f"{count:,}" for count in counts), "exact" if conserved else "BROKEN"))
    widths = [max(len(line[column]) for line in lines) for column in range(len(COLUMNS))]
    for line, note in zip(lines, ["", *(row.note for row in rows)], strict=True):
        cells = [line[0].ljust(widths[0]), *(c.rjust(w) for c, w in zip(line[1:], widths[1:], strict=True))]
        print("  ".join([*cells, note]).rstrip())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
