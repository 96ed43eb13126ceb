"""Observation: a layer above the wire that meters the same call, so that the two make one event and not two.

`taximeter.call` and `taximeter.Metered` open one around what they meter::

    with Observation(tracker) as seen:
        answer = await inner.invoke(messages)
    if seen.calls:                      # the wire knows more than any wrapper: tokens, cost, who really answered
        event = seen.calls[-1].event

What the transport meters inside, the innermost open observation of the same tracker is handed in place of the tracker.
A call that ends after the observation has (a stream, read later) is tracked by the transport as if nothing were around
it; `unfinished` says how many those are. Observations nest, and a layer offers its own event to the one around it.
"""

from contextlib import suppress
from contextvars import ContextVar, Token
from typing import Any, NamedTuple, Self

from taximeter.allowance import Hold
from taximeter.event import TaskCompletionEvent
from taximeter.providers import Facts

CALL_LIMIT = 1000  # a layer that is around a whole program is none: beyond it the transport tracks by itself


class ObservedCall(NamedTuple):
    """A call as a layer below has seen it.

    `event` has tokens, cost and times and was not tracked, unless the observation left it to the layer below. `facts`
    is what it was made of, for those who price it themselves; None where that layer had none.
    """

    event: TaskCompletionEvent
    facts: Facts | None = None


class Observation:
    """Collects the calls that layers below have seen while it was open; a context manager, one stretch at a time.

    The calls of tasks and threads that inherit the context are seen too, from whatever thread they end in.

    Args:
        tracker: Whose events are meant: what other trackers record of the same calls they go on recording.
        takes: Whether this layer makes the event, and is handed those from below instead of the tracker. False leaves
            the events to the layer below and only shows them here: then this layer makes none where `calls` has some.
    """

    def __init__(self, tracker: Any, *, takes: bool = True) -> None:
        self.tracker = tracker
        self.takes = takes
        self.calls: list[ObservedCall] = []
        """What has ended, in this order."""
        self.begun = 0
        """How many calls have begun."""
        self.outer: Observation | None = None
        """The observation around this one."""
        self.hold: Hold | None = None
        """Money that this layer has set aside for the call."""
        self._is_open = False
        self._token: Token[Observation | None] | None = None

    @property
    def unfinished(self) -> int:
        """How many calls have begun and not ended; they will be tracked by the layer below when they do."""
        return self.begun - len(self.calls)

    def __enter__(self) -> Self:
        self.outer = _current.get()
        self._token = _current.set(self)
        self._is_open = True
        return self

    def __exit__(self, *_: object) -> None:
        self._is_open = False
        if self._token is not None:
            with suppress(
                ValueError
            ):  # left in another context than it was entered in; nothing of it is there
                _current.reset(self._token)

    def see(self, call: ObservedCall) -> bool:
        """Note the end of a call and return whether its event is this layer's from now on."""
        if not self._is_open or len(self.calls) >= CALL_LIMIT:
            return False
        self.calls.append(call)
        return self.takes


_current: ContextVar[Observation | None] = ContextVar("taximeter_observation", default=None)


def current_observation() -> Observation | None:
    """Return the innermost observation around the caller; a layer asks when a call begins and keeps the answer."""
    return _current.get()


def take_hold(innermost: Observation | None, tracker: Any) -> Hold | None:
    """Return the money that the nearest layer above has set aside for the call, which is the layer's own no more."""
    while innermost is not None:
        if innermost.tracker is tracker and innermost.hold is not None:
            hold, innermost.hold = innermost.hold, None
            return hold
        innermost = innermost.outer
    return None


def begin_in(innermost: Observation | None, tracker: Any, calls: int = 1) -> None:
    """Note in all observations of *tracker*, from *innermost* outwards, that a call has begun; -1 when it was none."""
    while innermost is not None:
        if innermost.tracker is tracker:
            innermost.begun += calls
        innermost = innermost.outer


def is_taken(innermost: Observation | None, tracker: Any, call: ObservedCall) -> bool:
    """Offer a call that has ended to the observations of *tracker*, from *innermost* outwards.

    Returns:
        Whether one of them has taken it over; else the caller tracks the event.
    """
    while innermost is not None:
        if innermost.tracker is tracker and innermost.see(call):
            return True
        innermost = innermost.outer
    return False
