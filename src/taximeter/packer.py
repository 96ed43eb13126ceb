"""Packer: events from the queue to lines in an outlet, in small steps."""

from contextlib import AbstractContextManager

from taximeter.encoding import TOO_LARGE, line_of
from taximeter.event import Event
from taximeter.outlet import Outlet
from taximeter.policy import MEBIBYTE
from taximeter.privacy import METADATA_ONLY, Privacy
from taximeter.queue import BYTES_FULL, Queue
from taximeter.scrubber import Scrubber

_STEP_BYTES = MEBIBYTE // 4


class Packer:
    """Takes from the queue, encodes, and puts the lines into the outlet.

    Args:
        queue: Where events come from.
        outlet: Where lines go.
        event_max_bytes: The longest line that the outlet takes.
        share_bytes: What one lane may hold; no step encodes much more at once.
        ledger: Held while events move from one count to another.
        scrubber: Takes secrets out of events; None leaves them as they are.
        privacy: What of events may be kept.
    """

    def __init__(
        self,
        queue: Queue,
        outlet: Outlet,
        *,
        event_max_bytes: int,
        share_bytes: int,
        ledger: AbstractContextManager[object],
        scrubber: Scrubber | None = None,
        privacy: Privacy = METADATA_ONLY,
    ) -> None:
        self._queue = queue
        self._outlet = outlet
        self._event_max_bytes = event_max_bytes
        self._step_bytes = min(_STEP_BYTES, share_bytes)
        self._ledger = ledger
        self._scrubber = scrubber
        self._privacy = privacy
        self.taken = 0
        """Events taken from the queue so far."""
        self.unfit: dict[str, int] = {}
        """Of these, how many came to no sink's count, by reason."""
        self.passed = 0
        """Events that have come through in their order, into the outlet or the count of what is unfit."""
        self._in_hand: list[Event] = []
        self._usual_bytes = 0.0

    @property
    def waiting(self) -> int:
        """Events that are not encoded yet."""
        return len(self._queue) + len(self._in_hand)

    @property
    def holds(self) -> int:
        """Events taken that are not in the outlet yet."""
        return len(self._in_hand)

    def take(self, max_events: int) -> int:
        """Encode the oldest waiting events, fewer if they are large, and return how many there were."""
        with self._ledger:
            fresh = self._queue.take(max_events - len(self._in_hand))
            self._in_hand += fresh
            self.taken += len(fresh)
        lines = self._encode()
        with self._ledger:
            del self._in_hand[: len(lines)]
            self.passed += len(lines)
            for line in lines:
                if isinstance(line, str):
                    self.spoil(line, 1)
            self._outlet.put([line for line in lines if isinstance(line, bytes)])
        self.limit_queue()
        return len(lines)

    def limit_queue(self) -> None:
        """Let as many events wait as there are bytes left for, at the size that events have had of late."""
        if self._usual_bytes:
            room = int(self._outlet.room_bytes / self._usual_bytes) - len(self._in_hand)
            with self._ledger:
                refused = self._queue.limit(room)
                self.taken += refused
                self.spoil(BYTES_FULL, refused)

    def let_go(self, reason: str) -> None:
        """Count what was in hand when encoding ended the thread."""
        with self._ledger:
            self.spoil(reason, len(self._in_hand))
            self._in_hand = []

    def give_up(self, reason: str) -> None:
        """Drop what waits anywhere: in the outlet's memory, and in hand and the queue where the outlet was blocked."""
        with self._ledger:
            self.spoil(reason, self._outlet.abandon(reason))
            left = self._queue.take(len(self._queue))
            self.taken += len(left)
            self.spoil(reason, len(self._in_hand) + len(left))
            self._in_hand = []

    def spoil(self, reason: str, n: int) -> None:
        """Count *n* events taken from the queue that came to no sink's count; the ledger is held."""
        if n:
            self.unfit[reason] = self.unfit.get(reason, 0) + n

    def _encode(self) -> list[bytes | str]:
        """Encode what is in hand, as far as one step goes, and learn from it how large events are."""
        lines: list[bytes | str] = []
        size_bytes = 0
        for event in self._in_hand:
            line = line_of(event, self._event_max_bytes, self._scrubber, self._privacy)
            lines.append(line)
            size_bytes += self._event_max_bytes if line == TOO_LARGE else len(line)
            if size_bytes > self._step_bytes:
                break
        if lines:
            mean_bytes = size_bytes / len(lines)
            self._usual_bytes += (mean_bytes - self._usual_bytes) / (4 if self._usual_bytes else 1)
        return lines
