"""What does tracking an event cost its caller, beside the least that a safe `track` can do?

The floor is a bounded method that checks a length and appends. `track_task_completion` does that too, and asks whether
it is closed, not started yet, or in a forked child. Rounds are interleaved; both start each round with an empty queue
that has room. While the tracker is timed its background thread does not take part (it waits in a sink), so what is
measured is what the caller pays; a last line shows one thread tracking with the thread at work.
Every result is checked before anything is timed.
"""

import gc
import platform
import statistics
import threading
from collections import deque
from time import perf_counter_ns
from typing import Any

from taximeter.event import TaskCompletionEvent
from taximeter.sinks.batch import Batch
from taximeter.tracker import Tracker, start
from taximeter.version import __version__

ROUNDS = 15
EVENTS = 50_000


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


def round_of_tracker(event: TaskCompletionEvent) -> float:
    """Time the tracker, and check that it took and delivered every event."""
    tracker, gate = tracker_behind_a_gate()
    taken = nanoseconds_per_call(tracker.track_task_completion, event)
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


def main() -> None:
    """Print the answer."""
    check()
    event = TaskCompletionEvent(model="m", actual_input_tokens=1)
    floors, tracks, at_work = [], [], []
    for _ in range(ROUNDS):
        floors.append(nanoseconds_per_call(Floor(EVENTS + 1).track, event))
        tracks.append(round_of_tracker(event))
        at_work.append(round_at_work())
    floor_ns, track_ns = statistics.median(floors), statistics.median(tracks)
    ratio = statistics.median(track / floor for track, floor in zip(tracks, floors, strict=True))
    print(
        f"taximeter {__version__}, {platform.python_implementation()} {platform.python_version()}, {platform.machine()}"
    )
    print(f"median of {ROUNDS} interleaved rounds of {EVENTS:,} calls, nanoseconds per call")
    print(f"  length check and append   {floor_ns:7.0f}")
    print(f"  track_task_completion     {track_ns:7.0f}   {ratio:.2f}x")
    print(
        f"  ... while delivering      {statistics.median(at_work):7.0f}   events to memory, one thread tracking flat out"
    )


if __name__ == "__main__":
    main()
