"""The memory sink: events kept in a list, for tests and notebooks."""

from taximeter.errors import ConfigurationError
from taximeter.event import Event
from taximeter.sinks.batch import Batch


class MemorySink:
    """Keeps the newest events of this process.

    Args:
        max_events: How many are kept; older ones make room.
    """

    def __init__(self, *, max_events: int = 100_000, name: str = "memory") -> None:
        if max_events < 1:
            raise ConfigurationError("max_events", max_events, "a whole number of at least 1")
        self.name = name
        self._max_events = max_events
        self._events: dict[str, Event] = {}

    @property
    def events(self) -> tuple[Event, ...]:
        """What has been delivered, oldest first."""
        return tuple(self._events.copy().values())

    async def write(self, batch: Batch) -> None:
        """Keep the events that are not there yet."""
        for event in batch.events:
            self._events.setdefault(event.event_id, event)
        while len(self._events) > self._max_events:
            del self._events[next(iter(self._events))]

    async def aclose(self) -> None:
        """Do nothing: what was kept can still be read."""

    def forget(self) -> None:
        """Start empty in a forked child."""
        self._events = {}
