"""The course that every peer runs: flat out, then at an even pace under an event loop; needs nothing but Python.

A peer's file says how it is opened at a target (a file's path or a server's address), which gives a function that records
one call and one that closes. A call's content is a flat dict with a marker of its own, by which it is counted where it
arrives.

A peer that can only be called as a part of something bigger says also how the same is done `without` it: both take
turns, each until all threads have come to rest, and what the peer costs is the difference.
"""

import asyncio
import json
import statistics
import sys
from collections import deque
from collections.abc import Callable
from contextlib import AbstractContextManager
from time import perf_counter, process_time, sleep, thread_time
from typing import Any

Record = Callable[[dict[str, Any]], object]
Open = Callable[[str], tuple[Record, Callable[[], object]]]
Without = Callable[[], AbstractContextManager[object]]

BOUND = 100_000
CHUNK = 250
TURN = 25
"""Calls of a turn with and of one without the peer: few, so that the machine is the same for both."""
TICK_S = 0.001


class Floor:
    """A bounded queue with nothing to it."""

    def __init__(self) -> None:
        self._events: deque[object] = deque()

    def record(self, content: dict[str, Any]) -> bool:
        """Append unless full."""
        if len(self._events) >= BOUND:
            self._events.clear()
            return False
        self._events.append(content)
        return True


def contents(content: dict[str, Any], first: int, count: int) -> list[dict[str, Any]]:
    """Return the same content so many times, each with its marker."""
    return [content | {"provider_response_id": f"bench-{n:08d}"} for n in range(first, first + count)]


def seconds(record: Record, events: list[dict[str, Any]]) -> tuple[float, float]:
    """Record them all; return the time on the clock, and of it what the processor worked for this thread."""
    begun, worked = perf_counter(), thread_time()
    for event in events:
        record(event)
    return perf_counter() - begun, thread_time() - worked


def settle(rest_s: float = 0.02) -> None:
    """Wait until no thread of this process has worked for so long."""
    worked = -1.0
    while process_time() - worked > rest_s / 10:
        worked = process_time()
        sleep(rest_s)


def flat_out(record: Record, content: dict[str, Any], most: int, longest_s: float) -> dict[str, float]:
    """Record flat out until so many are recorded, or for so long; the floor between the chunks."""
    floor, recorded = Floor(), 0
    floors, ours = [], []
    stop = perf_counter() + longest_s
    while recorded < most and perf_counter() < stop:
        events = contents(content, recorded, CHUNK)
        floors.append(seconds(floor.record, events))
        ours.append(seconds(record, events))
        recorded += CHUNK
    pairs = zip(ours, floors, strict=True)
    return {
        "recorded": recorded,
        "us": statistics.median(clock for clock, _ in ours) / CHUNK * 1e6,
        "caller_cpu_us": statistics.median(worked for _, worked in ours) / CHUNK * 1e6,
        "of_floor_x": statistics.median(mine[0] / least[0] for mine, least in pairs),
    }


def one_by_one(record: Record, events: list[dict[str, Any]]) -> tuple[list[tuple[float, float]], float]:
    """Return the `seconds` of each, and what the processor worked for all threads until they came to rest."""
    worked = process_time()
    each = [seconds(record, [event]) for event in events]
    settle()
    return each, process_time() - worked


def turns(
    record: Record, content: dict[str, Any], most: int, longest_s: float, without: Without
) -> dict[str, float]:
    """Record with and without the peer in turns, the floor between them; the figures are differences.

    They are of the lower quartiles of single calls, those that other threads disturb least: a median differs from run to
    run by more than what is sought. What all threads work is the median of the turns.
    """
    floor, recorded = Floor(), 0
    floors: list[float] = []
    bares: list[tuple[float, float]] = []
    ours: list[tuple[float, float]] = []
    threads: list[float] = []
    one_by_one(record, contents(content, 0, TURN))  # the first call loads modules
    stop = perf_counter() + longest_s
    while recorded < most and perf_counter() < stop:
        events = contents(content, recorded, TURN)
        floors.append(seconds(floor.record, events)[0] / TURN)
        with without():
            bare, least = one_by_one(record, events)
        mine, most_worked = one_by_one(record, events)
        bares += bare
        ours += mine
        threads.append((most_worked - least) / TURN)
        recorded += TURN
    (clock, caller), (bare_clock, bare_caller) = (
        [statistics.quantiles(each)[0] for each in zip(*timed, strict=True)] for timed in (ours, bares)
    )
    return {
        "recorded": recorded,
        "us": (clock - bare_clock) * 1e6,
        "caller_cpu_us": (caller - bare_caller) * 1e6,
        "process_cpu_us": statistics.median(threads) * 1e6,
        "without_cpu_us": bare_caller * 1e6,
        "of_floor_x": (clock - bare_clock) / statistics.median(floors),
    }


async def tick(until: float) -> list[float]:
    """Sleep a millisecond at a time; return by how many milliseconds each was too long."""
    late = []
    while (before := perf_counter()) < until:
        await asyncio.sleep(TICK_S)
        late.append((perf_counter() - before - TICK_S) * 1e3)
    return late


async def pace(record: Record, content: dict[str, Any], per_s: int, for_s: float) -> tuple[int, float]:
    """Record at an even pace for a while; return how many, and the 99th percentile of a ticker's delay meanwhile."""
    begun, made = perf_counter(), 0
    ticking = asyncio.create_task(tick(begun + for_s))
    while (now := perf_counter()) < begun + for_s:
        due = int((now - begun) * per_s) - made
        for event in contents(content, made, due):
            record(event)
        made += due
        await asyncio.sleep(TICK_S)
    late = sorted(await ticking)
    return made, late[len(late) * 99 // 100]


def paced(record: Record, content: dict[str, Any], per_s: int, for_s: float) -> dict[str, float]:
    """Record so many a second for a while, the floor half as long before it."""
    _, floor_ms = asyncio.run(pace(Floor().record, content, per_s, for_s / 2))
    recorded, late_ms = asyncio.run(pace(record, content, per_s, for_s))
    return {"recorded": recorded, "added_p99_ms": late_ms - floor_ms}


def run(open_peer: Open, without: Without | None = None) -> None:
    """Run a part of the course: the target, the content, `flat_out`, `turns` or `paced`, how many, for how long."""
    target, content, part = sys.argv[1], json.loads(sys.argv[2]), sys.argv[3]
    count, longest_s = int(sys.argv[4]), float(sys.argv[5])
    record, close = open_peer(target)
    if without and part == "turns":
        told = turns(record, content, count, longest_s, without)
    else:
        told = (paced if part == "paced" else flat_out)(record, content, count, longest_s)
    print(json.dumps(told), flush=True)
    close()
