"""Ambient span: OpenTelemetry's current span, where the application has OpenTelemetry; it is never imported for it."""

import sys

from taximeter.trace_context import SpanContext

_TRACE_API = "opentelemetry.trace"


def ambient_span() -> SpanContext | None:
    """Return the span that OpenTelemetry says is current; None where it is not loaded or has none."""
    api = sys.modules.get(_TRACE_API)
    if api is None:
        return None
    try:
        span = api.get_current_span()
        if span is api.INVALID_SPAN:  # as most of the time: asking it would take as long again
            return None
        context = span.get_span_context()
        if not context.is_valid:
            return None
        return SpanContext(
            f"{context.trace_id:032x}", f"{context.span_id:016x}", f"{context.trace_flags & 0xFF:02x}"
        )
    except Exception:  # half imported, or of a version that is built differently
        return None
