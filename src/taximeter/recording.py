"""Recordings: interactions kept as lines of JSON, and the events they become."""

import binascii
from base64 import b64decode
from datetime import UTC, datetime
from time import time_ns
from typing import Any

import msgspec

from taximeter.builder import EventBuilder
from taximeter.errors import TaximeterError
from taximeter.event import TaskCompletionEvent
from taximeter.providers import Endpoint, Reading, identify
from taximeter.providers.directory import FORMATS
from taximeter.scopes import NOBODY


class UnreadableRecordingError(TaximeterError):
    """A line that is no recording; the message says why and never repeats the content."""


class Recording(msgspec.Struct, kw_only=True, frozen=True):
    """One request and its response, as a test recorder or a proxy keeps them; other fields are passed over."""

    url: str
    """The scheme may be missing; empty where only `api` is known, as for a recorded socket."""
    id: str | int | None = None
    method: str = "POST"
    request: Any = None
    """The request's body, decoded."""
    status: int = 200
    response_headers: dict[str, str | int | float | None] = {}
    response_text: str | None = None
    """The response's body, decompressed."""
    response_b64: str | None = None
    """The same in base64, where it is no text."""
    provider: str | None = None
    api: str | None = None
    """The wire format; read only where there is no URL."""
    started_at_us: int | None = None
    """Unix time, UTC, microseconds."""
    started_at: datetime | None = None
    duration_ms: float | None = None


class Replayed(msgspec.Struct, frozen=True):
    """What a recording turned into: no event where it is no inference."""

    event: TaskCompletionEvent | None = None
    unparsed: int = 0
    """Pieces of the response that no parser understood."""


NOT_AN_INFERENCE = Replayed()
_decoder = msgspec.json.Decoder(Recording)


def read_recording(line: bytes) -> Recording:
    """Read one line.

    Raises:
        UnreadableRecordingError: The line is no recording.
    """
    try:
        recording = _decoder.decode(line)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise UnreadableRecordingError(f"not a recording: {error}") from error
    if recording.response_text is None and recording.response_b64 is None:
        raise UnreadableRecordingError("not a recording: neither `response_text` nor `response_b64`")
    return recording


def replay_recording(recording: Recording, builder: EventBuilder) -> Replayed:
    """Read the recorded bytes as the meter would have read them, and build the call's event.

    The event carries the recording's id as its tag `replay_id`. Without a time of its own it counts as made now, and
    is priced so.

    Raises:
        UnreadableRecordingError: The body is not the base64 it claims to be.
    """
    body = _body(recording)
    endpoint = _endpoint(recording)
    if endpoint is None:
        return NOT_AN_INFERENCE
    reading = Reading(endpoint, _request_body(recording.request))
    headers = {name: str(value) for name, value in recording.response_headers.items()}
    reading.respond(recording.status, headers)
    reading.feed(body)
    facts = reading.finish()
    event = builder.from_facts(
        facts,
        scope=NOBODY,
        started_at_us=_started_at_us(recording),
        task_duration_ms=recording.duration_ms,
        tags=None if recording.id is None else {"replay_id": str(recording.id)},
    )
    return Replayed(event, reading.unparsed)


def _endpoint(recording: Recording) -> Endpoint | None:
    if recording.url or recording.api not in FORMATS:
        return identify(recording.method, recording.url)
    return Endpoint(
        provider=recording.provider or "unknown",
        wire_format=recording.api,
        operation=FORMATS[recording.api].operation,
    )


def _body(recording: Recording) -> bytes:
    if recording.response_b64 is None:
        return (recording.response_text or "").encode()
    try:
        return b64decode(recording.response_b64, validate=True)
    except (binascii.Error, ValueError) as error:
        raise UnreadableRecordingError(f"not a recording: `response_b64`: {error}") from error


def _request_body(request: Any) -> bytes | dict[str, Any] | None:
    if request is None or isinstance(request, dict):
        return request
    return request.encode() if isinstance(request, str) else msgspec.json.encode(request)


def _started_at_us(recording: Recording) -> int:
    if recording.started_at_us is not None:
        return recording.started_at_us
    if recording.started_at is None:
        return time_ns() // 1000
    at = recording.started_at
    return int((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() * 1_000_000)
