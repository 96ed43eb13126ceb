"""Explanations: how the cost of one recorded call came about, from the event alone."""

import msgspec

from taximeter.event import TaskCompletionEvent
from taximeter.pricing import Breakdown, Catalog
from taximeter.report.circumstances import circumstances_of
from taximeter.report.totals import cost_nanos
from taximeter.vocabulary import CostSource, CostStatus


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
    breakdown = circumstances_of(event).breakdown(catalog)
    return Explanation(event=event, breakdown=breakdown, doubts=tuple(_doubts(event, breakdown, catalog)))


def _doubts(event: TaskCompletionEvent, breakdown: Breakdown, catalog: Catalog) -> list[str]:
    if cost_nanos(event) == breakdown.cost.usd_nanos:
        return []
    if event.cost_source == CostSource.OVERRIDE:
        stated = event.cost_status == CostStatus.REPORTED
        return [f"the application {'stated the cost itself' if stated else 'had a price of its own'}"]
    if event.price_version != catalog.version:
        return [f"the call was priced with table {event.price_version}, this one is {catalog.version}"]
    return ["the event holds less than what was known when it was priced"]
