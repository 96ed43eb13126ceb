"""Memory outlet: lines become batches, and each batch waits in memory for every sink."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from time import monotonic

import anyio

from taximeter.lane import Lane
from taximeter.outlet import CLOSE_TIMEOUT, Mark, OutletCounts
from taximeter.policy import MEBIBYTE, Policy
from taximeter.sinks.batch import batch_of

_BATCH_MAX_BYTES = 4 * MEBIBYTE
_NOTE_EVERY_S = 1.0


class MemoryOutlet:
    """Cuts lines into batches and hands each batch to every sink's lane.

    Args:
        lanes: One for each sink.
        policy: The bounds.
        share_bytes: What one lane may hold; no batch is larger.
        ledger: Held while counts move.
    """

    is_blocked = False
    """Memory takes in all that the queue lets through; what is too much is dropped lane by lane."""

    def __init__(
        self,
        lanes: Sequence[Lane],
        policy: Policy,
        *,
        share_bytes: int,
        ledger: AbstractContextManager[object],
    ) -> None:
        self._lanes = lanes
        self._policy = policy
        self._ledger = ledger
        self._batch_max_events = min(policy.batch_max_events, policy.max_events)  # or no lane had room for it
        self._batch_max_bytes = min(_BATCH_MAX_BYTES, share_bytes)
        # Each line is in exactly one of: _open, a lane.
        self._open: list[bytes] = []
        self._open_bytes = 0
        self._open_since = 0.0
        self._noted: dict[str, int] = {}
        self._note_at = 0.0

    @property
    def holds(self) -> int:
        """Lines that wait for a cut."""
        return len(self._open)

    @property
    def room_bytes(self) -> int:
        """What the open batch and the lanes leave of the bound."""
        held_bytes = self._open_bytes + sum(lane.held_bytes for lane in self._lanes)
        return self._policy.max_bytes - held_bytes

    def put(self, lines: list[bytes]) -> None:
        """Add the lines to the open batch, and seal it whenever it is full."""
        for line in lines:
            if self._open_bytes + len(line) > self._batch_max_bytes:
                self._seal()
            if not self._open:
                self._open_since = monotonic()
            self._open.append(line)
            self._open_bytes += len(line)
            if len(self._open) >= self._batch_max_events:
                self._seal()

    def cut(self, *, at_once: bool) -> None:
        """Seal the open batch when it is old enough; at once if asked to."""
        if self._open and (at_once or monotonic() - self._open_since >= self._policy.batch_max_age_s):
            with self._ledger:
                self._seal()

    def mark(self) -> Mark:
        """Return how many batches each lane has been given."""
        return tuple(lane.taken_batches for lane in self._lanes)

    def is_reached(self, mark: Mark) -> bool:
        """Whether each lane has settled so many."""
        return all(lane.settled_batches >= taken for lane, taken in zip(self._lanes, mark, strict=True))

    def hurry(self, *, wanted: bool) -> None:
        """Do nothing: a batch that is sealed is on its way."""

    def note_losses(self, by_reason: Mapping[str, int], *, at_once: bool) -> None:
        """Tell the lanes when the losses have changed, once a second at most."""
        now = monotonic()
        if by_reason == self._noted or (now < self._note_at and not at_once):
            return
        self._noted = dict(by_reason)
        self._note_at = now + _NOTE_EVERY_S
        for lane in self._lanes:
            lane.note_losses(self._noted)

    async def run(self, settled: Callable[[], None]) -> None:
        """Run every lane."""
        async with anyio.create_task_group() as tasks:
            for lane in self._lanes:
                tasks.start_soon(self._serve, lane, settled)

    def finish(self) -> None:
        """Let every lane end once its backlog is written."""
        for lane in self._lanes:
            lane.finish()

    def abandon(self, reason: str) -> int:
        """Drop what the lanes still hold; each lane counts it."""
        self._seal()
        for lane in self._lanes:
            lane.abandon(reason)
        return 0

    def close(self) -> None:
        """Do nothing: there is nothing open."""

    def counts(self, before: int) -> OutletCounts:
        """Return each lane's counts."""
        pending = before + len(self._open)
        return OutletCounts(sinks={lane.courier.name: lane.receipt(pending) for lane in self._lanes})

    async def _serve(self, lane: Lane, settled: Callable[[], None]) -> None:
        """Keep one lane at work; at its end, which waits for no other lane, drop what is left and close the sink."""
        try:
            await lane.run(settled)
        finally:
            if lane.is_finishing:
                lane.abandon(CLOSE_TIMEOUT)
                settled()
                await lane.close()

    def _seal(self) -> None:
        """Freeze the open lines into a batch and offer it to every lane; the ledger is held."""
        if self._open:
            batch = batch_of(self._open)
            self._open = []
            self._open_bytes = 0
            for lane in self._lanes:
                lane.offer(batch)
