"""`taximeter diff`: what changed from one set of calls to another, and why."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
from rich.text import Text

from taximeter.cli.choice import Choice, describe_window
from taximeter.cli.conclusion import mention_unreadable
from taximeter.cli.console import console, plain
from taximeter.cli.listing import Column, Listing, Row, number, print_listing, write_listing_as_markdown
from taximeter.cli.output_format import write_csv, write_json
from taximeter.cli.totals_table import money_cell, name_cell, shared_decimals
from taximeter.errors import ConfigurationError
from taximeter.report.difference import Difference, Effects, compare, total_of
from taximeter.report.dimension import PERIODS, read_dimensions
from taximeter.report.group import Group
from taximeter.report.lost import describe_lost
from taximeter.report.money import exact_or_empty, plural, signed_usd
from taximeter.report.span import SPANS, read_span
from taximeter.report.totals import Totals
from taximeter.report.window import ALWAYS
from taximeter.store import open_store

EFFECTS = Effects.__struct_fields__
_RUN = "run:"
_REASONS = {
    "calls": ("more calls", "fewer calls"),
    "mix": ("a dearer mix", "a cheaper mix"),
    "tokens": ("more tokens a call", "fewer tokens a call"),
    "price": ("dearer tokens", "cheaper tokens"),
}


class Side(msgspec.Struct, frozen=True):
    """One of the two: a store, and which of its calls."""

    path: Path
    choice: Choice
    name: str

    def groups(self, by: Sequence[str]) -> tuple[list[Group], dict[str, int]]:
        """Return the totals by dimension, and how many events are known lost for which reason."""
        with open_store(self.path) as store:
            choice = self.choice
            found = store.totals(by, where=choice.where, window=choice.window, zone=choice.zone)
            mention_unreadable(store)
            return found, store.lost(choice.window)


def read_side(key: str, text: str, path: Path, choice: Choice) -> Side:
    """Return what BEFORE or AFTER means: a store's file, `run:ID`, or a stretch of time.

    Raises:
        ConfigurationError: It is none of these, or says again what an option says.
    """
    if Path(text).is_file():
        return Side(Path(text), choice, text)
    if text.startswith(_RUN) and text != _RUN:
        if "run" in choice.where:
            raise ConfigurationError(key, text, "a span or a file where --where names the run")
        where = {**choice.where, "run": text.removeprefix(_RUN)}
        return Side(path, msgspec.structs.replace(choice, where=where), text)
    try:
        window = read_span(text, choice.zone, key=key)
    except ConfigurationError as error:
        if error.allowed != SPANS:
            raise
        raise ConfigurationError(key, text, f"the file of a store, run:ID, {SPANS}") from error
    if choice.window != ALWAYS:
        raise ConfigurationError(key, text, "a file or run:ID where --since or --until says when")
    return Side(path, msgspec.structs.replace(choice, window=window), describe_window(window, choice.zone))


def diff(before: Side, after: Side, by: Sequence[str], *, output_format: str) -> None:
    """Print what changed, and in what parts the change of cost can be taken.

    Raises:
        ConfigurationError: A name that is no dimension, or a file is not there.
        StoreError: A file is no store.
    """
    names = read_dimensions(by)
    if periods := [name for name in names if name in PERIODS]:
        raise ConfigurationError("by", periods[0], "a dimension that both sides have in common, so no period")
    finest = names if "model" in names else (*names, "model")
    (earlier, lost_before), (later, lost_after) = before.groups(finest), after.groups(finest)
    found = compare(earlier, later, width=len(names))
    total = total_of(found)
    if output_format == "json":
        document = _document(names, before, after, found, total)
        document["before"]["lost"], document["after"]["lost"] = lost_before, lost_after
        write_json(document)
    elif output_format == "csv":
        write_csv(_csv_names(names), map(_csv_row, found))
    elif output_format == "markdown":
        write_listing_as_markdown(_listing(names, found, total))
    else:
        _print(names, before, after, found, total)
        for lost in dict.fromkeys(describe_lost(lost) for lost in (lost_before, lost_after) if lost):
            console().print(plain(f"Not in it: {lost}.", "yellow"))


def describe_change(total: Difference) -> str:
    """Return the change in one sentence: `+$12.30 (+45 %): +$9.10 from more calls, +$3.20 from a dearer mix`."""
    change, earlier = total.change_usd_nanos, total.before.cost_usd_nanos
    if change is None:
        return "unknown: calls without a price are in no amount"
    share = f" ({change * 100 / earlier:+,.0f} %)" if earlier else ""
    causes = [(getattr(total.effects, name), words) for name, words in _REASONS.items()]
    causes = sorted((cause for cause in causes if cause[0]), key=lambda cause: -abs(cause[0]))
    decimals = shared_decimals([change, *(abs(nanos) for nanos, _ in causes)])
    why = ", ".join(f"{signed_usd(nanos, decimals)} from {words[nanos < 0]}" for nanos, words in causes)
    return f"{signed_usd(change, decimals)}{share}" + (f": {why}" if why else ", nothing changed")


def _print(
    names: tuple[str, ...], before: Side, after: Side, found: list[Difference], total: Difference
) -> None:
    out = console()
    if not total.before.calls and not total.after.calls:
        out.print(plain("No calls on either side."))
        return
    out.print(plain(describe_change(total), "bold"))
    for label, side, totals in (("before", before, total.before), ("after", after, total.after)):
        out.print(plain(f"{label:<6}  {side.name}: {plural(totals.calls, 'call')}, {totals.money}"))
    out.print()
    print_listing(out, _listing(names, found, total))
    if total.before.unpriced_calls != total.after.unpriced_calls:
        out.print(
            plain("Calls without a price are in no amount, and their number is not the same.", "yellow")
        )


def _listing(names: tuple[str, ...], found: list[Difference], total: Difference) -> Listing:
    columns = [Column(name, is_number=False) for name in names]
    columns += [Column("calls before", is_optional=True), Column("calls after", is_optional=True)]
    columns += [Column("before"), Column("after"), Column("change")]
    columns += [Column(name, is_optional=True) for name in EFFECTS]
    amounts = [max(each.before.cost_usd_nanos, each.after.cost_usd_nanos) for each in (*found, total)]
    decimals = shared_decimals(amounts)
    label = [plain("" if at else "total") for at in range(len(names))]

    def row(each: Difference, key: Sequence[Any]) -> Row:
        cells = [number(each.before.calls), number(each.after.calls)]
        cells += [_amount(each.before, decimals), _amount(each.after, decimals)]
        cells += [_change(nanos, decimals) for nanos in _changes(each)]
        return Row((*key, *cells), describe_change(each))

    rows = tuple(row(each, list(map(name_cell, each.key))) for each in found)
    return Listing(tuple(columns), rows, row(total, label) if len(found) > 1 else None)


def _amount(totals: Totals, decimals: int) -> Text:
    return money_cell(totals, decimals) if totals.calls else plain("-", "dim")


def _changes(each: Difference) -> list[int | None]:
    """Return the change and its parts in nanodollars; None where a side is unknown, as there is nothing to take apart."""
    whole = each.change_usd_nanos
    return [whole, *(None if whole is None else getattr(each.effects, name) for name in EFFECTS)]


def _change(nanos: int | None, decimals: int) -> Text:
    if nanos is None:
        return plain("unknown", "yellow")
    return plain(signed_usd(nanos, decimals), "dim" if not nanos else "red" if nanos > 0 else "green")


def _document(
    names: tuple[str, ...], before: Side, after: Side, found: list[Difference], total: Difference
) -> dict[str, Any]:
    def side(one: Side) -> dict[str, Any]:
        window = one.choice.window
        return {
            "store": str(one.path),
            "since_us": window.since_us,
            "until_us": window.until_us,
            "where": one.choice.where,
        }

    def change(each: Difference) -> dict[str, Any]:
        names = ["change_usd_nanos", *(f"{name}_effect_usd_nanos" for name in EFFECTS)]
        changes = dict(zip(names, _changes(each), strict=True))
        return {"before": each.before.fields, "after": each.after.fields, **changes}

    return {
        "by": names,
        "tz": before.choice.tz,
        "before": side(before),
        "after": side(after),
        "groups": [{**dict(zip(names, each.key, strict=True)), **change(each)} for each in found],
        "total": change(total),
    }


def _csv_names(names: tuple[str, ...]) -> list[str]:
    effects = [f"{name}_effect_usd" for name in EFFECTS]
    counts = [
        f"{name}_{side}" for name in ("calls", "unpriced_calls", "cost_usd") for side in ("before", "after")
    ]
    return [*names, *counts, "change_usd", *effects]


def _csv_row(each: Difference) -> list[Any]:
    sides = (each.before, each.after)
    counts = [getattr(side, name) for name in ("calls", "unpriced_calls") for side in sides]
    amounts = [*(side.known_usd_nanos for side in sides), *_changes(each)]
    return [*each.key, *counts, *map(exact_or_empty, amounts)]
