"""What does building an event from a decoded answer and tracking it cost, beside making the bare struct?

The floor makes a `TaskCompletionEvent` of the same values from a ready dict, which is the fastest way to give them by
name; the values that are their field's default are left out of it. Ours reads the answer's usage, takes the scope and
its span, finds the price, draws an id and hands the event to a tracker whose sink keeps nothing.
Every result is checked before anything is timed.
"""

import json
import platform
import timeit
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

import taximeter
from taximeter.event import TaskCompletionEvent
from taximeter.sinks.batch import Batch
from taximeter.tracker import start

ROUNDS = 61
ROUND_S = 0.002
BODIES = Path(__file__).parent / "bodies"


class Nowhere:
    """A sink that keeps nothing."""

    name = "nowhere"

    async def write(self, _batch: Batch) -> None:
        """Forget the batch."""

    async def aclose(self) -> None:
        """Do nothing."""


def nanoseconds(*functions: Callable[[], object]) -> list[float]:
    """Return the best time of each function, their short rounds interleaved, so that a busy machine counts least."""
    timers = [timeit.Timer(function) for function in functions]
    counts = [max(1, int(ROUND_S / max(timer.timeit(50) / 50, 1e-9))) for timer in timers]
    best = [float("inf")] * len(timers)
    for _ in range(ROUNDS):
        for place, timer in enumerate(timers):
            best[place] = min(best[place], timer.timeit(counts[place]) / counts[place] * 1e9)
    return best


def said(event: TaskCompletionEvent) -> dict[str, Any]:
    """Return the values of an event that are not their field's default."""
    bare = TaskCompletionEvent()
    return {
        name: getattr(event, name)
        for name in event.__struct_fields__
        if getattr(event, name) != getattr(bare, name)
    }


def main() -> None:
    """Print times and ratios."""
    print(f"Python {platform.python_version()}, msgspec {msgspec.__version__}, best of {ROUNDS} rounds")
    with start(Nowhere(), max_events=10_000_000) as tracker:
        for name in ("openai.chat", "anthropic.messages"):
            provider = name.partition(".")[0]
            response = json.loads((BODIES / f"{name}.text.json").read_bytes())

            def build(provider: str = provider, response: Any = response) -> TaskCompletionEvent:
                return tracker.events.build(provider=provider, response=response, task_duration_ms=812.5)

            def build_and_track() -> None:
                tracker.track_task_completion(build())

            with taximeter.scope(task_type="planning", agent="dispatcher", user="u-17"):
                event = build()
                assert (event.actual_input_tokens, event.actual_output_tokens) == (1200, 340)
                assert event.actual_cost_usd_nanos
                assert (event.agent, len(event.trace_id or "")) == ("dispatcher", 32)
                values = said(event)
                floor, ours = nanoseconds(partial(TaskCompletionEvent, **values), build_and_track)
            print(
                f"  {name:20} bare struct of {len(values)} values {floor / 1000:5.2f} us"
                f"  build and track {ours / 1000:6.2f} us  {ours / floor:5.2f} x"
            )


if __name__ == "__main__":
    main()
