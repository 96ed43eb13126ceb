"""Recorder: the tracker as metered clients see it, with the choices made for them."""

from contextlib import suppress
from typing import Any, Protocol

import msgspec


class Tracks(Protocol):
    """What metering needs of a tracker."""

    @property
    def events(self) -> Any:
        """The builder that makes events of facts."""

    def track_task_completion(self, event: Any, /) -> bool:
        """Take an event over; never raises, never blocks."""

    def count_loss(self, reason: str, n: int = 1) -> None:
        """Count what was lost here."""


class Recorder(msgspec.Struct, frozen=True):
    """Where calls are recorded, and how.

    `invisible_usage`: ask for a stream's usage where the provider counts only for those who ask, and take the extra
    event out again. `run_id`: the run of calls whose scope names none. `unasked`: servers found not to know the
    option that asks for the usage, or to tell without it; they are not asked again.
    """

    tracker: Tracks
    invisible_usage: bool = True
    run_id: str | None = None
    unasked: set[bytes] = msgspec.field(default_factory=set)

    def warm_up(self) -> None:
        """Load the price table now, which takes 20 ms, and not while the first call is being answered."""
        with suppress(Exception):  # a tracker without a builder is noticed, and counted, with its first event
            _ = self.tracker.events

    def count_capture_error(self) -> None:
        """Count a call whose metering failed; a tracker that is broken itself must not reach the application."""
        with suppress(Exception):
            self.tracker.count_loss("capture_error")
