"""`taximeter why`: how the cost of one call came about."""

from collections.abc import Iterator
from datetime import UTC
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from taximeter.cli.console import console, plain
from taximeter.cli.output_format import write_json
from taximeter.cli.rate import rate_text
from taximeter.errors import ConfigurationError
from taximeter.event import TaskCompletionEvent
from taximeter.pricing import Breakdown, Catalog
from taximeter.pricing.record import component_fields
from taximeter.report.explanation import Explanation, explain
from taximeter.report.money import format_usd
from taximeter.report.totals import cost_nanos
from taximeter.report.window import format_moment
from taximeter.store import open_store


def why(event_id: str, path: Path, *, as_json: bool) -> None:
    """Print the components of one call's cost: quantity, rate, rule and amount.

    Raises:
        ConfigurationError: There is no such file, or no such event in it.
        StoreError: The file is no store.
    """
    with open_store(path) as store:
        event = store.event(event_id)
        is_empty = event is None and not store.recent(1)
    if event is None:
        lacking = ", which holds no events" if is_empty else ""
        raise ConfigurationError("EVENT_ID", event_id, f"the id of an event in {path}{lacking}")
    explanation = explain(event, Catalog.default())
    if as_json:
        write_json(_document(explanation))
    else:
        _print(console(), explanation)


def _print(out: Console, explanation: Explanation) -> None:
    event, breakdown = explanation.event, explanation.breakdown
    for name, value in _head(event):
        out.print(plain(f"{name:<9} {value}"))
    if breakdown.components:
        out.print()
        out.print(_table(breakdown))
    for doubt in explanation.doubts:
        out.print()
        recomputed = _amount(breakdown.cost.usd_nanos)
        out.print(
            plain(
                f"The event says {_amount(cost_nanos(event))}, these components {recomputed}: {doubt}.",
                "yellow",
            )
        )


def _head(event: TaskCompletionEvent) -> Iterator[tuple[str, str]]:
    model = event.model or event.requested_model or "(no model)"
    asked = f", asked for as {event.requested_model}" if event.requested_model not in {None, model} else ""
    yield "call", f"{event.event_id} at {format_moment(event.started_at_us, UTC)}, {event.outcome}"
    yield "model", f"{event.provider} / {model}{asked}"
    yield "usage", str(event.usage_status)
    yield "cost", f"{_amount(cost_nanos(event))} ({event.cost_status}, from {event.cost_source})"
    if event.price_id:
        yield "price", event.price_id
    if event.price_version:
        yield "table", event.price_version
    context = {
        **({"service_tier": event.service_tier} if event.service_tier else {}),
        **(event.price_context or {}),
    }
    if context:
        yield "context", ", ".join(f"{key}={value}" for key, value in context.items())


def _amount(nanos: int | None) -> str:
    return "unknown" if nanos is None else format_usd(nanos, 9)


def _table(breakdown: Breakdown) -> Table:
    table = Table(box=box.SIMPLE_HEAD, show_footer=True, pad_edge=False, show_edge=False)
    table.add_column("component", footer="total", overflow="fold")
    table.add_column("quantity", justify="right", no_wrap=True)
    table.add_column("rate", justify="right", no_wrap=True)
    table.add_column("amount", footer=_amount(breakdown.cost.usd_nanos), justify="right", no_wrap=True)
    table.add_column("rule", overflow="fold")
    for part in breakdown.components:
        amount = plain(_amount(part.usd_nanos), "green")
        table.add_row(
            plain(part.kind, "bold"),
            f"{part.quantity:,}",
            rate_text(part.usd_per_unit, part.unit),
            amount,
            plain(part.rule, "dim"),
        )
    return table


def _document(explanation: Explanation) -> dict[str, Any]:
    event, cost = explanation.event, explanation.breakdown.cost
    return {
        "event_id": event.event_id,
        "cost_status": event.cost_status,
        "cost_source": event.cost_source,
        "cost_usd_micros": event.actual_cost_usd_micros,
        "cost_usd_nanos": cost_nanos(event),
        "price_version": event.price_version,
        "price_id": event.price_id,
        "components": [component_fields(part) for part in explanation.breakdown.components],
        "recomputed": {"cost_usd_nanos": cost.usd_nanos, "price_version": cost.price_version},
        "doubts": explanation.doubts,
    }
