"""What does building an event from a decoded answer and tracking it cost, beside making the bare struct?

The floor makes a `TaskCompletionEvent` of the same values from a ready dict, which is the fastest way to give them by
name; the values that are their field's default are left out of it. Ours reads the answer's usage, takes the scope and
its span, finds the price, draws an id and hands the event to a tracker whose sink keeps nothing. Beside it the struct with
the same values as keywords written out, as somebody would who makes it by hand.
Every result is checked before anything is timed.
"""

import json
import platform
import statistics
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

import taximeter
from measure import Nowhere, interleaved, ratio, tell
from taximeter.event import TaskCompletionEvent
from taximeter.tracker import start

BODIES = Path(__file__).parent / "bodies"


def said(event: TaskCompletionEvent) -> dict[str, Any]:
    """Return the values of an event that are not their field's default."""
    bare = TaskCompletionEvent()
    return {
        name: getattr(event, name)
        for name in event.__struct_fields__
        if getattr(event, name) != getattr(bare, name)
    }


def written_out(values: dict[str, Any]) -> Any:
    """Return a function that makes the struct of these values as a program does that names each of them."""
    names = ", ".join(f"{name}={name}" for name in values)
    source = f"lambda kind, {', '.join(values)}: lambda: kind({names})"
    return eval(source)(TaskCompletionEvent, **values)  # noqa: S307 - of our own field names


def main() -> None:
    """Print times and ratios."""
    print(f"Python {platform.python_version()}, msgspec {msgspec.__version__}, medians of interleaved rounds")
    figures: dict[str, float] = {}
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
                floor, named, ours = interleaved(
                    partial(TaskCompletionEvent, **values), written_out(values), build_and_track
                )
            key = name.replace(".", "_")
            figures |= {
                f"{key}_floor_us": statistics.median(floor) / 1e3,
                f"{key}_us": statistics.median(ours) / 1e3,
                f"{key}_x": ratio(ours, floor),
                f"{key}_of_written_out_x": ratio(ours, named),
            }
            print(
                f"  {name:20} bare struct of {len(values)} values {figures[f'{key}_floor_us']:5.2f} us"
                f"  build and track {figures[f'{key}_us']:6.2f} us  {figures[f'{key}_x']:5.2f} x"
                f"  {figures[f'{key}_of_written_out_x']:5.2f} x of names written out"
            )
    tell(figures)


if __name__ == "__main__":
    main()
