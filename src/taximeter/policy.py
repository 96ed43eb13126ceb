"""Policy: how much may wait, for how long, and what leaves together."""

from math import isfinite
from typing import Any, TypedDict

import msgspec

from taximeter.errors import ConfigurationError

MEBIBYTE = 1 << 20

_OTHER_OPTIONS = (  # of `taximeter.start`, which stands above this file; a test compares them
    "catalog",
    "infer",
    "service",
    "forecast",
    "hosts",
    "journal",
    "sync",
    "write_through",
    "carry",
    "dead_letters",
    "scrub",
    "prices",
    "privacy",
    "redact",
    "content_limit",
    "budgets",
    "budget_file",
)
_SMALLEST_SEGMENT_BYTES = 4096
_JOURNAL_COUNTS = ("journal_max_bytes", "journal_segment_bytes")


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """The bounds of a tracker.

    Raises:
        ConfigurationError: A bound is not a number of its kind, or not positive.
    """

    max_events: int = 100_000
    """Events that may wait to be encoded; what comes on top is refused as `queue_full`."""
    max_bytes: int = 128 * MEBIBYTE
    """Encoded bytes that may wait for all sinks together; each sink may hold an equal share of it."""
    max_event_bytes: int = MEBIBYTE
    """The largest single event, encoded; what is larger is dropped as `too_large`."""
    batch_max_events: int = 500
    """A batch leaves when it holds this many ..."""
    batch_max_age_s: float = 0.5
    """... or when its first event has waited this long."""
    retry_budget_s: float = 30.0
    """Time for all attempts to write one batch, the waits between them included; without a journal it is then dropped."""
    close_timeout_s: float = 5.0
    """Time that `close`, `flush` and the end of the program may take where they are not given another."""
    journal_max_bytes: int = 1024 * MEBIBYTE
    """What the segments of a journal's folder may take on disk, those of all its processes together."""
    journal_segment_bytes: int = 8 * MEBIBYTE
    """The size of one of its files; a quarter of `journal_max_bytes` where that is less."""
    journal_retention_s: float = 7 * 86_400.0
    """How long a journal keeps events for a sink that nobody delivers to any more."""
    dead_letters_max_bytes: int = 64 * MEBIBYTE
    """How large the file of events that a sink has refused may become."""
    stalled_after_s: float = 60.0
    """A backlog of which nothing has been delivered for so long is bad health."""

    def __post_init__(self) -> None:
        for key in self.__struct_fields__:
            check = _check_seconds if key.endswith("_s") else _check_count
            check(key, getattr(self, key))
        for key in _JOURNAL_COUNTS:
            if getattr(self, key) < _SMALLEST_SEGMENT_BYTES:
                raise ConfigurationError(key, getattr(self, key), f"at least {_SMALLEST_SEGMENT_BYTES} bytes")
        if not self.retry_budget_s:
            raise ConfigurationError(
                "retry_budget_s", self.retry_budget_s, "more than 0, or nothing is ever tried"
            )


class Limits(TypedDict, total=False):
    """The fields of `Policy` as keyword arguments."""

    max_events: int
    max_bytes: int
    max_event_bytes: int
    batch_max_events: int
    batch_max_age_s: float
    retry_budget_s: float
    close_timeout_s: float
    journal_max_bytes: int
    journal_segment_bytes: int
    journal_retention_s: float
    dead_letters_max_bytes: int
    stalled_after_s: float


def policy_from(limits: Limits) -> Policy:
    """Return the policy with these limits, the rest at their defaults.

    Raises:
        ConfigurationError: A limit is unknown or cannot work.
    """
    for key, value in limits.items():
        if key not in Policy.__struct_fields__:
            names = ", ".join((*_OTHER_OPTIONS, *Policy.__struct_fields__))
            raise ConfigurationError(key, value, f"one of the options {names}")
    return Policy(**limits)


def _check_count(key: str, value: Any) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ConfigurationError(key, value, "a whole number of at least 1")


def _check_seconds(key: str, value: Any) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not isfinite(value) or value < 0:
        raise ConfigurationError(key, value, "a number of seconds, 0 or more")
