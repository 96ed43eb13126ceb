"""Logfire's `info` with attributes, sent to an address of our own, the rest at its defaults."""

from collections.abc import Callable

import logfire
from course import Record, run


def open_peer(target: str) -> tuple[Record, Callable[[], object]]:
    """Export to a host."""
    logfire.configure(
        send_to_logfire=True,
        token="pylf_v1_us_bench",  # noqa: S106 - of nobody
        console=False,
        inspect_arguments=False,
        advanced=logfire.AdvancedOptions(base_url=target),
    )
    return (lambda content: logfire.info("call", **content)), logfire.shutdown


if __name__ == "__main__":
    run(open_peer)
