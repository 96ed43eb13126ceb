"""Run requests: what a telemetry service of runs is told of each event.

`POST /api/v1/runs` begins a run, `PATCH /api/v1/runs/{event_id}` ends it. A call is a run of its own, `llm_call`, below the
run that it was made in. Its `event_id` comes from the call's span, so all events of a call lead to the same run, and a
request that is sent twice changes nothing.
"""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid5

import msgspec

from taximeter.call_moments import FAILED, token_usage
from taximeter.event import (
    CallContentEvent,
    CallFailedEvent,
    CallFailedPayload,
    CallFinishedEvent,
    CallStartedEvent,
    Event,
    RunFinishedEvent,
    RunStartedEvent,
    TaskCompletionEvent,
)
from taximeter.sinks.call_log import usd_of
from taximeter.vocabulary import Outcome

_NAMESPACE = UUID("0b9b1f0c-5f0e-5c1e-9a55-6d2f8c3b7a10")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class RunRequests(msgspec.Struct, frozen=True):
    """What to send for one event, both to the same run."""

    begin: dict[str, Any] | None = None
    """What begins the run; None where it has begun."""
    end: dict[str, Any] | None = None
    """What ends it; None where it goes on."""


def requests_of(event: Event) -> RunRequests:
    """Return what the service is told of an event; a call that nobody saw begin begins and ends at once."""
    if isinstance(event, TaskCompletionEvent):
        return RunRequests(_begin_of_whole(event), _end_of_whole(event))
    if isinstance(event, CallStartedEvent):
        return RunRequests(_begin_of_call(event, _time(event.ts_us)))
    if isinstance(event, RunStartedEvent):
        return RunRequests(_begin_of_run(event))
    if isinstance(event, CallContentEvent):
        return RunRequests()  # the service knows runs, and nothing of what is said in them
    return RunRequests(end=_end_of(event))


def begin_after_all(event: Event) -> dict[str, Any] | None:
    """Return what begins the run of an event that ends it, for a service that does not know it; None for others."""
    if isinstance(event, CallFinishedEvent | CallFailedEvent):
        return _begin_of_call(event, _time(event.ts_us - int((event.payload.latency_ms or 0) * 1000)))
    if isinstance(event, RunFinishedEvent):
        name = event.payload.name
        start = _time(event.ts_us - int((event.payload.duration_ms or 0) * 1000))
        return {**_begin(event, event.run_id, start), "agent_name": name, "job_type": name or "run"}
    return None


def run_key(event: Event) -> str:
    """Return the `event_id` of the run that an event belongs to: a UUID made of its span, or else its own id."""
    if event.span_id is None:
        return event.event_id
    return str(uuid5(_NAMESPACE, f"{event.trace_id}-{event.span_id}"))


def _time(us: int) -> str:
    return (_EPOCH + timedelta(microseconds=us)).isoformat()


def _begin(event: Event, run_id: str | None, start_time: str) -> dict[str, Any]:
    return {
        "event_id": run_key(event),
        "run_id": run_id,
        "start_time": start_time,
        "status": "running",
        "context_json": {
            "trace_id": event.trace_id,
            "span_id": event.span_id,
            "parent_span_id": event.parent_span_id,
        },
    }


def _below(run_id: str | None, call: str | None) -> str:
    return f"{run_id}-llm-{call}" if run_id else f"llm-{call}"


def _begin_of_call(
    event: CallStartedEvent | CallFinishedEvent | CallFailedEvent, start: str
) -> dict[str, Any]:
    run = _begin(event, _below(event.run_id, event.payload.call_id or event.span_id), start)
    run |= {"job_type": "llm_call", "parent_run_id": event.run_id, "agent_name": None}
    if isinstance(event, CallStartedEvent):
        payload = msgspec.structs.asdict(event.payload)
        run["agent_name"] = payload.pop("agent")
        run["context_json"] |= payload
    return run


def _begin_of_run(event: RunStartedEvent) -> dict[str, Any]:
    payload = event.payload
    return {
        **_begin(event, event.run_id, _time(event.ts_us)),
        "agent_name": payload.agent or payload.name,
        "job_type": payload.name or "run",
        "parent_run_id": payload.parent_run_id,
    }


def _begin_of_whole(event: TaskCompletionEvent) -> dict[str, Any]:
    """Return the beginning of a call that is told of as a whole; its attempts share a call id, but no span."""
    run = _begin(event, _below(event.run_id, event.span_id or event.event_id), _time(event.started_at_us))
    run |= {"job_type": "llm_call", "parent_run_id": event.run_id, "agent_name": event.agent}
    run["context_json"] |= {"call_id": event.call_id, "model": event.model}
    return run


def _end_of_whole(event: TaskCompletionEvent) -> dict[str, Any]:
    ended_us = event.started_at_us + int((event.task_duration_ms or 0) * 1000)
    metrics = {
        **token_usage(event),
        "finish_reason": ",".join(event.finish_reasons) or None,
        "api_cost_usd": usd_of(event.actual_cost_usd_nanos),
    }
    error = None if event.outcome not in FAILED else event.error_type or str(event.outcome)
    return _end(ended_us, event.task_duration_ms, error, metrics)


def _end_of(event: CallFinishedEvent | CallFailedEvent | RunFinishedEvent) -> dict[str, Any]:
    if isinstance(event, CallFailedEvent):
        error = event.payload.error_summary or event.payload.error_class or str(Outcome.FAILURE)
        return _end(event.ts_us, event.payload.latency_ms, error, None)
    if isinstance(event, CallFinishedEvent):
        call = event.payload
        metrics = {
            **(call.token_usage or {}),
            "finish_reason": call.finish_reason,
            "api_cost_usd": usd_of(call.api_cost_usd_nanos),
        }
        return _end(event.ts_us, call.latency_ms, None, metrics)
    return _end_of_run(event)


def _end_of_run(event: RunFinishedEvent) -> dict[str, Any]:
    metrics = msgspec.structs.asdict(event.payload)
    metrics["api_cost_usd"] = usd_of(metrics.pop("cost_usd_nanos"))
    outcome, error = metrics.pop("outcome"), metrics.pop("error_class")
    duration_ms = metrics.pop("duration_ms")
    return _end(event.ts_us, duration_ms, error or (str(outcome) if outcome in FAILED else None), metrics)


def _end(
    ended_us: int, duration_ms: float | None, error: str | None, metrics: dict[str, Any] | None
) -> dict[str, Any]:
    end: dict[str, Any] = {
        "status": "success" if error is None else "failure",
        "end_time": _time(ended_us),
        "duration_ms": None if duration_ms is None else round(duration_ms, 3),
    }
    if metrics is not None:
        end["metrics_json"] = {name: value for name, value in metrics.items() if value is not None}
    if error is not None:
        end["error_summary"] = error[: CallFailedPayload.SUMMARY_LIMIT]
    return end
