"""Packer: events to lines, lines to frozen batches, batches to every lane."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from time import monotonic

from taximeter.encoding import TOO_LARGE, line_of
from taximeter.event import Event
from taximeter.lane import Lane
from taximeter.policy import MEBIBYTE, Policy
from taximeter.queue import BYTES_FULL, Queue
from taximeter.sinks.batch import batch_of

_BATCH_MAX_BYTES = 4 * MEBIBYTE
_STEP_BYTES = MEBIBYTE // 4


class Packer:
    """Takes from the queue in small steps and offers a batch to the lanes when it is large or old enough.

    Args:
        queue: Where events come from.
        lanes: Where batches go.
        policy: The bounds.
        share_bytes: What one lane may hold; no batch is larger.
        ledger: Held while events move from one count to another.
    """

    def __init__(
        self,
        queue: Queue,
        lanes: Sequence[Lane],
        policy: Policy,
        *,
        share_bytes: int,
        ledger: AbstractContextManager[object],
    ) -> None:
        self._queue = queue
        self._lanes = lanes
        self._policy = policy
        self._batch_max_bytes = min(_BATCH_MAX_BYTES, share_bytes)
        self._step_bytes = min(_STEP_BYTES, share_bytes)
        self._event_max_bytes = min(policy.max_event_bytes, share_bytes)
        self._ledger = ledger
        self.taken = 0
        """Events taken from the queue so far."""
        self.unfit: dict[str, int] = {}
        """Of these, how many no batch could hold, by reason."""
        self._in_hand: list[Event] = []
        self._usual_bytes = 0.0
        self._lines: list[bytes] = []
        self._bytes = 0
        self._begun_at = 0.0

    @property
    def waiting(self) -> int:
        """Events that are not encoded yet."""
        return len(self._queue) + len(self._in_hand)

    @property
    def holds(self) -> int:
        """Events taken that are in no batch yet."""
        return len(self._in_hand) + len(self._lines)

    def take(self, max_events: int) -> int:
        """Encode the oldest waiting events, fewer if they are large, and return how many there were."""
        with self._ledger:
            fresh = self._queue.take(max_events - len(self._in_hand))
            self._in_hand += fresh
            self.taken += len(fresh)
        lines = self._encode()
        with self._ledger:
            del self._in_hand[: len(lines)]
            for line in lines:
                if isinstance(line, str):
                    self._spoil(line, 1)
                else:
                    self._append(line)
        self.limit_queue()
        return len(lines)

    def limit_queue(self) -> None:
        """Let as many events wait as there are bytes left for, at the size that events have had of late."""
        if self._usual_bytes:
            held_bytes = self._bytes + sum(lane.held_bytes for lane in self._lanes)
            room = int((self._policy.max_bytes - held_bytes) / self._usual_bytes) - len(self._in_hand)
            with self._ledger:
                refused = self._queue.limit(room)
                self.taken += refused
                self._spoil(BYTES_FULL, refused)

    def cut(self, *, at_once: bool) -> None:
        """Send the open batch off if it is old enough, or *at_once*."""
        if self._lines and (at_once or monotonic() - self._begun_at >= self._policy.batch_max_age_s):
            with self._ledger:
                self._seal()

    def let_go(self, reason: str) -> None:
        """Count what was in hand when encoding ended the thread."""
        with self._ledger:
            self._spoil(reason, len(self._in_hand))
            self._in_hand = []

    def _encode(self) -> list[bytes | str]:
        """Encode what is in hand, as far as one step goes, and learn from it how large events are."""
        lines: list[bytes | str] = []
        size_bytes = 0
        for event in self._in_hand:
            line = line_of(event, self._event_max_bytes)
            lines.append(line)
            size_bytes += self._event_max_bytes if line == TOO_LARGE else len(line)
            if size_bytes > self._step_bytes:
                break
        if lines:
            mean_bytes = size_bytes / len(lines)
            self._usual_bytes += (mean_bytes - self._usual_bytes) / (4 if self._usual_bytes else 1)
        return lines

    def _append(self, line: bytes) -> None:
        if self._bytes + len(line) > self._batch_max_bytes:
            self._seal()
        if not self._lines:
            self._begun_at = monotonic()
        self._lines.append(line)
        self._bytes += len(line)
        if len(self._lines) >= self._policy.batch_max_events:
            self._seal()

    def _seal(self) -> None:
        if self._lines:
            batch = batch_of(self._lines)
            self._lines = []
            self._bytes = 0
            for lane in self._lanes:
                lane.offer(batch)

    def _spoil(self, reason: str, n: int) -> None:
        if n:
            self.unfit[reason] = self.unfit.get(reason, 0) + n
