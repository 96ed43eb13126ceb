"""Packer: events from the queue to lines in an outlet, in small steps."""

from contextlib import AbstractContextManager

from taximeter.encoding import line_of
from taximeter.event import Event
from taximeter.outlet import Outlet
from taximeter.queue import Queue


class Packer:
    """Takes from the queue, encodes, and puts the lines into the outlet.

    Args:
        queue: Where events come from.
        outlet: Where lines go.
        event_max_bytes: The longest line that the outlet takes.
        ledger: Held while events move from one count to another.
    """

    def __init__(
        self, queue: Queue, outlet: Outlet, *, event_max_bytes: int, ledger: AbstractContextManager[object]
    ) -> None:
        self._queue = queue
        self._outlet = outlet
        self._event_max_bytes = event_max_bytes
        self._ledger = ledger
        self.taken = 0
        """Events taken from the queue so far."""
        self.unfit: dict[str, int] = {}
        """Of these, how many came to no sink's count, by reason."""
        self._in_hand: list[Event] = []

    @property
    def holds(self) -> int:
        """Events taken that are not in the outlet yet."""
        return len(self._in_hand)

    def take(self, max_events: int) -> int:
        """Encode the oldest waiting events and return how many there were."""
        with self._ledger:
            self._in_hand = self._queue.take(max_events)
            self.taken += len(self._in_hand)
        lines = [line_of(event, self._event_max_bytes) for event in self._in_hand]
        with self._ledger:
            self._in_hand = []
            for line in lines:
                if isinstance(line, str):
                    self.spoil(line, 1)
            self._outlet.put([line for line in lines if isinstance(line, bytes)])
        return len(lines)

    def let_go(self, reason: str) -> None:
        """Count what was in hand when encoding ended the thread."""
        with self._ledger:
            self.spoil(reason, len(self._in_hand))
            self._in_hand = []

    def give_up(self, reason: str) -> None:
        """Drop what waits anywhere: in the outlet's memory, and in the queue where the outlet was blocked."""
        with self._ledger:
            self.spoil(reason, self._outlet.abandon(reason))
            left = self._queue.take(len(self._queue))
            self.taken += len(left)
            self.spoil(reason, len(left))

    def spoil(self, reason: str, n: int) -> None:
        """Count *n* events taken from the queue that came to no sink's count; the ledger is held."""
        if n:
            self.unfit[reason] = self.unfit.get(reason, 0) + n
