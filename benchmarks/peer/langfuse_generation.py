"""Langfuse's generations, its client at its defaults."""

from collections.abc import Callable

from course import Record, run
from langfuse import Langfuse


def open_peer(target: str) -> tuple[Record, Callable[[], object]]:
    """Export to a host."""
    client = Langfuse(public_key="pk-lf-bench", secret_key="sk-lf-bench", base_url=target)  # noqa: S106 - of nobody

    def record(content: dict[str, object]) -> None:
        client.start_observation(
            name="chat",
            as_type="generation",
            model="gpt-4o-mini",
            metadata=content,
            usage_details={"input": 1200, "output": 340},
        ).end()

    def close() -> None:
        client.flush()
        client.shutdown()

    return record, close


if __name__ == "__main__":
    run(open_peer)
