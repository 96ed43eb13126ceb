"""`taximeter prices`: look prices up, compare tables, take a newer one, see what lacks a price."""

from collections.abc import Iterator, Sequence
from datetime import UTC
from pathlib import Path

from rich import box
from rich.table import Table as Grid

from taximeter.cli.choice import read_window
from taximeter.cli.conclusion import mention_unreadable
from taximeter.cli.console import console, plain
from taximeter.cli.output_format import write_json
from taximeter.cli.rate import rate_text
from taximeter.errors import ConfigurationError
from taximeter.pricing import Catalog
from taximeter.pricing.difference import Change, differences
from taximeter.pricing.installation import install, newest_table, read_table
from taximeter.pricing.kind import unit_of
from taximeter.pricing.listing import ListedFactor, ListedPrice, Listing, look_up
from taximeter.pricing.table import Table, shipped_table
from taximeter.report.money import plural
from taximeter.report.unpriced import find_unpriced
from taximeter.report.window import read_moment
from taximeter.store import open_store

_TABLES = {"current": newest_table, "shipped": shipped_table}
_SHOWN_CHANGES = 200


def show(model: str, provider: str | None, *, at: str | None, everything: bool, as_json: bool) -> None:
    """Print the prices of a model: those in force, or with *everything* its history and variants too.

    Raises:
        ConfigurationError: The table does not have the model, or the moment cannot be read.
    """
    at_us = None if at is None else read_moment(at, UTC, key="--at")
    listings = look_up(model, provider, at_us=at_us)
    if not listings:
        where = "" if provider is None else f" of {provider}"
        raise ConfigurationError("MODEL", model, f"a model{where} in price table {Catalog.default().version}")
    if as_json:
        write_json(listings)
    else:
        _print_listings(listings, everything=everything)


def _print_listings(listings: Sequence[Listing], *, everything: bool) -> None:
    out = console()
    for listing in listings:
        prices = [price for price in listing.prices if everything or price.in_force]
        out.print(plain(listing.id, "bold"))
        for price in prices:
            out.print(plain(f"  {_terms(price)}", "" if price.in_force else "dim"))
            grid = Grid.grid(padding=(0, 2))
            for kind, usd in price.usd.items():
                grid.add_row("", plain(kind), plain(rate_text(usd, unit_of(kind)[0]), "green"))
            out.print(grid)
        for factor in listing.factors:
            if everything or factor.in_force:
                out.print(plain(f"  {_factor_text(factor)}", "" if factor.in_force else "dim"))
    out.print(plain(f"table {listings[0].version}", "dim"))


def _terms(price: ListedPrice) -> str:
    """Return when a price holds, in words."""
    parts = [f"{key}={value}" for key, value in price.when.items()] or ["standard"]
    if price.above_tokens is not None:
        parts.append(f"over {price.above_tokens:,} input tokens")
    parts += _dates(price)
    if price.hours is not None:
        parts.append(f"{price.hours} UTC")
    return ", ".join(parts)


def _factor_text(factor: ListedFactor) -> str:
    """Return a factor, what it is for, and when, in words."""
    when = ", ".join(f"{key}={value}" for key, value in factor.when.items())
    kinds = f"all tokens except {', '.join(factor.except_kinds)}" if factor.except_kinds else "all tokens"
    return ", ".join([f"{when}: x{factor.factor} on {kinds}", *_dates(factor)])


def _dates(of: ListedPrice | ListedFactor) -> Iterator[str]:
    if of.valid_from is not None:
        yield f"from {of.valid_from}"
    if of.valid_until is not None:
        yield f"until {of.valid_until}"


def diff(old: str, new: str, *, as_json: bool) -> None:
    """Print what changed from one table to another; `current` and `shipped` stand for the tables on this machine.

    Raises:
        OSError, UnreadableTableError: A file that cannot be read, or is no price table.
    """
    changes = differences(_table(old), _table(new))
    if as_json:
        write_json(changes)
    else:
        _print_changes(changes)


def _table(name: str) -> Table:
    return _TABLES[name]() if name in _TABLES else read_table(name)


def _print_changes(changes: Sequence[Change]) -> None:
    out = console()
    shown = changes[:_SHOWN_CHANGES] if out.is_terminal else changes
    for change in shown:
        out.print(plain(_change_text(change)))
    if len(shown) < len(changes):
        out.print(plain(f"and {len(changes) - len(shown):,} more", "dim"))
    out.print(plain(plural(len(changes), "change")))


def _change_text(change: Change) -> str:
    if change.what != "price":
        return f"{change.id}  {change.what}"
    old, new = (f"${usd}" if usd is not None else "none" for usd in (change.old, change.new))
    return f"{change.id}  {change.kind}  {old} -> {new}"


def update(source: str, *, force: bool) -> None:
    """Take in a newer table from a file or URL, checked first, and say what it changes.

    Raises:
        ConfigurationError: The source is neither a file nor a URL that answers.
        UnreadableTableError, SuspiciousTableError: It is no price table, or does not look right.
    """
    done = install(source, force=force)
    console().print(
        plain(f"{done.old_version} -> {done.new_version}, {plural(len(done.changes), 'change')}: {done.path}")
    )


def check(path: Path, *, since: str | None, until: str | None, as_json: bool) -> None:
    """Print which calls in a store lack a price or a part of it, and why.

    Raises:
        ConfigurationError: There is no such file, or a moment cannot be read.
        StoreError: The file is no store.
    """
    window = read_window(since, until, UTC)
    catalog = Catalog.default()
    with open_store(path) as store:
        found = find_unpriced(store.events(window, lacking_price=True), catalog)
        mention_unreadable(store)
    if as_json:
        write_json(found)
        return
    out = console()
    if found:
        table = Grid(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
        for name in ("provider", "model", "calls", "why"):
            table.add_column(name, justify="right" if name == "calls" else "left", overflow="fold")
        for each in found:
            model = "(none)" if each.model is None else each.model
            table.add_row(plain(each.provider), plain(model, "bold"), f"{each.calls:,}", plain(each.reason))
        out.print(table)
        out.print()
    calls = sum(each.calls for each in found)
    out.print(plain(f"{plural(calls, 'call')} without a price or a part of it; table {catalog.version}"))
