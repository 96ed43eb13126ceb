"""What taximeter raises.

TaximeterError
├── ConfigurationError      a key, its value and what is allowed; raised at construction only
│   └── MissingExtraError   the optional dependency to install
└── UnreadableEventError    bytes that are no event of any known kind

Tracking itself raises none of these: what cannot be tracked is counted (see `Receipt.dropped`).
"""

from collections.abc import Iterable
from typing import Any


def one_of(word: object, allowed: Iterable[str]) -> str:
    """Return `one of a, b, c` for a `ConfigurationError`, with the nearest of them where the word looks like a slip."""
    from difflib import get_close_matches  # noqa: PLC0415 - only who makes a mistake pays for loading it

    names = list(allowed)
    nearest = get_close_matches(str(word), names, n=1)
    return f"one of {', '.join(names)}" + (f"; did you mean {nearest[0]!r}?" if nearest else "")


class TaximeterError(Exception):
    """Base of everything this library raises."""


class ConfigurationError(TaximeterError, ValueError):
    """A setting that cannot work; names the key, the value and what is allowed."""

    def __init__(self, key: str, value: Any, allowed: str) -> None:
        super().__init__(f"{key}={value!r}: must be {allowed}")
        self.key = key
        self.value = value
        self.allowed = allowed


class MissingExtraError(ConfigurationError):
    """A feature was asked for whose extra is not installed."""

    def __init__(self, feature: str, extra: str) -> None:
        super().__init__(feature, "not installed", f"installed with: pip install 'taximeter[{extra}]'")
        self.extra = extra


class UnreadableEventError(TaximeterError):
    """A line that is not an event; the message says why and never repeats the content."""
