"""`taximeter report --per-outcome`: what a call that served its purpose costs."""

from collections.abc import Sequence
from typing import Any

from rich.text import Text

from taximeter.cli.choice import Choice
from taximeter.cli.console import plain
from taximeter.cli.listing import Column, Listing, Row, number
from taximeter.cli.totals_table import money_cell, name_cell, shared_decimals
from taximeter.report.money import exact_or_empty, format_usd
from taximeter.report.success import Success, total_success
from taximeter.report.totals import describe_total

CSV_NAMES = (
    "calls",
    "successful_calls",
    "gate_failed_calls",
    "unpriced_calls",
    "cost_usd",
    "cost_per_success_usd",
)


def success_listing(names: Sequence[str], successes: Sequence[Success]) -> Listing:
    """Return a line a group with the cost of each call that was of use."""
    total = total_success(successes)
    columns = [Column(name, is_number=False) for name in names]
    columns += [Column("calls"), Column("successful"), Column("share", is_optional=True)]
    columns += [Column("failed gate", is_optional=True)] if total.gate_failed_calls else []
    columns.append(Column("cost", is_optional=True))
    columns += [Column("unpriced", is_optional=True)] if total.totals.unpriced_calls else []
    columns.append(Column("cost per success"))
    decimals = shared_decimals([each.totals.cost_usd_nanos for each in (*successes, total)])

    def row(each: Success, key: Sequence[Text]) -> Row:
        cells = [number(each.totals.calls), number(each.successful_calls), _share(each)]
        cells += [number(each.gate_failed_calls, "red")] if total.gate_failed_calls else []
        cells.append(money_cell(each.totals, decimals))
        cells += [number(each.totals.unpriced_calls, "yellow")] if total.totals.unpriced_calls else []
        per_success = describe_cost_per_success(each)
        words = f"{describe_total(each.totals)}; {each.successful_calls:,} successful, {per_success} each"
        return Row((*key, *cells, plain(per_success, "bold green")), words)

    rows = tuple(row(each, list(map(name_cell, each.key))) for each in successes)
    label = [plain("" if at else "total") for at in range(len(names))]
    return Listing(tuple(columns), rows, row(total, label) if len(successes) > 1 else None)


def describe_cost_per_success(success: Success) -> str:
    """Return the amount, `~` before what is an estimate, `>` before what leaves calls without a price out."""
    nanos = success.cost_per_success_usd_nanos
    if nanos is None:
        return "unknown" if success.successful_calls else "no success"
    mark = ">" if success.totals.unpriced_calls else "~" if success.totals.estimated_calls else ""
    return f"{mark}{format_usd(nanos)}"


def _share(success: Success) -> Text:
    rate = success.success_rate
    return plain("-" if rate is None else f"{rate:.1%}".replace("%", " %"))


def success_document(names: Sequence[str], groups: Sequence[Success], choice: Choice) -> dict[str, Any]:
    """Return the answer as JSON has it."""

    def counts(each: Success) -> dict[str, Any]:
        return {
            **each.totals.fields,
            "successful_calls": each.successful_calls,
            "gate_failed_calls": each.gate_failed_calls,
            "cost_per_success_usd_nanos": each.cost_per_success_usd_nanos,
        }

    return {
        "by": names,
        "tz": choice.tz,
        "since_us": choice.window.since_us,
        "until_us": choice.window.until_us,
        "where": choice.where,
        "groups": [{**dict(zip(names, each.key, strict=True)), **counts(each)} for each in groups],
        "total": counts(total_success(groups)),
    }


def success_row(each: Success) -> list[Any]:
    """Return the answer's line as CSV has it; what is not known is empty."""
    totals, nanos = each.totals, each.cost_per_success_usd_nanos
    counts = [totals.calls, each.successful_calls, each.gate_failed_calls, totals.unpriced_calls]
    return [*each.key, *counts, exact_or_empty(totals.known_usd_nanos), exact_or_empty(nanos)]
