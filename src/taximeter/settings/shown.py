"""Shown: a value as it may stand on a screen or in an error, without secrets."""

import re
from typing import Any
from urllib.parse import urlsplit

from taximeter.scrubber import REDACTED, Scrubber
from taximeter.sinks.table import CREDENTIALS

NOT_SHOWN = "(not shown)"

_scrubber = Scrubber()
_RANDOM = re.compile(r"(?=[^/]*[0-9])(?=[^/]*[A-Za-z])[A-Za-z0-9_~.-]{16,}")
"""A part of a path that nobody has thought of as a name: in addresses of hooks it is the key."""


def shown(value: Any, name: str = "") -> Any:
    """Return a value without what may be a secret in it, at its own or for its name."""
    if isinstance(value, str):
        if name and REDACTED in _scrubber.text(f"{name}={value}"):
            return NOT_SHOWN
        return _scrubber.text(_address(value) if "://" in value else CREDENTIALS.sub("", value))
    if isinstance(value, dict):
        return {key: shown(item, key) for key, item in value.items()}
    return [shown(item, name) for item in value] if isinstance(value, list | tuple) else value


def _address(text: str) -> str:
    """Leave out what an address may hold before its @, after its ? or #, and in random parts of its path."""
    try:
        parts = urlsplit(text)
    except ValueError:  # half a host in brackets
        return NOT_SHOWN
    path = "/".join(map(_part, parts.path.split("/"))) if parts.netloc else parts.path
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{path}"


def _part(part: str) -> str:
    return "..." if _RANDOM.fullmatch(part) else part
