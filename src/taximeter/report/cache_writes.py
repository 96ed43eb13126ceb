"""Cache writes: which of them were read again in their lifetime, as far as counts of tokens tell.

A provider's cache holds prefixes. A call that reads 10,000 tokens from it and writes 500 has made the prefix longer, from
10,000 to 10,500; a later call that reads 10,200 has read the first 200 of those. So a write is a stretch of a prefix, and how
far a read goes says which stretches it has used. Events do not say which prefix a call had: calls of one model, agent and
session are taken to share theirs, so that of several prefixes side by side too much seems read, never too little.
"""

from collections.abc import Iterator

import msgspec

from taximeter.event import TaskCompletionEvent

_MINUTE_US = 60_000_000
_SHORT_US = 5 * _MINUTE_US
_LONG_US = 60 * _MINUTE_US

Unread = tuple[TaskCompletionEvent, int, int]
"""The call that wrote, how many of its tokens nobody read, and how many it wrote."""


class _Stretch(msgspec.Struct):
    event: TaskCompletionEvent
    start: int
    end: int
    lifetime_us: int
    expires_us: int
    counts: bool
    read_to: int = 0

    @property
    def unread(self) -> Unread | None:
        tokens = self.end - max(self.start, min(self.read_to, self.end))
        return (self.event, tokens, self.end - self.start) if tokens and self.counts else None


class CacheWrites:
    """Follows writes until they are read or expire. Takes calls in the order of time."""

    def __init__(self) -> None:
        self._alive: dict[tuple[str | None, ...], list[_Stretch]] = {}

    def add(self, event: TaskCompletionEvent, *, counts: bool = True) -> Iterator[Unread]:
        """Take in a call, and yield the writes of its model, agent and session that expired before it.

        Args:
            event: The call.
            counts: Whether its own write is of interest.
        """
        read = event.cache_read_tokens or 0
        written = (event.cache_write_5m_tokens or 0) + (event.cache_write_1h_tokens or 0)
        if not read and not written:
            return
        key = (event.provider, event.model or event.requested_model, event.agent, event.session)
        alive = self._alive.setdefault(key, [])
        yield from _expire(alive, event.started_at_us)
        for stretch in alive:
            if stretch.start < read:  # a read makes what it reads live on
                stretch.read_to = max(stretch.read_to, read)
                stretch.expires_us = event.started_at_us + stretch.lifetime_us
        if written:
            lifetime_us = _LONG_US if event.cache_write_1h_tokens else _SHORT_US
            expires_us = event.started_at_us + lifetime_us
            alive.append(_Stretch(event, read, read + written, lifetime_us, expires_us, counts))

    def expired(self, until_us: int) -> Iterator[Unread]:
        """Yield the writes that expired before a moment; what lives longer may be read yet."""
        for alive in self._alive.values():
            yield from _expire(alive, until_us)


def _expire(alive: list[_Stretch], at_us: int) -> Iterator[Unread]:
    for stretch in alive:
        if stretch.expires_us < at_us and (unread := stretch.unread) is not None:
            yield unread
    alive[:] = [stretch for stretch in alive if stretch.expires_us >= at_us]
