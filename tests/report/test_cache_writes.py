"""Which cache writes were read again."""

from typing import Any

from event_samples import NOVEMBER_US, call
from taximeter.event import TaskCompletionEvent
from taximeter.report.cache_writes import CacheWrites

MINUTE_US = 60_000_000


def at(
    minute: float, *, read: int = 0, write: int = 0, hour_write: int = 0, **fields: Any
) -> TaskCompletionEvent:
    return call(
        started_at_us=NOVEMBER_US + int(minute * MINUTE_US),
        cache_read_tokens=read or None,
        cache_write_5m_tokens=write or None,
        cache_write_1h_tokens=hour_write or None,
        **fields,
    )


def unread(*events: TaskCompletionEvent, until: float = 1000) -> list[tuple[int, int]]:
    """Return which call wrote, by its place, and how many tokens nobody read."""
    writes = CacheWrites()
    found = [each for event in events for each in writes.add(event)]
    found += writes.expired(NOVEMBER_US + int(until * MINUTE_US))
    return [(events.index(event), tokens) for event, tokens, _ in found]


def test_a_write_that_is_read_in_its_lifetime_is_no_waste() -> None:
    """Five minutes, or an hour where it was asked for."""
    assert unread(at(0, write=100), at(4, read=100)) == []
    assert unread(at(0, write=100), at(6, read=100)) == [(0, 100)]
    assert unread(at(0, hour_write=100), at(59, read=100)) == []
    assert unread(at(0, hour_write=100), at(61, read=100)) == [(0, 100)]


def test_a_read_makes_what_it_reads_live_on() -> None:
    """Each read begins the lifetime anew."""
    assert unread(at(0, write=100), at(4, read=50), at(8, read=100)) == []


def test_a_conversation_wastes_only_its_last_write() -> None:
    """Each turn reads what the turns before it wrote, and adds its own."""
    turns = [at(0, write=100), at(1, read=100, write=50), at(2, read=150, write=70)]
    assert unread(*turns) == [(2, 70)]


def test_a_read_that_goes_less_far_leaves_the_rest() -> None:
    """A changed middle: what is behind it was written for nothing."""
    assert unread(at(0, write=100), at(1, read=30, write=80)) == [(0, 70), (1, 80)]


def test_other_models_agents_and_sessions_read_their_own() -> None:
    """Their caches hold other prefixes."""
    others: list[dict[str, Any]] = [{name: "x"} for name in ("model", "agent", "session", "provider")]
    for other in others:
        assert unread(at(0, write=100), at(1, read=100, **other)) == [(0, 100)]


def test_what_lives_longer_than_is_known_is_not_judged() -> None:
    """It may be read yet."""
    assert unread(at(0, write=100), until=5) == []
    assert unread(at(0, write=100), until=5.1) == [(0, 100)]
