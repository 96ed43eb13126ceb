"""What does tracking an event cost its caller, beside the least that a safe `track` can do?

The floor is a bounded method that checks a length and appends; below that, `deque.append` alone. `track_task_completion` does that too, and asks whether
it is closed, not started yet, or in a forked child. Rounds are interleaved; both start each round with an empty queue
that has room. While the tracker is timed its background thread does not take part (it waits in a sink), so what is
measured is what the caller pays; another line shows one thread tracking with the thread at work. A ratio is the median of the rounds'
ratios, so it need not be that of the medians beside it. Percentiles are of calls timed one by one, the clock included.
Paced: 2,000 calls a second, each after a sleep and so with cold caches, seconds of the floor and of a tracker that writes
to SQLite taking turns. The longest call shows whether anybody was kept waiting: `--seconds 600` looks for ten minutes.
Every result is checked before anything is timed.
"""

import argparse
import gc
import platform
import statistics
import tempfile
import threading
from collections import deque
from collections.abc import Callable
from pathlib import Path
from time import perf_counter, perf_counter_ns, sleep
from typing import Any, TypeVar

from measure import percentile, positive, ratio, tell
from taximeter.event import TaskCompletionEvent
from taximeter.sinks.batch import Batch
from taximeter.tracker import Tracker, start
from taximeter.version import __version__

T = TypeVar("T")

ROUNDS = 15
EVENTS = 50_000
EVENTS_PER_S = 2000


class Floor:
    """A bounded queue with nothing to it."""

    def __init__(self, bound: int) -> None:
        self._events: deque[object] = deque()
        self._bound = bound

    def track(self, event: object) -> bool:
        """Append unless full."""
        if len(self._events) >= self._bound:
            return False
        self._events.append(event)
        return True


class Gate:
    """A sink that keeps the flusher's thread waiting while the gate is shut."""

    name = "gate"

    def __init__(self) -> None:
        self.reached = threading.Event()
        self.open = threading.Event()

    async def write(self, _batch: Batch) -> None:
        """Wait for the gate."""
        self.reached.set()
        self.open.wait()

    async def aclose(self) -> None:
        """Do nothing."""


def tracker_behind_a_gate() -> tuple[Tracker, Gate]:
    """Return a tracker whose thread is held up, with room for all events of a round."""
    gate = Gate()
    tracker = start(gate, max_events=EVENTS + 1, batch_max_age_s=0)
    tracker.track_task_completion(TaskCompletionEvent())
    assert gate.reached.wait(10)
    return tracker, gate


def nanoseconds_per_call(track: Any, event: TaskCompletionEvent) -> float:
    """Time calls with the same event, the loop around them included on both sides."""
    gc.collect()
    before = perf_counter_ns()
    for _ in range(EVENTS):
        track(event)
    return (perf_counter_ns() - before) / EVENTS


def nanoseconds_of_each(track: Any, event: TaskCompletionEvent) -> list[int]:
    """Time calls one by one."""
    taken = []
    for _ in range(EVENTS):
        before = perf_counter_ns()
        track(event)
        taken.append(perf_counter_ns() - before)
    return taken


def round_of_tracker(event: TaskCompletionEvent, measure: Callable[[Any, TaskCompletionEvent], T]) -> T:
    """Time the tracker, and check that it took and delivered every event."""
    tracker, gate = tracker_behind_a_gate()
    taken = measure(tracker.track_task_completion, event)
    receipt = tracker.receipt()
    assert (receipt.accepted, receipt.dropped) == (EVENTS + 1, {}), receipt
    gate.open.set()
    assert tracker.close(60).complete
    return taken


def round_at_work() -> float:
    """Track distinct events while they are delivered to memory; building them is not timed."""
    events = [TaskCompletionEvent() for _ in range(EVENTS)]
    tracker = start("memory:")
    tracker.track_task_completion(TaskCompletionEvent())
    tracker.flush()
    gc.collect()
    before = perf_counter_ns()
    for event in events:
        tracker.track_task_completion(event)
    taken = (perf_counter_ns() - before) / EVENTS
    assert tracker.close(60).delivered == {"memory": EVENTS + 1}
    return taken


def check() -> None:
    """Check that both refuse and accept what they should."""
    floor = Floor(2)
    assert [floor.track(n) for n in range(3)] == [True, True, False]
    with start("memory:") as tracker:
        assert tracker.track_task_completion(TaskCompletionEvent(model="m"))
    assert tracker.receipt().complete
    assert not tracker.track_task_completion(TaskCompletionEvent())


