"""A tracker that keeps what it is given in lists."""

from collections import Counter
from typing import Any

from taximeter.builder import EventBuilder
from taximeter.event import TaskCompletionEvent

_BUILDER = EventBuilder()


class ListTracker:
    """Takes everything and loses nothing; `losses` counts what it is told of."""

    def __init__(self) -> None:
        self.tracked: list[TaskCompletionEvent] = []
        self.losses: Counter[str] = Counter()
        self.hosts: dict[str, str] = {}

    @property
    def events(self) -> EventBuilder:
        """The real builder."""
        return _BUILDER

    def track_task_completion(self, event: TaskCompletionEvent, /) -> bool:
        """Keep the event."""
        self.tracked.append(event)
        return True

    def count_loss(self, reason: str, n: int = 1) -> None:
        """Keep the count."""
        self.losses[reason] += n

    @property
    def event(self) -> TaskCompletionEvent:
        """The one event; there must be no other, and nothing lost."""
        (event,) = self.tracked
        assert not self.losses
        return event


class BrokenTracker:
    """Raises whatever it is asked."""

    @property
    def events(self) -> Any:
        """Raise."""
        raise RuntimeError("no builder here")

    def track_task_completion(self, event: Any, /) -> bool:
        """Raise."""
        raise RuntimeError("no events here")

    def count_loss(self, reason: str, n: int = 1) -> None:
        """Raise."""
        raise RuntimeError("no losses here")
