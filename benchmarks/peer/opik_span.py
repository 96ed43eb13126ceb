"""Opik's spans of a model's call, its client at its defaults.

Trace and span are created whole, with their end, as Opik's own context managers do it: its page "Batching and update
operations" warns that an `end()` soon after a batched creation is lost.
"""

from collections.abc import Callable
from datetime import UTC, datetime

from course import Record, run
from opik import Opik


def open_peer(target: str) -> tuple[Record, Callable[[], object]]:
    """Post to a host."""
    client = Opik(host=f"{target}/api", api_key="bench", workspace="bench")
    usage = {"prompt_tokens": 1200, "completion_tokens": 340, "total_tokens": 1540}

    def record(content: dict[str, object]) -> None:
        now = datetime.now(UTC)
        client.trace(name="chat", start_time=now, end_time=now).span(
            name="chat",
            type="llm",
            start_time=now,
            end_time=now,
            model="gpt-4o-mini",
            provider="openai",
            metadata=content,
            usage=usage,
        )

    return record, lambda: client.end(timeout=20)


if __name__ == "__main__":
    run(open_peer)
