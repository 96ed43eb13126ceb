"""Alarm: one warning a minute about what goes wrong, through the standard logging module."""

import logging
from collections.abc import Callable
from time import monotonic

from taximeter.health import Watch
from taximeter.receipt import Receipt
from taximeter.scrubber import Scrubber

logger = logging.getLogger("taximeter")

_WARN_EVERY_S = 60.0
_LOOK_EVERY_S = 1.0
_scrubber = Scrubber()


class Alarm:
    """Compares receipts and speaks up when losses or failed attempts have grown.

    Args:
        receipt: Returns the counts of the moment.
        watch: Is shown them too.
    """

    def __init__(self, receipt: Callable[[], Receipt], watch: Watch) -> None:
        self._receipt = receipt
        self._watch = watch
        self._look_at = 0.0
        self._warn_at = 0.0
        self._warned_of = 0

    def look(self, *, at_once: bool = False) -> None:
        """Warn if something has gone wrong since the last warning and a minute has passed, or *at_once*."""
        now = monotonic()
        if now < self._look_at and not at_once:
            return
        self._look_at = now + _LOOK_EVERY_S
        receipt = self._receipt()
        self._watch.see(receipt)
        failed_attempts = sum(sink.failed_attempts for sink in receipt.sinks.values())
        trouble = sum(receipt.lost.values()) + failed_attempts - _wanted(receipt)
        if trouble > self._warned_of and (now >= self._warn_at or at_once):
            self._warned_of = trouble
            self._warn_at = now + _WARN_EVERY_S
            warn(_trouble(receipt))


def _wanted(receipt: Receipt) -> int:
    """Return how many of the lost events, added up by sink, the application itself has dropped."""
    return receipt.dropped.get("redacted", 0) * len(receipt.sinks)


def warn(text: str) -> None:
    """Log a warning of one line without secrets, whatever names it quotes and whatever the host's handlers do."""
    text = _scrubber.text(text)
    try:
        logger.warning("taximeter: %s", text if text.isprintable() else ascii(text))
    except Exception:  # a handler that raises is the host's own affair
        return


def _trouble(receipt: Receipt) -> str:
    parts = [_counts("events dropped", receipt.dropped)]
    for name, sink in receipt.sinks.items():
        parts.append(_counts(f"events dropped for sink {name}", sink.dropped))
        if sink.breaker == "denied":
            parts.append(f"sink {name} does not let us in, until somebody mends that")
        if sink.last_error:
            parts.append(f"sink {name} failed {sink.failed_attempts} times, last with {sink.last_error}")
    return "; ".join(filter(None, parts))


def _counts(what: str, by_reason: dict[str, int]) -> str:
    reasons = ", ".join(f"{reason}={lost}" for reason, lost in by_reason.items())
    return f"{what}: {reasons}" if reasons else ""
