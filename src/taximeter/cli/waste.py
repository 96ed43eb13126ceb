"""`taximeter waste`: money that bought nothing, and what can be done about it."""

from collections.abc import Sequence
from pathlib import Path
from time import time_ns
from typing import Any

from rich.console import Console

from taximeter.cli.choice import Choice
from taximeter.cli.conclusion import describe_losses, mention_unreadable, no_calls
from taximeter.cli.console import console, plain
from taximeter.cli.listing import Column, Listing, Row, number, print_listing, write_listing_as_markdown
from taximeter.cli.output_format import write_csv, write_json
from taximeter.cli.totals_table import money_cell, name_cell, shared_decimals
from taximeter.pricing import Catalog
from taximeter.report.dimension import read_dimensions
from taximeter.report.money import exact_or_empty, plural
from taximeter.report.totals import Totals, describe_money
from taximeter.report.waste import Waste, WasteKind, WasteReport, find_waste
from taximeter.store import EventFile, Store, open_store

ADVICE = {
    WasteKind.RETRIED: "each try is billed: wait longer before the next, and retry only what can succeed",
    WasteKind.CUT_SHORT: "tokens made before the end are billed: ask for fewer (max_tokens), or stop streams sooner",
    WasteKind.FAILED: "look at report --by error; a longer timeout is cheaper than an answer that nobody waits for",
    WasteKind.FAILED_GATE: "compare report --per-outcome --by model: a dearer model may be cheaper per success",
    WasteKind.COMPACTED: "compact later or keep the beginning as it is, so that the provider's cache still fits",
    WasteKind.UNREAD_CACHE: "mark fewer breakpoints, or follow up within the lifetime: a write costs more than plain input",
}


def waste(path: Path, by: Sequence[str], choice: Choice, *, output_format: str) -> None:
    """Print what was wasted, by kind.

    Raises:
        ConfigurationError: A name that is no dimension, or there is no such file.
        StoreError: The file is no store.
    """
    names = read_dimensions(by)
    now_us = time_ns() // 1000
    until_us = min(now_us, choice.window.until_us or now_us)
    with open_store(path) as store:
        report = find_waste(
            lambda: store.events(choice.window, where=choice.where),
            Catalog.default(),
            until_us=until_us,
            by=names,
            zone=choice.zone,
        )
        if output_format == "json":
            write_json({**_document(names, report, choice), "lost": store.lost(choice.window)})
        elif output_format == "csv":
            rows = ([each.kind, *each.key, *_amounts(each.totals)] for each in report.found)
            write_csv(["waste", *names, "calls", "unpriced_calls", "estimated_calls", "cost_usd"], rows)
        elif output_format == "markdown":
            write_listing_as_markdown(_listing(names, report))
        else:
            _print(console(), store, names, report, choice)
        mention_unreadable(store)


def _print(
    out: Console, store: Store | EventFile, names: tuple[str, ...], report: WasteReport, choice: Choice
) -> None:
    every = report.all_calls
    if not every.calls:
        out.print(plain(f"{no_calls(store, choice)}."))
        return
    if report.found:
        print_listing(out, _listing(names, report))
        out.print()
        for kind in dict.fromkeys(each.kind for each in report.found):
            out.print(plain(f"{kind}: {ADVICE[kind]}", "dim"))
        out.print()
    among = " ".join(filter(None, (plural(every.calls, "call"), choice.describe())))
    out.print(plain(f"{_headline(report)} of {every.money}, {among}"))
    for note in describe_losses(store, choice):
        out.print(plain(note, "yellow"))


def _headline(report: WasteReport) -> str:
    if not report.found:
        return "No waste found: $0.00"
    wasted, every = report.total, report.all_calls
    share = _share(wasted, every)
    return f"Wasted: {describe_money(wasted)}{f' ({share})' if share else ''}"


def _share(part: Totals, every: Totals) -> str | None:
    """Return how much of all money it is; None where nothing is known of the one or the other."""
    if part.is_unknown or not every.cost_usd_nanos:
        return None
    return f"{part.cost_usd_nanos / every.cost_usd_nanos:.1%}".replace("%", " %")


def _listing(names: tuple[str, ...], report: WasteReport) -> Listing:
    columns = [Column("waste", is_number=False), *(Column(name, is_number=False) for name in names)]
    total = report.total
    columns += [Column("calls"), Column("cost"), Column("share", is_optional=True)]
    columns += [Column("unpriced")] if total.unpriced_calls else []
    decimals = shared_decimals([each.totals.cost_usd_nanos for each in report.found] + [total.cost_usd_nanos])

    def row(totals: Totals, key: Sequence[Any]) -> Row:
        share = _share(totals, report.all_calls) or "-"
        cells = [number(totals.calls), money_cell(totals, decimals), plain(share)]
        cells += [number(totals.unpriced_calls, "yellow")] if total.unpriced_calls else []
        return Row((*key, *cells), f"{plural(totals.calls, 'call')}, {describe_money(totals)}")

    def label(each: Waste) -> list[Any]:
        return [plain(each.kind, "bold"), *map(name_cell, each.key)]

    rows = tuple(row(each.totals, label(each)) for each in report.found)
    footer = row(total, [plain("total"), *(plain("") for _ in names)]) if len(rows) > 1 else None
    return Listing(tuple(columns), rows, footer)


def _amounts(totals: Totals) -> list[Any]:
    cost = exact_or_empty(totals.known_usd_nanos)
    return [totals.calls, totals.unpriced_calls, totals.estimated_calls, cost]


def _document(names: tuple[str, ...], report: WasteReport, choice: Choice) -> dict[str, Any]:
    def money(totals: Totals) -> dict[str, int | None]:
        fields = ("calls", "cost_usd_nanos", "unpriced_calls", "estimated_calls")
        return {name: totals.fields[name] for name in fields}

    return {
        "by": names,
        "tz": choice.tz,
        "since_us": choice.window.since_us,
        "until_us": choice.window.until_us,
        "where": choice.where,
        "waste": [
            {
                "kind": each.kind,
                **dict(zip(names, each.key, strict=True)),
                **money(each.totals),
                "advice": ADVICE[each.kind],
            }
            for each in report.found
        ],
        "total": money(report.total),
        "all_calls": money(report.all_calls),
    }
