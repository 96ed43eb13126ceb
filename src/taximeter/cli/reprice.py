"""`taximeter reprice`: what recorded calls would cost by other prices, at another time or with another model."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

import msgspec
from rich.console import Console

from taximeter.cli.choice import Choice
from taximeter.cli.conclusion import describe_losses, mention_unreadable, no_calls
from taximeter.cli.console import console, plain
from taximeter.cli.listing import Column, Listing, Row, number, print_listing, write_listing_as_markdown
from taximeter.cli.output_format import Cell, write_csv, write_json
from taximeter.cli.progress import watched_events
from taximeter.cli.totals_table import money_text
from taximeter.errors import ConfigurationError
from taximeter.prices import from_file
from taximeter.pricing import Catalog, Override
from taximeter.pricing.installation import newest_table, read_table
from taximeter.pricing.table import Table as PriceTable
from taximeter.pricing.table import shipped_table
from taximeter.report.money import plural, signed_usd
from taximeter.report.repricing import Change, Fate, Repriced, Repricing, Terms, repriced
from taximeter.report.substitution import read_substitution
from taximeter.store import EventFile, Store, open_store
from taximeter.store.repriced_store import RepricedStore

TABLES: dict[str, Callable[[], PriceTable]] = {"current": newest_table, "shipped": shipped_table}
_SHOWN_REASONS = 20
_ENDED = (Fate.NEWLY_PRICED, Fate.STILL_UNPRICED, Fate.NO_LONGER_PRICED)


class NewStore(msgspec.Struct, frozen=True, kw_only=True):
    """Where to write the calls with their new costs, and the options to note there."""

    path: Path
    replace: bool
    stated: Mapping[str, object]


def reprice(
    path: Path,
    catalog: Catalog,
    terms: Terms,
    choice: Choice,
    *,
    new: NewStore | None,
    output_format: str,
) -> None:
    """Price the calls of a store again, show what changes, and write a new store where that is asked for.

    Args:
        path: The store, which is only read.
        catalog: The prices.
        terms: When, and with which model.
        choice: Which calls.
        new: The new store; None writes none.
        output_format: One of `output_format.FORMATS`.

    Raises:
        ConfigurationError: There is no such file, or the new one cannot be where it is to be.
        StoreError: The file is no store, or the new one cannot be written.
    """
    result = Repricing(terms=terms, price_version=catalog.version)
    with open_store(path) as store:
        with ExitStack() as stack:
            events = stack.enter_context(watched_events(store, choice, "reprice"))
            calls = repriced(events, catalog, result)
            if new is not None:
                calls = _written(calls, stack.enter_context(_opened(new, path, catalog)))
            for _ in calls:
                pass
        _show(store, result, choice, new, output_format)
        mention_unreadable(store)


def _show(
    store: Store | EventFile, result: Repricing, choice: Choice, new: NewStore | None, output_format: str
) -> None:
    if output_format == "json":
        write_json({**_document(result, new), "lost": store.lost(choice.window)})
    elif output_format == "csv":
        write_csv(_CSV_COLUMNS, map(_csv_row, result.changes))
    elif not result.by_model:
        console().print(plain(f"{no_calls(store, choice)}."))
    elif output_format == "markdown":
        write_listing_as_markdown(_listing(result))
    else:
        _print(result, new)
        for note in describe_losses(store, choice):
            console().print(plain(note, "yellow"))


def read_catalog(table: str | None, prices: Sequence[Path], discounts: Sequence[str]) -> Catalog:
    """Return the prices that the options ask for.

    Args:
        table: A price table's file, `current` or `shipped`; None means the current one.
        prices: Contracts and providers' files, the later ones stronger.
        discounts: Percents off the list, `20` or `anthropic=20`, `anthropic/claude-*=20`.

    Raises:
        ConfigurationError: One of them cannot be read.
        UnreadableTableError: The table is none.
    """
    if table is None:
        catalog = Catalog.default()
    else:
        catalog = Catalog(TABLES[table]() if table in TABLES else read_table(table))
    own = [override for file in prices for override in from_file(file)]
    return catalog.with_overrides(*own, *map(_discount, discounts))


def read_terms(
    catalog: Catalog, *, at_us: int | None, models: Sequence[str], token_ratio: str | None, reported: bool
) -> Terms:
    """Return the terms that the options ask for.

    Raises:
        ConfigurationError: A model that nobody has, or a ratio that cannot be.
    """
    if token_ratio is not None and not models:
        raise ConfigurationError("--token-ratio", token_ratio, "given with --model")
    return Terms(
        at_us=at_us,
        models=tuple(read_substitution(text, catalog) for text in models),
        token_ratio=_number("--token-ratio", token_ratio or "1"),
        reported=reported,
    )


def _number(key: str, text: str) -> Decimal:
    try:
        number = Decimal(text)
    except InvalidOperation as error:
        raise ConfigurationError(key, text, "a number") from error
    if not number.is_finite():
        raise ConfigurationError(key, text, "a number")
    return number


def _discount(text: str) -> Override:
    whose, _, percent = text.rpartition("=")
    off = _number("--discount", percent.removesuffix("%"))
    if not 0 <= off <= 100:
        raise ConfigurationError("--discount", text, "a percentage from 0 to 100, such as 20 or anthropic=20")
    provider, _, model = whose.partition("/")
    return Override(provider=provider or "*", model=model or "*", multiplier=1 - off / 100)


def _opened(new: NewStore, path: Path, catalog: Catalog) -> RepricedStore:
    if new.path.exists() and new.path.samefile(path):
        raise ConfigurationError("--write", str(new.path), "another file than the store that is read")
    return RepricedStore(new.path, price_version=catalog.version, terms=new.stated, replace=new.replace)


def _written(calls: Iterable[Repriced], store: RepricedStore) -> Iterator[Repriced]:
    for call in calls:
        store.write(call)
        yield call


def _print(result: Repricing, new: NewStore | None) -> None:
    out = console()
    total = result.total
    print_listing(out, _listing(result))
    out.print()
    out.print(plain(f"{plural(total.before.calls, 'call')} by table {result.price_version}"))
    out.print(plain(f"before  {total.before.money}"))
    out.print(plain(f"after   {total.after.money}"))
    out.print(plain(f"change  {_change_in_words(total)}{_of_which(total)}"))
    for line in _notes(result, total):
        out.print(plain(line))
    _print_reasons(out, result)
    if new is not None:
        out.print(plain(f"written to {new.path}; the store it came from is as it was"))


def _of_which(total: Change) -> str:
    """Return how many calls the change holds whole, because they have a price on one side only."""
    new, gone = total.fates[Fate.NEWLY_PRICED], total.fates[Fate.NO_LONGER_PRICED]
    parts = [f", {plural(new, 'call')} in it that had no price before"] if new else []
    parts += [f", {plural(gone, 'call')} in it that have no price any more"] if gone else []
    return "".join(parts)


def _notes(result: Repricing, total: Change) -> Iterator[str]:
    if kept := total.fates[Fate.KEPT]:
        yield f"{plural(kept, 'call')} kept the cost that the provider reported or the application stated (--reported)"
    own = sum(result.own_prices.values())
    if own:
        yield f"{plural(own, 'call')} had been priced by the application's own prices, and are by the list now (--prices)"
    for assumption in result.terms.assumptions:
        yield f"assumed: {assumption}"


def _print_reasons(out: Console, result: Repricing) -> None:
    found = result.reasons.most_common()
    for (provider, model, reason), calls in found[:_SHOWN_REASONS]:
        out.print(
            plain(f"no full price: {plural(calls, 'call')} of {provider}/{model or '(no model)'}: {reason}")
        )
    if len(found) > _SHOWN_REASONS:
        out.print(plain(f"and {len(found) - _SHOWN_REASONS:,} more reasons (--json lists all)"))


def _listing(result: Repricing) -> Listing:
    total = result.total
    fates = [fate for fate in _ENDED if total.fates[fate]]
    others = [change for change in result.changes if change.to]
    columns = (
        Column("model", is_number=False),
        *([Column("as", is_number=False)] if others else []),
        *(Column(title) for title in ("calls", "before", "after", "change", *map(str, fates))),
    )
    rows = tuple(
        _row(change, f"{change.provider}/{change.model or '(none)'}", fates, others)
        for change in result.changes
    )
    footer = _row(total, "total", fates, others) if len(rows) > 1 else None
    return Listing(columns, rows, footer)


def _row(change: Change, name: str, fates: Sequence[Fate], others: Sequence[Change]) -> Row:
    instead = [plain("/".join(map(str, change.to)) if change.to else "")] if others else []
    money = money_text(change.before), money_text(change.after), _change_in_words(change)
    counts = [number(change.fates[fate]) for fate in fates]
    return Row((plain(name, "bold"), *instead, number(change.before.calls), *map(plain, money), *counts))


_CSV_COLUMNS = (
    "provider",
    "model",
    "as_provider",
    "as_model",
    "calls",
    "before_usd_nanos",
    "after_usd_nanos",
    "difference_usd_nanos",
    *(f"{fate}_calls".replace(" ", "_") for fate in Fate),
)


def _csv_row(change: Change) -> list[Cell]:
    costs: list[Cell] = [
        change.before.known_usd_nanos,
        change.after.known_usd_nanos,
        change.difference_usd_nanos,
    ]
    fates = [change.fates[fate] for fate in Fate]
    return [change.provider, change.model, *(change.to or (None, None)), change.before.calls, *costs, *fates]


def _change_in_words(change: Change) -> str:
    is_unknown = change.before.is_unknown and change.after.is_unknown
    return "unknown" if is_unknown else signed_usd(change.difference_usd_nanos)


def _document(result: Repricing, new: NewStore | None) -> dict[str, Any]:
    return {
        "price_version": result.price_version,
        "assumptions": result.terms.assumptions,
        "models": [_as_json(change) for change in result.changes],
        "total": _as_json(result.total),
        "own_prices": result.own_prices,
        "without_full_price": [
            {"provider": provider, "model": model, "reason": reason, "calls": calls}
            for (provider, model, reason), calls in result.reasons.most_common()
        ],
        "written_to": None if new is None else str(new.path),
    }


def _as_json(change: Change) -> dict[str, Any]:
    to = dict(zip(("provider", "model"), change.to, strict=True)) if change.to else None
    return {
        "provider": change.provider or None,
        "model": change.model,
        "as": to,
        "before": change.before.fields,
        "after": change.after.fields,
        "difference_usd_nanos": change.difference_usd_nanos,
        "calls_by_fate": {str(fate): change.fates[fate] for fate in Fate},
    }
