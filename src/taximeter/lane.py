"""Lane: what waits in memory for one sink, so that a sink that fails or hangs holds up nobody else."""

from collections import Counter, deque
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager

import anyio

from taximeter.courier import Courier
from taximeter.delivery import Delivery
from taximeter.identifier import new_event_id
from taximeter.outlet import close_sink
from taximeter.queue import BYTES_FULL
from taximeter.receipt import SinkReceipt
from taximeter.sinks.batch import Batch

BACKLOG_FULL = "backlog_full"

_LAST_NOTE_S = 0.1


class Lane:
    """Holds batches for one sink and gives them to its courier one after the other.

    Args:
        courier: Writes them.
        max_bytes: Encoded bytes that may wait here.
        max_events: Events that may wait here.
        ledger: Held while events move from one count to another, so that a receipt never sees them in between.
    """

    def __init__(
        self,
        courier: Courier,
        *,
        max_bytes: int,
        max_events: int,
        ledger: AbstractContextManager[object],
    ) -> None:
        self.courier = courier
        self.taken_batches = 0
        self.settled_batches = 0
        self._max_bytes = max_bytes
        self._max_events = max_events
        self._ledger = ledger
        self._backlog: deque[Delivery] = deque()
        self.held_bytes = 0
        self._held_events = 0
        self._delivered = 0
        self._dropped: Counter[str] = Counter()
        self._lost_before: Mapping[str, int] = {}
        self._source = new_event_id()
        self._more: anyio.Event | None = None
        self.is_finishing = False

    def offer(self, batch: Batch) -> None:
        """Take the batch in, or drop it for this sink when it does not fit."""
        if self.held_bytes + batch.size_bytes > self._max_bytes:
            self._dropped[BYTES_FULL] += len(batch)
        elif self._held_events + len(batch) > self._max_events:
            self._dropped[BACKLOG_FULL] += len(batch)
        else:
            self._backlog.append(Delivery(batch))
            self.held_bytes += batch.size_bytes
            self._held_events += len(batch)
            self.taken_batches += 1
            self._wake()

    def finish(self) -> None:
        """Let `run` end once the backlog is written."""
        self.is_finishing = True
        self.courier.hurry()
        self._wake()

    async def run(self, settled: Callable[[], None]) -> None:
        """Write batches until `finish`; call *settled* after each, delivered or dropped."""
        while self._backlog or not self.is_finishing:
            if self._backlog:
                reason = await self.courier.write(self._backlog[0])
                self._settle(reason)
                settled()
            else:
                self._more = anyio.Event()
                await self._more.wait()
            await self.courier.note_losses(self._source, self._lost)

    def note_losses(self, by_reason: Mapping[str, int]) -> None:
        """Hear how many events were dropped so far before they came to any lane."""
        self._lost_before = by_reason
        self._wake()

    async def close(self) -> None:
        """Tell the sink of the last losses, and close it; each within a moment and even where all else is cancelled."""
        with anyio.move_on_after(_LAST_NOTE_S, shield=True):
            await self.courier.note_losses(self._source, self._lost, at_last=True)
        await close_sink(self.courier)

    def abandon(self, reason: str) -> None:
        """Drop the whole backlog."""
        with self._ledger:
            while self._backlog:
                self._settle(reason)

    def receipt(self, pending_before: int) -> SinkReceipt:
        """Return this lane's counts; *pending_before* events are on the way to all lanes."""
        pending = pending_before + self._held_events
        return self.courier.receipt(delivered=self._delivered, pending=pending, dropped=self._dropped)

    @property
    def _lost(self) -> Counter[str]:
        return self._dropped + Counter(self._lost_before)

    def _wake(self) -> None:
        if self._more is not None:
            self._more.set()

    def _settle(self, given_up_as: str | None) -> None:
        """Count what has become of the oldest batch; what of it is not settled is given up."""
        with self._ledger:
            delivery = self._backlog.popleft()
            batch, dropped = delivery.batch, delivery.dropped(given_up_as)
            self.held_bytes -= batch.size_bytes
            self._held_events -= len(batch)
            self.settled_batches += 1
            self._delivered += len(batch) - dropped.total()
            self._dropped.update(dropped)
