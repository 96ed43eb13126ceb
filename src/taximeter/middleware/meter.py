"""Meter: what all calls of one metered object share."""

import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

import msgspec

from taximeter.event import TaskCompletionEvent
from taximeter.middleware.adapter import Adapter
from taximeter.middleware.answer import Read
from taximeter.pricing import Override
from taximeter.sinks.log import log_line

logger = logging.getLogger("taximeter")


class Meter(msgspec.Struct, frozen=True, kw_only=True):
    """Where the calls of one object are recorded, and how.

    `tracker` and `level` are None where events go to no tracker and no log. `builder` makes events at the tracker's
    prices. `adapters` are those who may answer, the first being the one meant to.
    """

    tracker: Any
    builder: Callable[[], Any]
    prices: tuple[Override, ...]
    adapters: Sequence[Adapter]
    read: Read | None
    level: int | None
    logger: logging.Logger

    def track(self, event: TaskCompletionEvent) -> None:
        """Hand an event over."""
        if self.tracker is not None:
            self.tracker.track_task_completion(event)

    def log(self, event: TaskCompletionEvent) -> None:
        """Write the line of a call."""
        if self.level is not None and self.logger.isEnabledFor(self.level):
            self.logger.log(self.level, "%s", log_line(event))

    def count_error(self, error: Exception) -> None:
        """Count a call whose metering failed, and keep whatever is wrong away from the application."""
        logger.debug("taximeter: a call could not be metered: %s", type(error).__name__)
        with suppress(Exception):
            if self.tracker is not None:
                self.tracker.count_loss("capture_error")
