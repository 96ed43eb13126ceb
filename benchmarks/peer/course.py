"""The course that every peer runs: flat out, then at an even pace under an event loop; needs nothing but Python.

A peer's file says how it is opened at a target (a file's path or a server's address), which gives a function that records
one call and one that closes. A call's content is a flat dict with a marker of its own, by which it is counted where it
arrives.
"""

import asyncio
import json
import statistics
import sys
from collections import deque
from collections.abc import Callable
from time import perf_counter, thread_time
from typing import Any

Record = Callable[[dict[str, Any]], object]
Open = Callable[[str], tuple[Record, Callable[[], object]]]

EVENTS = 100_000
LONGEST_S = 4.0
"""Flat out, until all events are recorded or for so long."""
CHUNK = 250
PACED_PER_S = 2000
PACED_S = 2.0
TICK_S = 0.001


class Floor:
    """A bounded queue with nothing to it."""

    def __init__(self) -> None:
        self._events: deque[object] = deque()

    def record(self, content: dict[str, Any]) -> bool:
        """Append unless full."""
        if len(self._events) >= EVENTS:
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


def flat_out(record: Record, content: dict[str, Any]) -> dict[str, float]:
    """Record flat out, the floor between the chunks."""
    floor, recorded = Floor(), 0
    floors, ours = [], []
    stop = perf_counter() + LONGEST_S
    while recorded < EVENTS and perf_counter() < stop:
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


async def tick(until: float) -> list[float]:
    """Sleep a millisecond at a time; return by how many milliseconds each was too long."""
    late = []
    while (before := perf_counter()) < until:
        await asyncio.sleep(TICK_S)
        late.append((perf_counter() - before - TICK_S) * 1e3)
    return late


async def pace(record: Record, content: dict[str, Any]) -> tuple[int, float]:
    """Record at an even pace for a while; return how many, and the 99th percentile of a ticker's delay meanwhile."""
    begun, made = perf_counter(), 0
    ticking = asyncio.create_task(tick(begun + PACED_S))
    while (now := perf_counter()) < begun + PACED_S:
        due = int((now - begun) * PACED_PER_S) - made
        for event in contents(content, made, due):
            record(event)
        made += due
        await asyncio.sleep(TICK_S)
    late = sorted(await ticking)
    return made, late[len(late) * 99 // 100]


def paced(record: Record, content: dict[str, Any]) -> dict[str, float]:
    """Record at an even pace, the floor before it."""
    _, floor_ms = asyncio.run(pace(Floor().record, content))
    recorded, late_ms = asyncio.run(pace(record, content))
    return {"recorded": recorded, "added_p99_ms": late_ms - floor_ms}


def run(open_peer: Open) -> None:
    """Run one half of the course, as the command line says: `flat_out` or `paced`, the target, and the content."""
    half, target, content = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])
    record, close = open_peer(target)
    told = (flat_out if half == "flat_out" else paced)(record, content)
    print(json.dumps(told), flush=True)
    close()
