"""Receipt: what became of every event so far, in counts."""

from typing import Self

import msgspec


class SinkReceipt(msgspec.Struct, frozen=True, kw_only=True):
    """What became of the events at one sink."""

    delivered: int = 0
    """Written, as the sink itself confirmed."""
    pending: int = 0
    """On the way: waiting, in a batch, or between two attempts."""
    dropped: dict[str, int] = {}
    """Given up for this sink alone, by reason."""
    failed_attempts: int = 0
    last_error: str | None = None
    """The kind of the last failure; never what was written."""
    breaker: str = "closed"
    """`open` after five failed attempts in a row, `half_open` while one more is made, `denied` by the sink."""

    def given_up(self, reason: str) -> Self:
        """Return the counts with what is pending dropped for *reason*."""
        if not self.pending:
            return self
        dropped = {**self.dropped, reason: self.dropped.get(reason, 0) + self.pending}
        return msgspec.structs.replace(self, pending=0, dropped=dropped)


class Receipt(msgspec.Struct, frozen=True, kw_only=True):
    """The counts of one tracker in one process.

    At every sink, `tracked == delivered + pending + dropped before all sinks + dropped at this one`.
    """

    tracked: int = 0
    """Events handed in, and losses reported by `count_loss`."""
    accepted: int = 0
    """Of these, how many the queue took in."""
    dropped: dict[str, int] = {}
    """Given up before any sink, by reason."""
    journaled: int = 0
    """Of the accepted, how many are in the journal: they outlive this process. 0 without a journal."""
    durable: int = 0
    """Of these, how many are synced to the disk: they outlive a power cut. 0 unless the journal is `durable`."""
    sinks: dict[str, SinkReceipt] = {}
    restarts: int = 0
    """How often the background thread had died and was started again."""

    @property
    def delivered(self) -> dict[str, int]:
        """Delivered events by sink."""
        return {name: sink.delivered for name, sink in self.sinks.items()}

    @property
    def pending(self) -> dict[str, int]:
        """Events on the way, by sink."""
        return {name: sink.pending for name, sink in self.sinks.items()}

    @property
    def lost(self) -> dict[str, int]:
        """Events that will not come to a sink, by sink, for whatever reason."""
        before = sum(self.dropped.values())
        return {name: before + sum(sink.dropped.values()) for name, sink in self.sinks.items()}

    @property
    def complete(self) -> bool:
        """Whether every event has been delivered to every sink."""
        return not any(self.dropped.values()) and all(
            sink.delivered == self.tracked for sink in self.sinks.values()
        )
