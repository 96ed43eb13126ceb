"""Explanations: how the cost of one recorded call came about, from the event alone."""

import re
from decimal import Decimal

import msgspec

from taximeter.event import TaskCompletionEvent
from taximeter.pricing import Breakdown, Catalog
from taximeter.providers import Facts, read_payload
from taximeter.report.totals import cost_nanos
from taximeter.usage import COUNTERS, Usage
from taximeter.vocabulary import CostSource, CostStatus

_DATED = re.compile(r"@\d{4}-\d{2}-\d{2}.*$")  # from when the price holds


class Explanation(msgspec.Struct, frozen=True, kw_only=True):
    """A cost taken apart, and why it may differ from what the event says; no doubts means that it is the same."""

    event: TaskCompletionEvent
    breakdown: Breakdown
    doubts: tuple[str, ...] = ()


def explain(event: TaskCompletionEvent, catalog: Catalog) -> Explanation:
    """Price a recorded call again, by component; nothing but the event and the catalog is asked.

    Args:
        event: The call.
        catalog: The prices; another version than the event's may give another cost, which is then a doubt.
    """
    breakdown = catalog.breakdown(
        usage_of(event),
        provider=event.provider,
        model=event.model or event.requested_model or _priced_as(event),
        requested_model=event.requested_model,
        at_us=event.started_at_us,
        service_tier=event.service_tier,
        context=event.price_context,
        charges=_charges_of(event),
        reported_usd_nanos=_reported_by(event),
    )
    return Explanation(event=event, breakdown=breakdown, doubts=tuple(_doubts(event, breakdown, catalog)))


def _priced_as(event: TaskCompletionEvent) -> str | None:
    """Return the model that the price is of, where no answer has named one: a Gemini live session's setup does."""
    name = (event.price_id or "").partition("/")[2]
    return _DATED.sub("", name) or None


def usage_of(event: TaskCompletionEvent) -> Usage | None:
    """Return the counters of an event; None when it has none."""
    counters = {name: getattr(event, name) for name in COUNTERS}
    usage = Usage(**counters, units=event.billable_units)
    return None if usage.is_empty else usage


def _charges_of(event: TaskCompletionEvent) -> tuple[tuple[str | None, Usage], ...]:
    """Return what was priced in place of the usage; it is in the raw usage only."""
    return _facts_of(event).charges if event.raw_usage else ()


def _reported_by(event: TaskCompletionEvent) -> int | Decimal | None:
    """Return the provider's own amount, to the last digit where the raw usage still has it."""
    if event.reported_cost_usd_nanos is None or not event.raw_usage:
        return event.reported_cost_usd_nanos
    exact = _facts_of(event).exact_reported_nanos
    return event.reported_cost_usd_nanos if exact is None else exact


def _facts_of(event: TaskCompletionEvent) -> Facts:
    return read_payload(event.raw_usage, provider=event.provider, wire_format=event.wire_format)


def _doubts(event: TaskCompletionEvent, breakdown: Breakdown, catalog: Catalog) -> list[str]:
    if cost_nanos(event) == breakdown.cost.usd_nanos:
        return []
    if event.cost_source == CostSource.OVERRIDE:
        stated = event.cost_status == CostStatus.REPORTED
        return [f"the application {'stated the cost itself' if stated else 'had a price of its own'}"]
    if event.price_version != catalog.version:
        return [f"the call was priced with table {event.price_version}, this one is {catalog.version}"]
    return ["the event holds less than what was known when it was priced"]
