"""The call log sink: the moments of calls as lines that pipelines with an `events.ndjson` of their own read already.

A line is `{event_id, run_id, ts, type, payload, trace_id, span_id, parent_span_id}` with an ISO time, and a payload whose
cost is in dollars. Only calls' beginnings and ends are written; the calls' own events are for other sinks.
"""

import os
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from taximeter.event import CallFailedEvent, CallFinishedEvent, CallStartedEvent
from taximeter.sinks.batch import Batch, batch_of
from taximeter.sinks.ndjson import NdjsonSink

CallMoment = CallStartedEvent | CallFinishedEvent | CallFailedEvent

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FIELDS = {
    CallStartedEvent: ("call_id", "model", "temperature", "max_tokens", "prompt_hash", "evidence_path"),
    CallFinishedEvent: ("call_id", "latency_ms", "token_usage", "finish_reason", "output_hash"),
    CallFailedEvent: (
        "call_id",
        "latency_ms",
        "error_class",
        "error_summary",
        "retryable",
        "error_details",
    ),
}


class CallLogSink:
    """Appends to a file, which other programs may append to as well.

    Args:
        path: The file.
        name: How receipts call this sink; None means the file's name.
    """

    def __init__(self, path: str | os.PathLike[str], *, name: str | None = None) -> None:
        self._file = NdjsonSink(path, name=name)
        self.name = self._file.name
        self._batch: Batch | None = None
        self._lines = batch_of([])

    @property
    def is_open(self) -> bool:
        """Whether there is a file to close."""
        return self._file.is_open

    async def write(self, batch: Batch) -> None:
        """Append a line for each moment of a call that is not written yet."""
        if batch is not self._batch:
            moments = (event for event in batch.events if isinstance(event, CallMoment))
            self._batch, self._lines = batch, batch_of(list(map(log_line, moments)))
        await self._file.write(self._lines)

    async def aclose(self) -> None:
        """Close the file."""
        await self._file.aclose()

    def forget(self) -> None:
        """Open a file of our own in a forked child."""
        self._file.forget()


def log_line(event: CallMoment) -> bytes:
    """Return the event as a line, without its end; what is not known is null, and left out of the payload."""
    return msgspec.json.encode(
        {
            "event_id": event.event_id,
            "run_id": event.run_id,
            "ts": (_EPOCH + timedelta(microseconds=event.ts_us)).isoformat(),
            "type": event.__struct_config__.tag,
            "payload": _payload(event),
            "trace_id": event.trace_id,
            "span_id": event.span_id,
            "parent_span_id": event.parent_span_id,
        }
    )


def _payload(event: CallMoment) -> dict[str, Any]:
    payload = {name: getattr(event.payload, name) for name in _FIELDS[type(event)]}
    if isinstance(event, CallFinishedEvent):
        payload["api_cost_usd"] = usd_of(event.payload.api_cost_usd_nanos)
    return {name: value for name, value in payload.items() if value is not None}


def usd_of(nanos: int | None) -> msgspec.Raw | None:
    """Return an amount as a JSON number of dollars, to the last digit that it has; None where it is not known."""
    if nanos is None:
        return None
    whole, fraction = divmod(nanos, 1_000_000_000)
    return msgspec.Raw(f"{whole}.{fraction:09d}".encode())
