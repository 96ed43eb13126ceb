"""Queue: where events wait for the flusher; bounded, without a lock, never raising."""

from collections import deque
from collections.abc import Callable, MutableSequence

from taximeter.event import Event
from taximeter.losses import Losses

QUEUE_FULL = "queue_full"
BYTES_FULL = "bytes_full"


class Queue:
    """Any thread puts in, one takes out. Appending to and popping from a deque are atomic, which is all it stands on.

    Args:
        max_events: How many may wait.
        mark: Its first item is 0 in a forked child (see `fork_mark`).
        reconsider: Decides about an event while the queue is shut or another process's.
    """

    __slots__ = ("_append", "_events", "_limit", "_mark", "_max_events", "_reconsider", "_room", "losses")

    def __init__(
        self, max_events: int, mark: MutableSequence[int], reconsider: Callable[[Event], bool]
    ) -> None:
        self._events: deque[Event] = deque()
        self._append = self._events.append
        self._max_events = max_events
        self._limit = max_events
        self._room = 0  # shut until somebody takes: one comparison then tells shut and full apart from open
        self._mark = mark
        self._reconsider = reconsider
        self.losses = Losses()
        """What never got in, by reason."""

    def offer(self, event: Event) -> bool:
        """Take the event in and return True, or let `reconsider` decide; while open and full, refuse it here.

        An outage can last, and calls that are refused must not take longer than others.
        """
        if len(self._events) >= self._room or not self._mark[0]:
            return self.admit(event) if self._room and self._mark[0] else self._reconsider(event)
        self._append(event)
        return True

    def admit(self, event: Event) -> bool:
        """Take the event in even while shut; False and a count when full."""
        waiting = len(self._events)
        if waiting >= self._limit:
            self.losses.add(QUEUE_FULL if waiting >= self._max_events else BYTES_FULL)
            return False
        self._append(event)
        return True

    def open(self) -> None:
        """Let events in without further questions, up to the bound."""
        self._room = self._limit

    def limit(self, events: int) -> int:
        """Let at most so many wait from now on; return how many of the newest had to go for it. For one thread only.

        One may always wait, so that there is a next event to learn from.
        """
        self._limit = max(min(events, self._max_events), 1)
        if self._room:
            self._room = self._limit
        too_many = max(len(self._events) - self._limit, 0)
        for _ in range(too_many):
            self._events.pop()
        return too_many

    def shut(self) -> None:
        """Ask `reconsider` about every event from now on."""
        self._room = 0

    def take(self, max_events: int) -> list[Event]:
        """Remove and return the oldest events, at most so many; for one thread only."""
        popleft = self._events.popleft
        return [popleft() for _ in range(min(max_events, len(self._events)))]

    def __len__(self) -> int:
        return len(self._events)
