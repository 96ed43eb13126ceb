"""Ours: the event of a decoded answer, with scope, price and id, to the default sink."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from course import Record, run

import taximeter

BODY = Path(__file__).parents[1] / "bodies" / "openai.chat.text.json"


def open_peer(target: str) -> tuple[Record, Callable[[], object]]:
    """Write to a database."""
    tracker = taximeter.start(target)
    response = json.loads(BODY.read_bytes())
    inside = taximeter.scope(task_type="planning", agent="dispatcher", user="u-17")
    inside.__enter__()

    def record(content: dict[str, Any]) -> None:
        response["id"] = content["provider_response_id"]
        event = tracker.events.build(provider="openai", response=response, task_duration_ms=812.5)
        tracker.track_task_completion(event)

    return record, lambda: tracker.close(60)


if __name__ == "__main__":
    run(open_peer)
