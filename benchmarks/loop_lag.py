"""How much later does a 1 ms ticker come on the host's event loop, with events tracked and carried at the default sink?

A process runs a loop with two tasks: one sleeps a millisecond at a time and notes by how much it overslept, the other makes
and tracks so many events a second. The floor makes the same events and appends them to a bounded deque. `inside` delivers
to SQLite in the same process, `beside` journals them while `taximeter drain` carries them; `backlog` finds a journal with
a million events and carries it flat out. Each in fresh processes that take turns; what is told is the median over the
rounds of the 99th percentile of a round less that of the floor in it.
"""

import argparse
import asyncio
import os
import platform
import sqlite3
import statistics
import subprocess
import sys
import tempfile
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from importlib.metadata import version
from pathlib import Path
from time import perf_counter, sleep

import uvloop

import taximeter
from measure import percentile, positive, rows_in, tell
from taximeter.event import TaskCompletionEvent

LOOPS: dict[str, Callable[..., list[float]]] = {"asyncio": asyncio.run, "uvloop": uvloop.run}
RATES = (2000, 20_000)
WAYS = ("floor", "inside", "beside")
ROUNDS = 3
SECONDS = 1.5
TICK_S = 0.001
Track = Callable[[TaskCompletionEvent], object]


async def tick(until: float) -> list[float]:
    """Sleep a millisecond at a time; return by how many milliseconds each was too long."""
    late = []
    while (before := perf_counter()) < until:
        await asyncio.sleep(TICK_S)
        late.append((perf_counter() - before - TICK_S) * 1e3)
    return late


async def produce(track: Track, rate: int, until: float) -> None:
    """Track as many events as are due, every millisecond."""
    begun, made = perf_counter(), 0
    while (now := perf_counter()) < until:
        for _ in range(int((now - begun) * rate) - made):
            made += 1
            track(
                TaskCompletionEvent(
                    provider="openai",
                    model="gpt-4o-mini",
                    started_at_us=1_767_225_600_000_000 + made,
                    agent="dispatcher",
                    user="u-17",
                    actual_input_tokens=made,
                )
            )
        await asyncio.sleep(TICK_S)


async def host(track: Track, rate: int, seconds: float) -> list[float]:
    """Let both tasks run, the first half second not counted."""
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(produce(track, rate, perf_counter() + seconds + 0.5))
        await asyncio.sleep(0.5)
        ticking = tasks.create_task(tick(perf_counter() + seconds))
    return ticking.result()


@contextmanager
def tracking(way: str, folder: Path) -> Iterator[Track]:
    """Offer a way to track, and check at its end that nothing was lost."""
    if way == "floor":
        waiting: deque[object] = deque(maxlen=100_000)
        yield waiting.append
        return
    journal = None if way == "inside" else folder / "journal"
    tracker = taximeter.start(folder / "usage.db", journal=journal, carry=way != "beside")
    yield tracker.track_task_completion
    receipt = tracker.close(0.2 if way == "backlog" else 30)
    assert not receipt.dropped, receipt
    assert way != "inside" or receipt.complete, receipt


def run_host(way: str, loop: str, rate: int, seconds: float, folder: Path) -> None:
    """Print how late the ticks of one process were, sorted."""
    with tracking(way, folder) as track:
        late = LOOPS[loop](host(track, rate, seconds))
    print(percentile(late, 0.99), percentile(late, 0.5), max(late))


@contextmanager
def drained(folder: Path) -> Iterator[None]:
    """Run `taximeter drain` beside, from when it has delivered a first event."""
    fill(folder, 1)
    command = [
        str(Path(sys.executable).with_name("taximeter")),
        *("drain", str(folder / "journal"), "--to", str(folder / "usage.db")),
    ]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        while not delivered(folder):
            assert process.poll() is None
            sleep(0.05)
        yield
        process.terminate()


def delivered(folder: Path) -> int:
    """Return how many events are in the database, none before it has its tables."""
    with suppress(sqlite3.OperationalError):
        return rows_in(folder / "usage.db")
    return 0


def lateness(way: str, loop: str, rate: int, folder: Path) -> list[float]:
    """Return p99, p50 and the longest delay of a process of its own."""
    command = [sys.executable, __file__, "--host", way, loop, str(rate), str(folder)]
    if way == "beside":
        with drained(folder):
            told = subprocess.check_output(command, text=True)
        assert delivered(folder) > 1
    else:
        told = subprocess.check_output(command, text=True)
    return [float(each) for each in told.split()]


def at_rate(loop: str, rate: int) -> dict[str, float]:
    """Let the ways take turns at one rate."""
    found: dict[str, list[list[float]]] = {way: [] for way in WAYS}
    for _ in range(ROUNDS):
        for way in WAYS:
            with tempfile.TemporaryDirectory() as folder:
                found[way].append(lateness(way, loop, rate, Path(folder)))
    return figures_of(found, f"{loop}_{rate}")


def figures_of(found: dict[str, list[list[float]]], key: str) -> dict[str, float]:
    """Return what each way adds to the floor, and print it."""
    floors = found["floor"]
    figures = {f"{key}_floor_p99_ms": statistics.median(each[0] for each in floors)}
    for way, rounds in found.items():
        if way != "floor":
            name = key if way != "beside" else f"{key}_beside"
            added = [ours[0] - floor[0] for ours, floor in zip(rounds, floors, strict=True)]
            figures[f"{name}_added_p99_ms"] = statistics.median(added)
            figures[f"{name}_longest_ms"] = max(each[2] for each in rounds)
            print(
                f"  {key:16} {way:8} p99 of the floor {figures[f'{key}_floor_p99_ms']:6.3f} ms, added"
                f" {figures[f'{name}_added_p99_ms']:6.3f} ms, longest {figures[f'{name}_longest_ms']:6.2f} ms"
            )
    return figures


def fill(folder: Path, events: int) -> None:
    """Leave so many events in a journal."""
    tracker = taximeter.start(folder / "usage.db", journal=folder / "journal", carry=False)
    for first in range(0, events, 20_000):
        for n in range(first, min(first + 20_000, events)):
            tracker.track_task_completion(
                TaskCompletionEvent(provider="openai", model="gpt-4o-mini", actual_input_tokens=n)
            )
        while tracker.receipt().journaled < first:
            tracker.flush(0.02)
    receipt = tracker.close(60)
    assert receipt.journaled == events, receipt


def with_backlog(events: int) -> dict[str, float]:
    """Let the floor and the carrying of a backlog take turns."""
    found: dict[str, list[list[float]]] = {"floor": [], "backlog": []}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        fill(folder, events)
        for _ in range(ROUNDS):
            for way, rounds in found.items():
                rounds.append(lateness(way, "asyncio", 2000, folder))
        carried = rows_in(folder / "usage.db")
        assert 0 < carried < events, carried
    return figures_of(found, "backlog") | {"backlog_carried_events": carried}


def main() -> None:
    """Answer the question."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--host", nargs=4, help="what a process of its own does")
    parser.add_argument("--backlog", type=positive, default=1_000_000, help="events in the journal")
    options = parser.parse_args()
    if options.host:
        way, loop, rate, folder = options.host
        run_host(way, loop, int(rate), SECONDS, Path(folder))
        return
    print(f"Python {platform.python_version()}, uvloop {version('uvloop')}, {os.cpu_count()} cores")
    figures: dict[str, float] = {}
    for loop in LOOPS:
        for rate in RATES:
            figures |= at_rate(loop, rate)
    tell(figures | with_backlog(options.backlog))


if __name__ == "__main__":
    main()
