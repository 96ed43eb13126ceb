"""The log sink: one structured line per call, through the standard logging module."""

import json
import logging
import re
from typing import Any

from taximeter.errors import ConfigurationError, one_of
from taximeter.event import (
    CallContentEvent,
    CallFinishedEvent,
    Event,
    RunFinishedEvent,
    RunStartedEvent,
    TaskCompletionEvent,
)
from taximeter.sinks.batch import Batch
from taximeter.vocabulary import Outcome

_PLAIN = re.compile(r"[\w.,:/@+-]+", re.ASCII)


class LogSink:
    """Writes one record per event to a logger, whose handlers decide where it goes.

    Args:
        level: Name of the records' level.
        logger_name: Whose handlers are used.

    Raises:
        ConfigurationError: There is no such level.
    """

    def __init__(
        self, level: str = "INFO", *, logger_name: str = "taximeter.calls", name: str = "log"
    ) -> None:
        self.name = name
        self._level = read_level(level)
        self._logger = logging.getLogger(logger_name)
        self._written: Batch | None = None

    async def write(self, batch: Batch) -> None:
        """Log each event, unless this is the batch that has just been logged."""
        if batch is self._written:
            return
        for event in batch.events:
            if not isinstance(event, CallContentEvent):
                self._logger.log(self._level, "%s", log_line(event))
        self._written = batch

    async def aclose(self) -> None:
        """Do nothing: handlers belong to the application."""


def read_level(level: Any) -> int:
    """Return the number of a level of the standard logging module.

    Raises:
        ConfigurationError: There is no such level.
    """
    levels = logging.getLevelNamesMapping()
    if not isinstance(level, str) or level.upper() not in levels:
        raise ConfigurationError("level", level, one_of(str(level).upper(), levels))
    return levels[level.upper()]


def log_line(event: Event) -> str:
    """Return the event as `LLM call | key=value ...`: one line of printable ASCII, whatever the values hold."""
    if isinstance(event, TaskCompletionEvent):
        return f"LLM call | {_pairs(_call_values(event))}"
    kind = str(event.__struct_config__.tag)
    if isinstance(event, RunFinishedEvent):
        return f"{kind} | {_pairs(_run_values(event))}"
    if isinstance(event, RunStartedEvent):
        return f"{kind} | {_pairs({'run_id': event.run_id, 'name': event.payload.name})}"
    if isinstance(event, CallContentEvent):  # what was said is for those who open a store
        return f"{kind} | {_pairs({'call_event_id': event.payload.call_event_id})}"
    values: dict[str, object] = {"call_id": event.payload.call_id, "run_id": event.run_id}
    if isinstance(event, CallFinishedEvent):
        values["duration_ms"] = event.payload.latency_ms
    return f"{kind} | {_pairs(values)}"


def _run_values(event: RunFinishedEvent) -> dict[str, object]:
    run = event.payload
    return {
        "run_id": event.run_id,
        "name": run.name,
        "outcome": run.outcome,
        "duration_ms": None if run.duration_ms is None else f"{run.duration_ms:.1f}",
        "calls": run.calls,
        "failed_calls": run.failed_calls,
        "input_tokens": run.input_tokens,
        "output_tokens": run.output_tokens,
        "cost_usd": _decimal(run.cost_usd_nanos, 9),
        "unpriced_calls": run.unpriced_calls,
    }


def _call_values(event: TaskCompletionEvent) -> dict[str, object]:
    duration_ms = event.task_duration_ms
    values: dict[str, object] = {
        "provider": event.provider,
        "model": event.model,
        "duration_ms": None if duration_ms is None else f"{duration_ms:.1f}",
        "input_tokens": event.actual_input_tokens,
        "output_tokens": event.actual_output_tokens,
        "total_tokens": _sum(event.actual_input_tokens, event.actual_output_tokens),
    }
    cached = {
        "cache_read_tokens": event.cache_read_tokens,
        "cache_write_tokens": _sum(event.cache_write_5m_tokens, event.cache_write_1h_tokens),
    }
    values |= {key: tokens for key, tokens in cached.items() if tokens is not None}
    return values | {"cost_usd": _usd(event), "stop_reason": _stop_reason(event)}


def _sum(a: int | None, b: int | None) -> int | None:
    known = [tokens for tokens in (a, b) if tokens is not None]
    return sum(known) if known else None


def _usd(event: TaskCompletionEvent) -> str | None:
    """Write the amount in dollars from its integer, to the last digit it has."""
    if event.actual_cost_usd_nanos is not None:
        return _decimal(event.actual_cost_usd_nanos, 9)
    if event.actual_cost_usd_micros is not None:
        return _decimal(event.actual_cost_usd_micros, 6)
    return None


def _decimal(amount: int, digits: int) -> str:
    whole, fraction = divmod(abs(amount), 10**digits)
    return f"{'-' if amount < 0 else ''}{whole}.{fraction:0{digits}d}"


def _stop_reason(event: TaskCompletionEvent) -> str | None:
    if event.finish_reasons:
        return ",".join(event.finish_reasons)
    return None if event.outcome == Outcome.SUCCESS else event.error_type or str(event.outcome)


def _pairs(values: dict[str, object]) -> str:
    return " ".join(f"{key}={_value(value)}" for key, value in values.items())


def _value(value: object) -> str:
    """Write a value so that it cannot end the line, start another pair or move the terminal's cursor."""
    text = "unknown" if value is None else str(value)
    return text if _PLAIN.fullmatch(text) else json.dumps(text).replace("\x7f", "\\u007f")
