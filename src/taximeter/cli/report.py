"""`taximeter report`: what was consumed, from a store."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from taximeter.cli.choice import Choice
from taximeter.cli.conclusion import conclude, mention_unreadable
from taximeter.cli.console import console
from taximeter.cli.listing import print_listing, write_listing_as_markdown
from taximeter.cli.output_format import Cell, write_csv, write_json
from taximeter.cli.report_chart import print_chart
from taximeter.cli.report_latency import CSV_NAMES as LATENCY_CSV_NAMES
from taximeter.cli.report_latency import latency_document, latency_listing, latency_rows, statistics_by
from taximeter.cli.report_success import CSV_NAMES, success_document, success_listing, success_row
from taximeter.cli.totals_table import print_totals, totals_listing
from taximeter.errors import ConfigurationError
from taximeter.report.dimension import read_dimensions
from taximeter.report.group import Group, grand_total
from taximeter.report.money import exact_or_empty
from taximeter.report.success import OUTCOME_DIMENSIONS, successes_of, total_success
from taximeter.report.totals import TOTALS_FIELDS, Totals
from taximeter.store import EventFile, Store, open_store


def report(
    path: Path,
    by: Sequence[str],
    choice: Choice,
    *,
    output_format: str,
    view: str | None = None,
) -> None:
    """Print the totals of a store by dimension.

    Args:
        path: The store.
        by: The dimensions.
        choice: Which calls.
        output_format: One of `output_format.FORMATS`.
        view: `--per-outcome`, `--latency` or `--chart`; None means the totals as they are.

    Raises:
        ConfigurationError: A name that is no dimension, there is no such file, or options do not go together.
        StoreError: The file is no store.
    """
    names = read_dimensions(by)
    if view == "--chart" and output_format != "table":
        raise ConfigurationError("--chart", output_format, "without another format: it is for people")
    with open_store(path) as store:
        if view == "--per-outcome":
            _report_successes(store, names, choice, output_format)
        elif view == "--latency":
            _report_latencies(store, names, choice, output_format)
        else:
            _report_totals(store, names, choice, output_format, chart=view == "--chart")
        mention_unreadable(store)


def read_view(**chosen: bool) -> str | None:
    """Return the one option that is given, None without any.

    Args:
        **chosen: Whether it is, by its name.

    Raises:
        ConfigurationError: Several are given.
    """
    given = [f"--{name.replace('_', '-')}" for name, is_given in chosen.items() if is_given]
    if len(given) > 1:
        raise ConfigurationError(given[0], given[1], "the only one of its kind")
    return given[0] if given else None


def _report_totals(
    store: Store | EventFile, names: tuple[str, ...], choice: Choice, output_format: str, *, chart: bool
) -> None:
    groups = store.totals(names, where=choice.where, window=choice.window, zone=choice.zone)
    if output_format == "json":
        write_json({**_document(names, groups, choice), "lost": store.lost(choice.window)})
    elif output_format == "csv":
        write_csv([*names, *TOTALS_FIELDS, "cost_usd"], map(_csv_row, groups))
    elif output_format == "markdown":
        write_listing_as_markdown(totals_listing(names, groups, grand_total(groups)))
    else:
        _print(store, names, groups, choice, chart=chart)


def _report_successes(
    store: Store | EventFile, names: tuple[str, ...], choice: Choice, output_format: str
) -> None:
    by = [*names, *(name for name in OUTCOME_DIMENSIONS if name not in names)]
    groups = store.totals(by, where=choice.where, window=choice.window, zone=choice.zone)
    successes = successes_of(groups, by, names)
    if output_format == "json":
        write_json({**success_document(names, successes, choice), "lost": store.lost(choice.window)})
    elif output_format == "csv":
        write_csv([*names, *CSV_NAMES], map(success_row, successes))
    elif output_format == "markdown":
        write_listing_as_markdown(success_listing(names, successes))
    else:
        out = console()
        if successes:
            print_listing(out, success_listing(names, successes))
            out.print()
        conclude(out, store, total_success(successes).totals, choice)


def _report_latencies(
    store: Store | EventFile, names: tuple[str, ...], choice: Choice, output_format: str
) -> None:
    groups = statistics_by(store, names, choice)
    total = store.statistics(where=choice.where, window=choice.window)
    if output_format == "json":
        document = latency_document(names, groups, total, choice)
        write_json({**document, "lost": store.lost(choice.window)})
    elif output_format == "csv":
        write_csv([*names, *LATENCY_CSV_NAMES], latency_rows(groups))
    elif output_format == "markdown":
        write_listing_as_markdown(latency_listing(names, groups, total))
    else:
        out = console()
        if groups:
            print_listing(out, latency_listing(names, groups, total))
            out.print()
        conclude(out, store, total.totals, choice)


def _print(
    store: Store | EventFile, names: tuple[str, ...], groups: list[Group], choice: Choice, *, chart: bool
) -> None:
    out = console()
    total = grand_total(groups)
    if groups:
        if chart:
            print_chart(out, store, names, groups, choice)
        else:
            print_totals(out, names, groups, total)
        out.print()
    conclude(out, store, total, choice)


def _document(names: tuple[str, ...], groups: list[Group], choice: Choice) -> dict[str, Any]:
    def row(group: Group) -> dict[str, Any]:
        return {**dict(zip(names, group.key, strict=True)), **group.totals.fields}

    return {
        "by": names,
        "tz": choice.tz,
        "since_us": choice.window.since_us,
        "until_us": choice.window.until_us,
        "where": choice.where,
        "groups": [row(group) for group in groups],
        "total": grand_total(groups).fields,
    }


def _csv_row(group: Group) -> list[Cell]:
    return [*group.key, *_amounts(group.totals)]


def _amounts(totals: Totals) -> Iterator[Cell]:
    """Yield the sums; money of which nothing is known is empty, not zero."""
    yield from totals.fields.values()
    yield exact_or_empty(totals.known_usd_nanos)
