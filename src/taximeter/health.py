"""Health: whether delivery works, and if not, what is wrong and where."""

from collections.abc import Iterator
from time import monotonic

import msgspec

from taximeter.receipt import Receipt

STALLED = "backlog_stalled"
BREAKER_OPEN = "breaker_open"
ACCESS_DENIED = "access_denied"
JOURNAL_BLOCKED = "journal_blocked"
FLUSHER_RESTARTED = "flusher_restarted"
FLUSHER_DEAD = "flusher_dead"

_BY_BREAKER = {"open": BREAKER_OPEN, "half_open": BREAKER_OPEN, "denied": ACCESS_DENIED}


class Problem(msgspec.Struct, frozen=True):
    """One thing that is wrong."""

    what: str
    """`backlog_stalled`, `breaker_open`, `access_denied`, `journal_blocked`, `flusher_restarted` or `flusher_dead`."""
    sink: str | None = None
    """Where; None means before all sinks."""
    detail: str | None = None

    def __str__(self) -> str:
        where = f"{self.sink}: " if self.sink else ""
        return where + self.what + (f" ({self.detail})" if self.detail else "")


class Health(msgspec.Struct, frozen=True):
    """What is wrong at the moment; it is good when nothing is."""

    problems: tuple[Problem, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong."""
        return not self.problems


class Watch:
    """Sees receipts go by, and knows how long each sink's backlog has stood still.

    Args:
        stalled_after_s: For how long it may.
    """

    def __init__(self, stalled_after_s: float) -> None:
        self._stalled_after_s = stalled_after_s
        self._delivered: dict[str, int] = {}
        self._moved_at: dict[str, float] = {}
        self._restarts = 0
        self._restarted_at: float | None = None

    def see(self, receipt: Receipt) -> None:
        """Compare with what was seen before; about once a second."""
        now = monotonic()
        for name, sink in receipt.sinks.items():
            if not sink.pending or sink.delivered != self._delivered.get(name):
                self._delivered[name] = sink.delivered
                self._moved_at[name] = now
        if receipt.restarts > self._restarts:
            self._restarts = receipt.restarts
            self._restarted_at = now

    def problems(self, receipt: Receipt) -> Iterator[Problem]:
        """Yield what is wrong, as far as receipts tell."""
        self.see(receipt)
        now = monotonic()
        for name, sink in receipt.sinks.items():
            yield from breaker_problem(name, sink.breaker, sink.last_error)
            if sink.pending and now - self._moved_at[name] >= self._stalled_after_s:
                yield stalled(name, sink.pending, now - self._moved_at[name])
        if self._restarted_at is not None and now - self._restarted_at < self._stalled_after_s:
            yield Problem(FLUSHER_RESTARTED)


def breaker_problem(sink: str, breaker: str, last_error: str | None) -> Iterator[Problem]:
    """Yield the problem that the state of a sink's breaker is, if it is one."""
    if breaker in _BY_BREAKER:
        yield Problem(_BY_BREAKER[breaker], sink, last_error)


def stalled(sink: str, pending: int, for_s: float) -> Problem:
    """Return the problem of a backlog that stands still."""
    return Problem(STALLED, sink, f"{pending} pending, none delivered for {for_s:.0f} s")
