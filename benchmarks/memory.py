"""Does memory stay flat over a million events, and within its bound while a server is down?

A process tracks events in slabs of 20,000 and lets each be delivered to a file; resident memory is read after each. It should
not grow any more after the first 200,000. Another one tracks 300,000 events, more than fit, to a server that takes
connections and never answers: what it grows by has to stay near the bound of waiting bytes (32 MiB here).
"""

import argparse
import json
import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from time import sleep

import taximeter
from measure import tell
from taximeter.event import TaskCompletionEvent
from taximeter.sinks.http import HttpSink

EVENTS = 1_000_000
SLAB = 20_000
WARM = 200_000
OUTAGE_EVENTS = 300_000
BOUND_MIB = 32
PAGE = os.sysconf("SC_PAGE_SIZE")


def resident_mib() -> float:
    """Return what this process has in memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE / (1 << 20)


def event(n: int) -> TaskCompletionEvent:
    """Return a new event."""
    return TaskCompletionEvent(
        provider="openai", model="gpt-4o-mini", user=f"u-{n}", trace_id=f"{n:032x}", actual_input_tokens=n
    )


def flow() -> dict[str, float]:
    """Track all events while they are delivered."""
    sizes = []
    with tempfile.TemporaryDirectory() as folder:
        tracker = taximeter.start(Path(folder, "events.ndjson"))
        for first in range(0, EVENTS, SLAB):
            for n in range(first, first + SLAB):
                tracker.track_task_completion(event(n))
            assert tracker.flush(60).complete
            sizes.append(resident_mib())
        assert tracker.close().sinks["events.ndjson"].delivered == EVENTS
    warm = sizes[WARM // SLAB - 1]
    return {"warm_mib": warm, "end_mib": sizes[-1], "grown_mib": max(sizes[WARM // SLAB :]) - warm}


def outage() -> dict[str, float]:
    """Track more than fits while nobody answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        sink = HttpSink(f"http://127.0.0.1:{server.getsockname()[1]}/v1/events", token="none")  # noqa: S106 - nobody asks
        tracker = taximeter.start(sink, max_bytes=BOUND_MIB << 20, max_events=200_000, close_timeout_s=0.2)
        tracker.track_task_completion(event(0))
        sleep(0.3)
        before, most = resident_mib(), 0.0
        for n in range(OUTAGE_EVENTS):
            tracker.track_task_completion(event(n))
            if n % 5000 == 0:
                sleep(0.1)
                most = max(most, resident_mib())
        receipt = tracker.close()
        dropped = sum(receipt.lost.values())
        assert 0 < dropped <= receipt.tracked == OUTAGE_EVENTS + 1, receipt
    return {
        "outage_grown_mib": most - before,
        "outage_bound_mib": BOUND_MIB,
        "outage_over_bound_mib": most - before - BOUND_MIB,
    }


WAYS: dict[str, Callable[[], dict[str, float]]] = {"flow": flow, "outage": outage}


def main() -> None:
    """Answer the question, each half in a fresh process."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--way", choices=WAYS)
    if way := parser.parse_args().way:
        tell(WAYS[way]())
        return
    figures: dict[str, float] = {}
    for name in WAYS:
        told = subprocess.check_output([sys.executable, __file__, "--way", name], text=True)
        figures |= json.loads(told)
    print(
        f"  1,000,000 events: {figures['warm_mib']:.1f} MiB after 200,000, {figures['grown_mib']:+.1f} MiB at most since"
    )
    print(f"  outage: {figures['outage_grown_mib']:+.1f} MiB where {BOUND_MIB} MiB may wait")
    tell(figures)


if __name__ == "__main__":
    main()
