"""Carrier: the one process of a folder, at any time, that takes everyone's events to the sinks."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from typing import Protocol

import anyio
import msgspec

from taximeter.delivery import Delivery
from taximeter.journal.consumer import Consumer
from taximeter.journal.cursor import Cursor
from taximeter.journal.folder import CARRIER_LOCK, Folder, Lock
from taximeter.journal.tidying import tidy
from taximeter.sinks.batch import Batch

_TAKEOVER_S = 0.5
_POLL_S = 0.1
_TIDY_S = 0.5
_AGAIN_S = 0.05


class Way(Protocol):
    """How batches come to one sink."""

    @property
    def name(self) -> str:
        """The sink's name, which its cursor goes by."""

    @property
    def state(self) -> str:
        """How the sink stands, see `SinkReceipt.breaker`."""

    @property
    def last_error(self) -> str | None:
        """What its last failure was."""

    async def write(self, delivery: Delivery, /) -> str | None:
        """Try for a while; return None when the delivery is settled, or else the reason."""

    async def note_losses(self, source: str, lost: Mapping[str, int], *, at_last: bool = False) -> None:
        """Tell the sink how many events have not come to it, by reason, since the source began."""


class Load(msgspec.Struct, frozen=True, kw_only=True):
    """How the carrier works.

    What has been read ahead is held in memory, so its bounds are memory's: one batch for each sink.
    """

    batch_max_events: int = 500
    batch_max_bytes: int = 1 << 22
    batch_max_age_s: float = 0.5
    retention_s: float = 7 * 86_400.0
    """How long segments are kept for a sink that has a cursor here and that nobody delivers to any more."""
    sync: bool = False
    """Whether to survive power cuts."""


class Carrier:
    """Waits for the folder's lock, and while it holds it leads a consumer for each sink.

    A batch that a sink does not take is offered again until it does: a sink that is down is a cursor that stands still.

    Args:
        folder: The journal.
        ways: To the sinks.
        load: The bounds.
        ledger: Held while counts move.
        settled: Called after each batch.
    """

    def __init__(
        self,
        folder: Folder,
        ways: Sequence[Way],
        load: Load,
        *,
        ledger: AbstractContextManager[object],
        settled: Callable[[], None] = lambda: None,
    ) -> None:
        self._folder = folder
        self._ways = ways
        self._load = load
        self._ledger = ledger
        self._settled = settled
        self._lock = Lock(folder, CARRIER_LOCK)
        self._consumers: dict[str, Consumer] = {}
        self._finishing = False
        self._more: anyio.Event | None = None
        self.in_a_hurry = False
        """Whether batches leave before they are full or old."""

    @property
    def is_carrying(self) -> bool:
        """Whether this process is the folder's carrier now."""
        return bool(self._consumers)

    def cursor(self, sink: str) -> Cursor | None:
        """Return the cursor of a sink while this process moves it."""
        consumer = self._consumers.get(sink)
        return consumer.cursor if consumer else None

    def notice(self) -> None:
        """Look for events now; called on the carrier's own event loop."""
        if self._more is not None:
            self._more.set()
            self._more = None

    def finish(self) -> None:
        """Let `run` end once all that is there has been delivered, or at once while somebody else carries."""
        self._finishing = True
        self.notice()

    def forget(self) -> None:
        """In a forked child, let go of the parent's lock."""
        self._lock.release()

    async def run(self) -> None:
        """Carry as soon as nobody else does, until `finish`."""
        while not self._try_lock():
            if self._finishing:
                return
            await self._wait(_TAKEOVER_S)
        try:
            await self._carry()
        finally:
            self._let_go()

    def _try_lock(self) -> bool:
        try:
            if self._lock.acquire():
                with self._ledger:
                    self._consumers = {way.name: self._consumer(way) for way in self._ways}
        except OSError:  # no descriptors left, or a cursor that cannot be read now: later
            self._lock.release()
        return self._lock.is_held

    async def _carry(self) -> None:
        for consumer in self._consumers.values():
            consumer.save()  # from now on the ledger knows the sink, even one that never takes anything
        async with anyio.create_task_group() as tasks:
            for way in self._ways:
                tasks.start_soon(self._serve, way, self._consumers[way.name])
            while not self._finishing:
                self._note_states()
                self._tidy()
                await self._pause_between_tidyings()
        self._tidy()

    def _consumer(self, way: Way) -> Consumer:
        return Consumer(
            self._folder,
            way.name,
            batch_max_events=self._load.batch_max_events,
            batch_max_bytes=self._load.batch_max_bytes,
            batch_max_age_s=self._load.batch_max_age_s,
        )

    async def _serve(self, way: Way, consumer: Consumer) -> None:
        while True:
            is_last = self._finishing
            batch = self._next(consumer, at_once=is_last or self.in_a_hurry)
            if batch is None:
                await way.note_losses(consumer.cursor.began, consumer.lost, at_last=is_last)
                if is_last:
                    return
                await self._wait(_POLL_S)
                continue
            delivery = Delivery(batch)
            while not delivery.is_settled:
                reason = await way.write(delivery)
                await anyio.sleep(_AGAIN_S if reason else 0)
            with self._ledger:
                consumer.settle(delivery.refused)
            self._settled()

    def _next(self, consumer: Consumer, *, at_once: bool) -> Batch | None:
        try:
            with self._ledger:
                return consumer.next_batch(at_once=at_once)
        except OSError:  # the disk does not let us read now
            return None

    async def _wait(self, longest_s: float) -> None:
        if self._more is None:
            self._more = anyio.Event()
        more = self._more
        with anyio.move_on_after(longest_s):
            await more.wait()

    async def _pause_between_tidyings(self) -> None:
        with anyio.move_on_after(_TIDY_S):
            while not self._finishing:
                await self._wait(_TIDY_S)

    def _note_states(self) -> None:
        with self._ledger:
            for way in self._ways:
                self._consumers[way.name].note(str(way.state), way.last_error)

    def _tidy(self) -> None:
        cursors = [consumer.cursor for consumer in self._consumers.values()]
        with (
            suppress(OSError),
            self._ledger,
        ):  # there is no room for a cursor: nothing was deleted, and again later
            tidy(self._folder, cursors, retention_s=self._load.retention_s, sync=self._load.sync)

    def _let_go(self) -> None:
        self._note_states()
        with self._ledger:
            for consumer in self._consumers.values():
                consumer.save()  # or the next carrier delivers again what this one has
            self._consumers = {}
        self._lock.release()