def paced_second(track: Any) -> list[int]:
    """Track for a second at an even pace; return the nanoseconds of each call."""
    taken = []
    begun = perf_counter()
    for n in range(EVENTS_PER_S):
        event = TaskCompletionEvent(model="m", provider="openai", actual_input_tokens=n)
        before = perf_counter_ns()
        track(event)
        taken.append(perf_counter_ns() - before)
        sleep(max(begun + (n + 1) / EVENTS_PER_S - perf_counter(), 0.000_1))
    return taken


def paced(seconds: int) -> dict[str, float]:
    """Let seconds of the floor and of a tracker at work take turns."""
    floors, ours = [], []
    with tempfile.TemporaryDirectory() as folder:
        tracker = start(Path(folder, "usage.db"))
        for _ in range(seconds):
            floors.append(paced_second(Floor(EVENTS).track))
            ours.append(paced_second(tracker.track_task_completion))
            assert tracker.flush().complete
        assert tracker.close(60).sinks["usage.db"].delivered == seconds * EVENTS_PER_S
    p99s = [[percentile(second, 0.99) for second in side] for side in (floors, ours)]
    longest = [max(map(max, side)) / 1e6 for side in (floors, ours)]
    return {
        "paced_floor_p50_ns": statistics.median(percentile(second, 0.5) for second in floors),
        "paced_floor_p99_ns": statistics.median(p99s[0]),
        "paced_p50_ns": statistics.median(percentile(second, 0.5) for second in ours),
        "paced_p99_ns": statistics.median(p99s[1]),
        "paced_p99_x": ratio(p99s[1], p99s[0]),
        "paced_floor_longest_ms": longest[0],
        "paced_longest_ms": longest[1],
        "paced_added_longest_ms": longest[1] - longest[0],
        "paced_seconds": seconds,
    }


def flat_out() -> dict[str, float]:
    """Let rounds of the floor and of the tracker take turns."""
    event = TaskCompletionEvent(model="m", actual_input_tokens=1)
    appends, floors, tracks, at_work = [], [], [], []
    single: tuple[list[int], list[int]] = [], []
    for _ in range(ROUNDS):
        appends.append(nanoseconds_per_call(deque[object]().append, event))
        floors.append(nanoseconds_per_call(Floor(EVENTS + 1).track, event))
        tracks.append(round_of_tracker(event, nanoseconds_per_call))
        at_work.append(round_at_work())
        single[0].extend(nanoseconds_of_each(Floor(EVENTS + 1).track, event))
        single[1].extend(round_of_tracker(event, nanoseconds_of_each))
    figures = {
        "append_ns": statistics.median(appends),
        "floor_ns": statistics.median(floors),
        "track_ns": statistics.median(tracks),
        "track_x": ratio(tracks, floors),
        "track_at_work_ns": statistics.median(at_work),
    }
    for name, times in zip(("floor", "track"), single, strict=True):
        figures |= {f"{name}_p{n}_ns": percentile(times, n / 100) for n in (50, 99)}
    return figures


def main() -> None:
    """Print the answer."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=positive, default=8, help="of the paced calls")
    seconds = parser.parse_args().seconds
    check()
    figures = flat_out() | paced(seconds)
    print(
        f"taximeter {__version__}, {platform.python_implementation()} {platform.python_version()}, {platform.machine()}"
    )
    print(f"flat out, median of {ROUNDS} interleaved rounds of {EVENTS:,} calls, nanoseconds per call")
    print(f"  deque.append              {figures['append_ns']:7.0f}")
    print(f"  length check and append   {figures['floor_ns']:7.0f}")
    print(f"  track_task_completion     {figures['track_ns']:7.0f}   {figures['track_x']:.2f} x")
    print(f"  ... while delivering      {figures['track_at_work_ns']:7.0f}   events to memory")
    print("one by one, p50 and p99")
    print(f"  length check and append   {figures['floor_p50_ns']:7.0f} {figures['floor_p99_ns']:7.0f}")
    print(f"  track_task_completion     {figures['track_p50_ns']:7.0f} {figures['track_p99_ns']:7.0f}")
    print(f"paced, {EVENTS_PER_S:,} a second for {seconds} s, nanoseconds per call")
    print(f"  length check and append   {figures['paced_floor_p99_ns']:7.0f} p99")
    print(f"  track_task_completion     {figures['paced_p99_ns']:7.0f} p99   {figures['paced_p99_x']:.2f} x")
    print(
        f"  longest call of each      {figures['paced_floor_longest_ms']:7.3f} ms {figures['paced_longest_ms']:.3f} ms"
    )
    tell(figures)


if __name__ == "__main__":
    main()
