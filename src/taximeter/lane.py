"""Lane: the way of the batches to one sink, so that a sink that fails or hangs holds up nobody else."""

from collections import deque
from collections.abc import Callable
from contextlib import AbstractContextManager
from itertools import count
from math import inf
from random import Random

import anyio

from taximeter.queue import BYTES_FULL
from taximeter.receipt import SinkReceipt
from taximeter.sinks.batch import Batch
from taximeter.sinks.protocol import Sink

FAILED = "sink_failed"
TIMED_OUT = "sink_timeout"
BACKLOG_FULL = "backlog_full"

_FIRST_WAIT_S = 0.05
_LONGEST_WAIT_S = 5.0


class Lane:
    """Holds batches for one sink and writes them one after the other, with retries.

    Args:
        sink: Where the batches go.
        name: How receipts call it.
        max_bytes: Encoded bytes that may wait here.
        max_events: Events that may wait here.
        retry_budget_s: Time for all attempts of one batch together.
        ledger: Held while events move from one count to another, so that a receipt never sees them in between.
    """

    def __init__(
        self,
        sink: Sink,
        name: str,
        *,
        max_bytes: int,
        max_events: int,
        retry_budget_s: float,
        ledger: AbstractContextManager[object],
    ) -> None:
        self.sink = sink
        self.name = name
        self.taken_batches = 0
        self.settled_batches = 0
        self.failed_attempts = 0
        self.last_error: str | None = None
        self._max_bytes = max_bytes
        self._max_events = max_events
        self._retry_budget_s = retry_budget_s
        self._ledger = ledger
        self._backlog: deque[Batch] = deque()
        self.held_bytes = 0
        self._held_events = 0
        self._delivered = 0
        self._dropped: dict[str, int] = {}
        self._more: anyio.Event | None = None
        self.is_finishing = False
        self._random = Random()  # noqa: S311 - spreads retries; one of our own because hosts seed the global one

    def offer(self, batch: Batch) -> None:
        """Take the batch in, or drop it for this sink when it does not fit."""
        full = None
        if self.held_bytes + batch.size_bytes > self._max_bytes:
            full = BYTES_FULL
        elif self._held_events + len(batch) > self._max_events:
            full = BACKLOG_FULL
        if full:
            self._drop(batch, full)
            return
        self._backlog.append(batch)
        self.held_bytes += batch.size_bytes
        self._held_events += len(batch)
        self.taken_batches += 1
        self._wake()

    def finish(self) -> None:
        """Let `run` end once the backlog is written."""
        self.is_finishing = True
        self._wake()

    async def run(self, settled: Callable[[], None]) -> None:
        """Write batches until `finish`; call *settled* after each, delivered or dropped."""
        while self._backlog or not self.is_finishing:
            if not self._backlog:
                self._more = anyio.Event()
                await self._more.wait()
                continue
            reason = await self.write(self._backlog[0])
            self._settle(reason)
            settled()

    def abandon(self, reason: str) -> None:
        """Drop the whole backlog."""
        with self._ledger:
            while self._backlog:
                self._settle(reason)

    def receipt(self, pending_before: int) -> SinkReceipt:
        """Return this lane's counts; *pending_before* events are on the way to all lanes."""
        return SinkReceipt(
            delivered=self._delivered,
            pending=pending_before + self._held_events,
            dropped=self._dropped.copy(),
            failed_attempts=self.failed_attempts,
            last_error=self.last_error,
        )

    async def write(self, batch: Batch, /) -> str | None:
        """Try until the batch is written (None) or the budget is used up (the reason)."""
        reason = TIMED_OUT
        with anyio.move_on_after(self._retry_budget_s):
            for attempt in count():
                reason = TIMED_OUT  # unless this attempt ends in time
                if await self._attempt(batch):
                    return None
                reason = FAILED
                longest_s = min(_FIRST_WAIT_S * 2 ** min(attempt, 10), _LONGEST_WAIT_S)
                await anyio.sleep(self._random.uniform(0, longest_s))  # full jitter
        self.failed_attempts += reason is TIMED_OUT
        return reason

    async def _attempt(self, batch: Batch) -> bool:
        try:
            await self.sink.write(batch)
        except BaseException as error:  # even SystemExit out of a sink is the sink's failure, not our end
            if (
                isinstance(error, anyio.get_cancelled_exc_class())
                and anyio.current_effective_deadline() == -inf
            ):
                raise  # by us: the budget or the close; any other cancellation is the sink's own doing
            self.failed_attempts += 1
            self.last_error = describe(error)
            return False
        return True

    def _wake(self) -> None:
        if self._more is not None:
            self._more.set()

    def _settle(self, reason: str | None) -> None:
        with self._ledger:
            batch = self._backlog.popleft()
            self.held_bytes -= batch.size_bytes
            self._held_events -= len(batch)
            self.settled_batches += 1
            if reason is None:
                self._delivered += len(batch)
            else:
                self._drop(batch, reason)

    def _drop(self, batch: Batch, reason: str) -> None:
        self._dropped[reason] = self._dropped.get(reason, 0) + len(batch)


def describe(error: BaseException) -> str:
    """Name the error by its kind and the system's own words; its message could quote an event or a credential."""
    kind = type(error).__name__
    detail = error.strerror if isinstance(error, OSError) else getattr(error, "sqlite_errorname", None)
    return f"{kind}: {detail}" if detail else kind
