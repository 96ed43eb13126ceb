"""Health of a folder, as far as its files tell it to a process that neither writes nor carries."""

from collections.abc import Iterator, Mapping
from time import time_ns

from taximeter.health import Health, Problem, breaker_problem, stalled
from taximeter.journal.ledger import SinkLedger


def folder_health(ledgers: Mapping[str, SinkLedger], *, stalled_after_s: float) -> Health:
    """Return what is wrong with the sinks of these ledgers.

    Args:
        ledgers: By sink.
        stalled_after_s: How long events may be pending while none is delivered.
    """
    return Health(
        tuple(
            problem
            for sink, ledger in ledgers.items()
            for problem in _problems(sink, ledger, stalled_after_s)
        )
    )


def _problems(sink: str, ledger: SinkLedger, stalled_after_s: float) -> Iterator[Problem]:
    if not ledger.pending:
        return
    yield from breaker_problem(sink, ledger.breaker, ledger.last_error)
    if ledger.stands_since_us is not None:
        stands_s = (time_ns() // 1000 - ledger.stands_since_us) / 1e6
        if stands_s >= stalled_after_s:
            yield stalled(sink, ledger.pending, stands_s)
