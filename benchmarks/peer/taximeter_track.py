"""Ours on the peers' terms: the event of values that are at hand, to the default sink."""

from collections.abc import Callable
from typing import Any

from course import Record, run

import taximeter
from taximeter.identifier import new_event_id

_USAGE = {"prompt_tokens": 1200, "completion_tokens": 340, "total_tokens": 1540}


def open_peer(target: str) -> tuple[Record, Callable[[], object]]:
    """Write to a database."""
    tracker = taximeter.start(target)

    def record(content: dict[str, Any]) -> None:
        values = {name: value for name, value in content.items() if name != "type"} | {
            "event_id": new_event_id(),
            "raw_usage": _USAGE,
            "finish_reasons": ("stop",),
        }
        tracker.track_task_completion(taximeter.TaskCompletionEvent(**values))

    return record, lambda: tracker.close(60)


if __name__ == "__main__":
    run(open_peer)
