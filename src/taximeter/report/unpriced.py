"""Unpriced calls: which ones have no cost, or not all of it, and why."""

from collections import Counter
from collections.abc import Iterable

import msgspec

from taximeter.event import TaskCompletionEvent
from taximeter.pricing import Catalog
from taximeter.report.circumstances import circumstances_of
from taximeter.report.explanation import explain
from taximeter.report.totals import lacks_price
from taximeter.vocabulary import CostStatus


class Unpriced(msgspec.Struct, frozen=True, kw_only=True):
    """Calls of one model that lack a price for one reason."""

    provider: str
    model: str | None
    reason: str
    calls: int


def find_unpriced(events: Iterable[TaskCompletionEvent], catalog: Catalog) -> list[Unpriced]:
    """Return what lacks a price, the most frequent first.

    Args:
        events: Calls; those with a price are passed over.
        catalog: The prices to look for reasons in.
    """
    counts = Counter(
        (
            event.provider,
            event.requested_model if event.model is None else event.model,
            why_unpriced(event, catalog),
        )
        for event in events
        if lacks_price(event)
    )
    return [
        Unpriced(provider=provider, model=model, reason=reason, calls=calls)
        for (provider, model, reason), calls in counts.most_common()
    ]


def why_unpriced(event: TaskCompletionEvent, catalog: Catalog) -> str:
    """Return the reason in words, as far as the event and the prices tell."""
    explanation = explain(event, catalog)
    if explanation.breakdown.cost.status not in {CostStatus.UNKNOWN, CostStatus.PARTIAL}:
        return f"has a price by now, in table {catalog.version}"
    missing = sorted({part.kind for part in explanation.breakdown.components if part.usd_per_unit is None})
    if missing:
        return f"no rate for {', '.join(missing)}"
    if explanation.breakdown.components and circumstances_of(event).is_lower_bound:
        return "the usage is only a lower bound"
    if event.actual_input_tokens is None and event.actual_output_tokens is None and not event.billable_units:
        return "no usage was reported"
    return _why_unlisted(event, catalog)


def _why_unlisted(event: TaskCompletionEvent, catalog: Catalog) -> str:
    names = [name for name in (event.model, event.requested_model) if name is not None]
    if not names:
        return "no model was named"
    if any(catalog.entry(event.provider, name) for name in names):
        return "the table lists the model without a price for this call"
    return "the table does not list the model at this provider"
