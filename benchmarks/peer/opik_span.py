"""Opik's spans of a model's call, its client at its defaults."""

from collections.abc import Callable

from course import Record, run
from opik import Opik


def open_peer(target: str) -> tuple[Record, Callable[[], object]]:
    """Post to a host."""
    client = Opik(host=f"{target}/api", api_key="bench", workspace="bench")
    usage = {"prompt_tokens": 1200, "completion_tokens": 340, "total_tokens": 1540}

    def record(content: dict[str, object]) -> None:
        client.trace(name="chat").span(
            name="chat", type="llm", model="gpt-4o-mini", provider="openai", metadata=content, usage=usage
        ).end()

    return record, lambda: client.end(timeout=20)


if __name__ == "__main__":
    run(open_peer)
