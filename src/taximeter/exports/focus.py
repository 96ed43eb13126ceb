"""FOCUS: events as rows of the FinOps Open Cost and Usage Specification, one a meter and hour, day or call."""

from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Any

import msgspec

from taximeter.event import TaskCompletionEvent
from taximeter.exports.charge import WHOLE_KINDS, Charge, charges_of
from taximeter.exports.column import RowValues, json_text
from taximeter.exports.focus_columns import focus_columns
from taximeter.exports.focus_line import Line, LineSum, row_values
from taximeter.exports.focus_options import PERIODS_US, FocusOptions, Per
from taximeter.exports.meter import meter_of
from taximeter.pricing import Catalog
from taximeter.report.totals import cost_nanos, was_refused
from taximeter.vocabulary import CostStatus

_SECOND_US = 1_000_000
TAG_FIELDS = ("agent", "user", "service", "task_type", "harness")
CALL_TAG_FIELDS = {"session": "session", "run_id": "run", "trace_id": "trace"}
TAG_PREFIX = "taximeter/"


class FocusCounts(msgspec.Struct):
    """What became of the calls: `rows_usd_nanos` is what all rows cost, and `calls` in it cost just that."""

    calls: int = 0
    rows: int = 0
    rows_usd_nanos: int = 0
    unpriced_calls: int = 0
    """Of unknown cost. FOCUS has no unknown cost, and zero would say free, so they have no rows."""
    refused_calls: int = 0
    """Turned down by the provider, at no cost."""
    lower_bound_calls: int = 0
    """Whose cost is partial: more was used than counted, or a meter has no price, and then no row."""
    recorded_calls: int = 0
    """In rows of one amount, since no prices here give the cost that was recorded."""


def focus_rows(
    events: Iterable[TaskCompletionEvent],
    options: FocusOptions,
    counts: FocusCounts,
    *,
    prices: Catalog,
    contract: Catalog | None = None,
    in_order: bool = False,
) -> Iterator[RowValues]:
    """Yield rows by `focus_columns(options.version)`; their BilledCost sums exactly to what the events cost.

    Args:
        events: The calls.
        options: What the rows are to be.
        counts: Filled on the way.
        prices: The list.
        contract: The list with overrides, where there are any.
        in_order: Whether the events come by time, so that memory holds the rows of one period only.
    """
    unit_us = PERIODS_US[options.per]
    columns = [column.name for column in focus_columns(options.version)]
    periods: Iterable[Any] = ((None, events),)
    if in_order or options.per == "call":
        periods = groupby(events, lambda event: event.started_at_us // unit_us)
    for _, calls in periods:
        sums: dict[tuple[Any, ...], LineSum] = {}
        for event in calls:
            if _count(event, counts):
                charges = charges_of(event, prices, contract)
                counts.recorded_calls += any(charge.kind == "recorded" for charge in charges)
                for charge in charges:
                    _add(sums, event, charge, options)
        for key, total in sums.items():
            values = row_values(Line(*key), total, options)
            counts.rows += 1
            counts.rows_usd_nanos += total.usd_nanos
            yield [values[name] for name in columns]


def _count(event: TaskCompletionEvent, counts: FocusCounts) -> bool:
    """Count a call; whether its cost is known."""
    if cost_nanos(event) is not None:
        counts.calls += 1
        counts.lower_bound_calls += event.cost_status == CostStatus.PARTIAL
        return True
    if was_refused(event):
        counts.refused_calls += 1
    else:
        counts.unpriced_calls += 1
    return False


def _add(
    sums: dict[tuple[Any, ...], LineSum], event: TaskCompletionEvent, charge: Charge, options: FocusOptions
) -> None:
    start_us, end_us = _period(event, options.per)
    quantity, unit = _consumed(event, charge)
    key = (
        start_us,
        end_us,
        charge.kind,
        unit,
        charge.sku_id,
        charge.sku_price_id,
        charge.rule,
        charge.list_price,
        charge.price,
        event.provider,
        event.model or event.requested_model,
        str(event.operation),
        (event.price_context or {}).get("region"),
        event.service_tier,
        _tags(event, options.per),
        str(event.cost_status),
        str(event.cost_source),
        event.price_version,
        event.event_id if options.per == "call" else None,
    )
    total = sums.setdefault(key, LineSum())
    total.quantity += quantity
    total.usd_nanos += charge.usd_nanos
    total.calls += 1


def _period(event: TaskCompletionEvent, per: Per) -> tuple[int, int]:
    unit_us = PERIODS_US[per]
    start_us = event.started_at_us // unit_us * unit_us
    if per != "call":
        return start_us, start_us + unit_us
    ended_at_us = event.started_at_us + int((event.task_duration_ms or 0) * 1000)
    return start_us, max(-(-ended_at_us // _SECOND_US) * _SECOND_US, start_us + _SECOND_US)


def _consumed(event: TaskCompletionEvent, charge: Charge) -> tuple[int, str]:
    """Return what was consumed; of an amount as a whole all tokens of the call, else the call itself."""
    if charge.kind not in WHOLE_KINDS or charge.kind == "long_context":
        return charge.quantity, meter_of(charge.kind).consumed_unit
    tokens = (event.actual_input_tokens or 0) + (event.actual_output_tokens or 0)
    return (tokens, "Tokens") if tokens else (1, "Requests")


def _tags(event: TaskCompletionEvent, per: Per) -> str | None:
    own = {name: name for name in TAG_FIELDS} | (CALL_TAG_FIELDS if per == "call" else {})
    known = {f"{TAG_PREFIX}{tag}": getattr(event, name) for name, tag in own.items()}
    tags = {**(event.tags or {}), **{tag: str(value) for tag, value in known.items() if value is not None}}
    return json_text(tags) if tags else None
