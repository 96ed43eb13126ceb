"""Trace context: who called, in the headers that W3C has for it, read strictly and written within their bounds.

Documented (2026-11) at www.w3.org/TR/trace-context-2 (traceparent) and www.w3.org/TR/baggage (baggage).
"""

import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple
from urllib.parse import quote, unquote

SAMPLED = "01"

_TRACEPARENT = re.compile(
    r"(?P<version>[0-9a-f]{2})-(?P<trace>[0-9a-f]{32})-(?P<span>[0-9a-f]{16})-(?P<flags>[0-9a-f]{2})(?P<more>-.*)?"
)
_KEY = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 7230: token
_VALUE = re.compile(
    r"[\x21\x23-\x2b\x2d-\x3a\x3c-\x5b\x5d-\x7e]*"
)  # no space, quote, comma, semicolon, backslash

BAGGAGE_LIMIT_BYTES = 8192
BAGGAGE_LIMIT_MEMBERS = 64


class SpanContext(NamedTuple):
    """A span somewhere else: its trace (32 hex digits), itself (16) and W3C's flags (2)."""

    trace_id: str
    span_id: str
    flags: str = SAMPLED


def read_traceparent(text: str) -> SpanContext | None:
    """Return the caller's span; None for anything that the standard tells to pass over."""
    match = _TRACEPARENT.fullmatch(text.strip(" \t"))
    if match is None or match["version"] == "ff" or (match["version"] == "00" and match["more"]):
        return None
    if not (match["trace"].strip("0") and match["span"].strip("0")):
        return None
    return SpanContext(match["trace"], match["span"], match["flags"])


def write_traceparent(span: SpanContext) -> str | None:
    """Return the header's value; None where an id is none of W3C's."""
    text = f"00-{span.trace_id}-{span.span_id}-{span.flags}"
    return text if read_traceparent(text) == span else None


def read_baggage(text: str) -> dict[str, str]:
    """Return the members by key, properties left out; malformed ones are passed over, of two with one key the last counts."""
    if len(text) > BAGGAGE_LIMIT_BYTES:
        text = text[:BAGGAGE_LIMIT_BYTES].rpartition(",")[0]
    members = {}
    for member in text.split(","):
        key, equals, value = member.partition(";")[0].partition("=")
        key, value = key.strip(" \t"), value.strip(" \t")
        if equals and _KEY.fullmatch(key) and _VALUE.fullmatch(value):
            members[key] = unquote(value)
    return members


def write_baggage(members: Mapping[str, str]) -> str:
    """Return the header's value; what goes beyond the standard's bounds, or has no token as its key, is left out."""
    return ",".join(_within_bounds(members))


def _within_bounds(members: Mapping[str, str]) -> Iterator[str]:
    written, room = 0, BAGGAGE_LIMIT_BYTES
    for key, value in members.items():
        member = f"{key}={quote(value, safe='', errors='replace')}"
        if written < BAGGAGE_LIMIT_MEMBERS and len(member) <= room and _KEY.fullmatch(key):
            written += 1
            room -= len(member) + 1
            yield member
