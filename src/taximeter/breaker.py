"""Breaker: when a sink that fails may be tried again."""

from enum import StrEnum
from math import inf
from random import Random

_FIRST_WAIT_S = 0.05
_OPENS_AFTER = 5
_FIRST_OPEN_WAIT_S = 1.0
_LONGEST_OPEN_WAIT_S = 10.0
_FIRST_DENIED_WAIT_S = 30.0
_LONGEST_DENIED_WAIT_S = 300.0


class State(StrEnum):
    """How a sink stands."""

    CLOSED = "closed"
    """It works, or has not failed often enough."""
    OPEN = "open"
    """It has failed five times in a row, and is left alone for a while."""
    HALF_OPEN = "half_open"
    """One attempt is being made to see whether it works again."""
    DENIED = "denied"
    """It does not let us in."""


class Breaker:
    """Spreads attempts with jitter: soon after the first failures, seconds apart after many, minutes when denied.

    Times are those of any clock that the caller keeps to.

    Args:
        longest_open_wait_s: The longest wait after failures.
        longest_asked_s: The longest wait that the sink may ask for.
    """

    def __init__(self, *, longest_open_wait_s: float = inf, longest_asked_s: float = 300.0) -> None:
        self.state = State.CLOSED
        self._longest_open_wait_s = min(longest_open_wait_s, _LONGEST_OPEN_WAIT_S)
        self._longest_asked_s = longest_asked_s
        self._failures = 0
        self._denials = 0
        self._not_before = -inf
        self._asked_until = -inf
        self._random = Random()  # noqa: S311 - spreads retries; one of our own because hosts seed the global one

    def wait_s(self, now: float) -> float:
        """Return how long no attempt may be made."""
        return max(self._not_before - now, 0.0)

    def begin(self) -> None:
        """Hear that an attempt is made."""
        if self.state is State.OPEN:
            self.state = State.HALF_OPEN

    def succeed(self) -> None:
        """Hear that the sink has answered as it should, be it that it took nothing."""
        self.state = State.CLOSED
        self._failures = self._denials = 0
        self._not_before = self._asked_until = -inf

    def fail(self, now: float, asked_s: float | None = None) -> None:
        """Hear that an attempt failed; *asked_s* is how long the sink asked us to wait."""
        self._failures += 1
        self._denials = 0
        opened_for = self._failures - _OPENS_AFTER
        if opened_for < 0:
            self.state = State.CLOSED
            wait_s = self._random.uniform(0, _FIRST_WAIT_S * 2 ** (self._failures - 1))  # full jitter
        else:
            self.state = State.OPEN
            wait_s = self._spread(_FIRST_OPEN_WAIT_S, opened_for, self._longest_open_wait_s)
        self._asked_until = now + self._sane(asked_s) * self._random.uniform(1.0, 1.1)
        self._not_before = max(now + wait_s, self._asked_until)

    def deny(self, now: float) -> None:
        """Hear that the sink does not let us in."""
        self.state = State.DENIED
        self._not_before = now + self._spread(_FIRST_DENIED_WAIT_S, self._denials, _LONGEST_DENIED_WAIT_S)
        self._denials += 1

    def hurry(self) -> None:
        """Wait no longer than the sink asked for: this is the last occasion."""
        self._not_before = self._asked_until

    def _spread(self, first_s: float, doublings: int, longest_s: float) -> float:
        wait_s = min(first_s * 2 ** min(doublings, 20), longest_s)
        return self._random.uniform(wait_s / 2, wait_s)

    def _sane(self, asked_s: object) -> float:
        """Return a wait that can be kept, whatever a server has sent: below zero, no number, a thousand years."""
        if not isinstance(asked_s, int | float) or not asked_s > 0:
            return 0.0
        return min(asked_s, self._longest_asked_s)
