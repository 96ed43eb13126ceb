"""PostHog's `capture` of an AI generation, its client at its defaults."""

from collections.abc import Callable

from course import Record, run
from posthog import Posthog


def open_peer(target: str) -> tuple[Record, Callable[[], object]]:
    """Post to a host."""
    client = Posthog("phc_bench", host=target)
    return (
        lambda content: client.capture("$ai_generation", distinct_id="u-17", properties=content)
    ), client.shutdown


if __name__ == "__main__":
    run(open_peer)
