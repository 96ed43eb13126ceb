"""What memory promises on top of the contract."""

import pytest

from sink_doubles import batch, numbered
from taximeter.errors import ConfigurationError
from taximeter.sinks.memory import MemorySink


@pytest.mark.anyio
async def test_the_newest_events_are_kept() -> None:
    """Older ones make room."""
    sink = MemorySink(max_events=3)
    events = numbered(5)
    await sink.write(batch(*events))
    assert sink.events == tuple(events[2:])


@pytest.mark.anyio
async def test_a_child_process_starts_empty() -> None:
    """What the parent was told is not the child's."""
    sink = MemorySink()
    await sink.write(batch(*numbered(1)))
    sink.forget()
    assert sink.events == ()


def test_room_for_nothing_is_refused() -> None:
    """A bound below one is a mistake."""
    with pytest.raises(ConfigurationError, match="max_events=0"):
        MemorySink(max_events=0)
