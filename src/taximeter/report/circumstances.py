"""Circumstances: what a recorded call tells of its price, in the terms of the catalog, from the event alone."""

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import msgspec

from taximeter.event import TaskCompletionEvent
from taximeter.pricing import Breakdown, Catalog, Cost
from taximeter.pricing.catalog import Charges
from taximeter.providers import Facts, read_payload
from taximeter.usage import COUNTERS, Usage
from taximeter.vocabulary import CostStatus, UsageStatus

_DATED = re.compile(r"@\d{4}-\d{2}-\d{2}.*$")  # from when the price holds


class Circumstances(msgspec.Struct, frozen=True, kw_only=True):
    """What `Catalog.cost` asks of a call; `is_lower_bound` where the usage is known to be less than was billed."""

    usage: Usage | None
    provider: str
    model: str | None
    requested_model: str | None
    at_us: int
    service_tier: str | None = None
    context: Mapping[str, str] | None = None
    charges: Charges = ()
    reported_usd_nanos: int | Decimal | None = None
    is_lower_bound: bool = False

    def cost(self, catalog: Catalog) -> Cost:
        """Return what such a call costs."""
        cost = catalog.cost(self.usage, **self._arguments())
        return cost.as_lower_bound() if self.is_lower_bound else cost

    def breakdown(self, catalog: Catalog) -> Breakdown:
        """Return the same cost with its components, which sum to it exactly."""
        breakdown = catalog.breakdown(self.usage, **self._arguments())
        if not self.is_lower_bound:
            return breakdown
        cost = breakdown.cost.as_lower_bound()
        return Breakdown(cost=cost, components=() if cost.usd_nanos is None else breakdown.components)

    def _arguments(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in _ARGUMENTS}


_ARGUMENTS = tuple(
    name for name in Circumstances.__struct_fields__ if name not in {"usage", "is_lower_bound"}
)


def circumstances_of(event: TaskCompletionEvent) -> Circumstances:
    """Return what an event tells of its price.

    The counters are the event's: they were read from the usage and from what else the answer counted, such as searches.
    The raw usage is read again for what only it holds (other quantities to bill, the provider's amount to the last
    digit), and for the counters of an event that has none.
    """
    facts = _facts_of(event) if event.raw_usage else None
    usage = usage_of(event)
    return Circumstances(
        usage=facts.usage if usage is None and facts is not None else usage,
        provider=event.provider,
        model=event.model or event.requested_model or _priced_as(event),
        requested_model=event.requested_model,
        at_us=event.started_at_us,
        service_tier=event.service_tier,
        context=event.price_context,
        charges=facts.charges if facts is not None else (),
        reported_usd_nanos=_reported_by(event, facts),
        is_lower_bound=_is_lower_bound(event),
    )


def usage_of(event: TaskCompletionEvent) -> Usage | None:
    """Return the counters of an event; None when it has none."""
    counters = {name: getattr(event, name) for name in COUNTERS}
    usage = Usage(**counters, units=event.billable_units)
    return None if usage.is_empty else usage


def _priced_as(event: TaskCompletionEvent) -> str | None:
    """Return the model that the price is of, where no answer has named one: a Gemini live session's setup does."""
    name = (event.price_id or "").partition("/")[2]
    return _DATED.sub("", name) or None


def _reported_by(event: TaskCompletionEvent, facts: Facts | None) -> int | Decimal | None:
    """Return the provider's own amount, to the last digit where the raw usage still has it."""
    if event.reported_cost_usd_nanos is None or facts is None:
        return event.reported_cost_usd_nanos
    exact = facts.exact_reported_nanos
    return event.reported_cost_usd_nanos if exact is None else exact


def _is_lower_bound(event: TaskCompletionEvent) -> bool:
    """Whether more was used than counted; an estimate does not say so itself, but what it was priced with does."""
    if event.usage_status == UsageStatus.ESTIMATED:
        return event.cost_status == CostStatus.PARTIAL
    return event.usage_status == UsageStatus.PARTIAL


def _facts_of(event: TaskCompletionEvent) -> Facts:
    return read_payload(event.raw_usage, provider=event.provider, wire_format=event.wire_format)
