"""`taximeter top`: what is being spent at the moment, and at what rate."""

import re
import time
from collections.abc import Callable, Sequence
from datetime import UTC
from pathlib import Path

import msgspec
from rich.console import Console, RenderableType
from rich.console import Group as Rows
from rich.live import Live
from rich.text import Text

from taximeter.cli.choice import Choice
from taximeter.cli.conclusion import describe_losses, mention_unreadable
from taximeter.cli.console import console, plain
from taximeter.cli.listing import Column, Listing, Row, fitted
from taximeter.cli.tail import check_interval
from taximeter.cli.totals_table import totals_listing
from taximeter.errors import ConfigurationError
from taximeter.pricing.money import round_half_even
from taximeter.report.dimension import read_dimensions
from taximeter.report.group import Group, grand_total
from taximeter.report.money import format_usd, plural
from taximeter.report.totals import Totals
from taximeter.report.window import Window, local_time, read_moment
from taximeter.store import EventFile, Store, open_store

_HOUR_US = 3_600_000_000
_LINES_AROUND = 8
_FEWEST_ROWS = 3
_LESS_URGENT = {"input", "output"}


def top(
    path: Path,
    by: Sequence[str],
    choice: Choice,
    *,
    last: str,
    interval_s: float,
    once: bool,
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """Show the totals of the last minutes, again and again on a terminal, once anywhere else.

    Args:
        path: The store.
        by: The dimensions.
        choice: Which calls; its window is not looked at.
        last: For how long back, as an age such as `5m`.
        interval_s: How long to wait before looking again.
        once: Whether to look once on a terminal too.
        sleep: What waits.

    Raises:
        ConfigurationError: There is no such file, or an option cannot be.
        StoreError: The file is no store.
    """
    names, span_us = read_dimensions(by), _read_age(last)
    check_interval(interval_s)
    out = console()
    with open_store(path) as store:
        if once or not out.is_terminal:
            out.print(_screen(out, store, names, choice, span_us))
            mention_unreadable(store)
            return
        with Live(console=out, screen=True, auto_refresh=False) as live:
            while True:
                live.update(_screen(out, store, names, choice, span_us, rows=_room(out)), refresh=True)
                sleep(interval_s)


def _read_age(text: str) -> int:
    if not re.fullmatch(r"[0-9]*[1-9][0-9]*[mhdw]", text):
        raise ConfigurationError("--last", text, "an age such as 90m, 24h or 7d")
    now_us = _now_us()
    return now_us - read_moment(text, UTC, key="--last", now_us=now_us)


def _screen(
    out: Console,
    store: Store | EventFile,
    names: tuple[str, ...],
    choice: Choice,
    span_us: int,
    *,
    rows: int | None = None,
) -> RenderableType:
    """Return all that is shown of one look."""
    until_us = _now_us()
    choice = msgspec.structs.replace(choice, window=Window(until_us - span_us))
    groups = store.totals(names, where=choice.where, window=choice.window, zone=choice.zone)
    total = grand_total(groups)
    head = _headline(store, choice, total, span_us, until_us)
    if not groups:
        return Rows(*head)
    listing = _with_rate(totals_listing(names, groups, total), groups, total, span_us)
    hidden = len(groups) - rows if rows is not None and len(groups) > rows else 0
    shown = Listing(listing.columns, listing.rows[: len(groups) - hidden], listing.footer)
    more = [plain(f"and {hidden:,} more", "dim")] if hidden else []
    return Rows(*head, Text(), fitted(out, shown), *more)


def _headline(
    store: Store | EventFile, choice: Choice, total: Totals, span_us: int, until_us: int
) -> list[Text]:
    at = f"{local_time(until_us, choice.zone):%H:%M:%S}"
    where = msgspec.structs.replace(choice, window=Window()).describe()
    title = " ".join(filter(None, (str(store.path), "at", at, where)))
    spent = f"{plural(total.calls, 'call')} in {_span_in_words(span_us)}"
    rate = f": {total.money}, {_hourly(total, span_us)} an hour" if total.calls else ""
    notes = [plain(note, "yellow") for note in describe_losses(store, choice)]
    return [plain(title, "dim"), plain(f"{spent}{rate}", "bold"), *notes]


def _with_rate(listing: Listing, groups: Sequence[Group], total: Totals, span_us: int) -> Listing:
    def rated(row: Row, totals: Totals) -> Row:
        rate = _hourly(totals, span_us)
        return Row((*row.cells, plain(rate, "bold")), f"{row.words}, {rate} an hour")

    rows = tuple(rated(row, group.totals) for row, group in zip(listing.rows, groups, strict=True))
    footer = None if listing.footer is None else rated(listing.footer, total)
    columns = [
        msgspec.structs.replace(column, is_optional=True) if column.title in _LESS_URGENT else column
        for column in listing.columns
    ]
    return Listing((*columns, Column("an hour")), rows, footer)


def _hourly(totals: Totals, span_us: int) -> str:
    """Return the cost of an hour at this rate."""
    if totals.is_unknown:
        return "unknown"
    mark = "~" if totals.estimated_calls else ""
    return f"{mark}{format_usd(round_half_even(totals.cost_usd_nanos * _HOUR_US, span_us))}"


def _span_in_words(span_us: int) -> str:
    for unit_us, unit in ((24 * _HOUR_US, "day"), (_HOUR_US, "hour"), (60_000_000, "minute")):
        if span_us % unit_us == 0:
            count = span_us // unit_us
            return f"the last {unit}" if count == 1 else f"the last {count:,} {unit}s"
    return f"the last {span_us // 1_000_000:,} seconds"


def _room(out: Console) -> int:
    return max(out.height - _LINES_AROUND, _FEWEST_ROWS)


def _now_us() -> int:
    return time.time_ns() // 1000
