"""Call moments: the events that tell of a call while it goes on, made of what is known when it ends."""

from typing import Any

from taximeter.event import (
    CallFailedEvent,
    CallFailedPayload,
    CallFinishedEvent,
    CallFinishedPayload,
    TaskCompletionEvent,
)
from taximeter.fault import describe_fault, read_fault
from taximeter.scopes import Scope
from taximeter.vocabulary import Outcome

FAILED = frozenset({Outcome.FAILURE, Outcome.TIMEOUT, Outcome.CANCELLED})
"""How calls end that are told of as failed."""


def ids_of(scope: Scope) -> dict[str, Any]:
    """Return what ties the moments of one call together: run, trace, and the call's own span."""
    return {
        "run_id": scope.run_id,
        "trace_id": scope.trace_id,
        "span_id": scope.span_id,
        "parent_span_id": scope.parent_span_id,
    }


def last_moment(
    scope: Scope,
    latency_ms: float,
    event: TaskCompletionEvent | None,
    error: BaseException | None,
    *,
    output_hash: str | None = None,
    keep_error_text: bool = False,
) -> CallFinishedEvent | CallFailedEvent:
    """Return how a call ended.

    Args:
        scope: The call's own.
        latency_ms: From its begin to its end, by the monotonic clock.
        event: The call's event; None where it is made later.
        error: The exception that ended it; None where none did.
        output_hash: SHA-256 of what was generated.
        keep_error_text: See `call`.
    """
    if error is None and (event is None or event.outcome not in FAILED):
        took = {} if event is None else _what_it_took(event)
        finished = CallFinishedPayload(
            call_id=scope.call_id, latency_ms=latency_ms, output_hash=output_hash, **took
        )
        return CallFinishedEvent(payload=finished, **ids_of(scope))
    failed = _of_event(event) if error is None else _of_error(error, keep_error_text)
    payload = CallFailedPayload(call_id=scope.call_id, latency_ms=latency_ms, **failed)
    return CallFailedEvent(payload=payload, **ids_of(scope))


def _what_it_took(event: TaskCompletionEvent) -> dict[str, Any]:
    return {
        "token_usage": token_usage(event) or None,
        "finish_reason": ",".join(event.finish_reasons) or None,
        "api_cost_usd_micros": event.actual_cost_usd_micros,
        "api_cost_usd_nanos": event.actual_cost_usd_nanos,
    }


def _of_error(error: BaseException, keep_text: bool) -> dict[str, Any]:
    fault = read_fault(error)
    summary, details = describe_fault(error, keep_text=keep_text)
    return {
        "error_class": fault.error_type,
        "error_summary": summary,
        "retryable": fault.error_retryable,
        "error_details": details,
    }


def _of_event(event: TaskCompletionEvent | None) -> dict[str, Any]:
    if event is None:
        return {}
    word = event.error_type or str(event.outcome)
    summary = word + (f" (HTTP {event.error_status})" if event.error_status else "")
    return {"error_class": word, "error_summary": summary, "retryable": event.error_retryable}


def token_usage(event: TaskCompletionEvent) -> dict[str, int]:
    """Return the counts that are known, the total only where both of its parts are."""
    taken, given = event.actual_input_tokens, event.actual_output_tokens
    writes = [
        count for count in (event.cache_write_5m_tokens, event.cache_write_1h_tokens) if count is not None
    ]
    counts = {
        "input_tokens": taken,
        "output_tokens": given,
        "total_tokens": None if taken is None or given is None else taken + given,
        "cache_read_tokens": event.cache_read_tokens,
        "cache_write_tokens": sum(writes) if writes else None,
        "reasoning_tokens": event.reasoning_tokens,
    }
    return {name: count for name, count in counts.items() if count is not None}
