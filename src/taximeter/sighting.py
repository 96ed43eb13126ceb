"""Sighting: a call that two layers have seen, each by itself, told by what both know of it.

Layers that are around a call while it begins use an `Observation`. A stream may be wrapped when its call, of a client that
is metered too, is long under way; then wire and wrapper each make an event. The second is dropped: it has the same
response id, comes from the other layer, was under way at the same time and counted the same tokens. A response id alone
would not do, because some gateways give the same one to every answer; each sighting is matched once.
"""

from collections import deque
from contextlib import suppress
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

from taximeter.event import TaskCompletionEvent
from taximeter.vocabulary import UsageStatus

REMEMBERED = 256  # calls whose other sighting may still come
SLACK_US = 1_000_000  # by how much the two may miss each other


class _Sighting(NamedTuple):
    layer: str
    response_id: str
    begun_us: int
    ended_us: int
    tokens: tuple[int | None, int | None]

    def is_of(self, other: "_Sighting") -> bool:
        """Whether the two are one call, seen from two layers."""
        return (
            self.response_id == other.response_id
            and self.layer != other.layer
            and self.begun_us <= other.ended_us + SLACK_US
            and other.begun_us <= self.ended_us + SLACK_US
            and all(
                mine == theirs or None in (mine, theirs)
                for mine, theirs in zip(self.tokens, other.tokens, strict=True)
            )
        )


_watched: "WeakKeyDictionary[Any, deque[_Sighting]]" = WeakKeyDictionary()


def watch(tracker: Any) -> None:
    """Remember from now on which calls of *tracker* were seen; nothing is, as long as no layer asks for it."""
    with suppress(TypeError):  # a tracker of somebody's own that cannot be referred to weakly
        _watched.setdefault(tracker, deque(maxlen=REMEMBERED))


def is_repeat(tracker: Any, event: TaskCompletionEvent, layer: str) -> bool:
    """Return whether another layer has made an event of this call already; else remember it.

    Args:
        tracker: Whose events are meant.
        event: The event that would be tracked.
        layer: Who made it: events of one layer are never taken for each other.
    """
    seen = _watched.get(tracker) if _watched else None
    if seen is None or event.provider_response_id is None:
        return False
    sighting = _sighting(event, event.provider_response_id, layer)
    for other in list(seen):
        if other.is_of(sighting):
            with suppress(ValueError):  # another thread has just matched it
                seen.remove(other)
                return True
    seen.append(sighting)
    return False


def _sighting(event: TaskCompletionEvent, response_id: str, layer: str) -> _Sighting:
    counted = event.usage_status == UsageStatus.REPORTED  # estimates of the same text may differ
    return _Sighting(
        layer,
        response_id,
        event.started_at_us,
        event.started_at_us + int((event.task_duration_ms or 0.0) * 1000),
        (event.actual_input_tokens, event.actual_output_tokens) if counted else (None, None),
    )
