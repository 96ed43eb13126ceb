"""Listing: what the table says of a model, in the terms of a price list."""

from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from time import time_ns

import msgspec

from taximeter.pricing.catalog import Catalog
from taximeter.pricing.condition import meets
from taximeter.pricing.instant import date_text
from taximeter.pricing.kind import TOKEN_KINDS, list_price
from taximeter.pricing.plan import is_active
from taximeter.pricing.resolver import Entry
from taximeter.pricing.table import Multiplier, Row, Window

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


class ListedPrice(msgspec.Struct, frozen=True, kw_only=True):
    """One line of a price list.

    Args:
        usd: Exact prices by kind and unit: `input` of one `mtok`, `web_search` of `1k`, `audio_ms` of one `hour`.
        above_tokens: The size of the input that it holds above; None for the first step.
        valid_from, valid_until: Dates or times, UTC; None means no bound.
        hours: The part of the day it holds in, UTC; None for all day.
        when: The context it holds in; empty for the standard price.
        in_force: Whether it holds at the instant that was asked for, its context given.
        source: `table` or `overlay`.
    """

    usd: dict[str, str]
    above_tokens: int | None = None
    valid_from: str | None = None
    valid_until: str | None = None
    hours: str | None = None
    when: dict[str, str] = {}
    in_force: bool = False
    source: str = "table"


class ListedFactor(msgspec.Struct, frozen=True, kw_only=True):
    """What every token price is multiplied by in a context, where the list has no prices of its own for that.

    Args:
        factor: An exact number, as text.
        when: The context; a value may be a glob pattern, and `!x` is anything but x.
        except_kinds: What it leaves as it is.
        valid_from, valid_until: Dates or times, UTC; None means no bound.
        in_force: Whether it acts at the instant that was asked for, its context given.
    """

    factor: str
    when: dict[str, str]
    except_kinds: tuple[str, ...] = ()
    valid_from: str | None = None
    valid_until: str | None = None
    in_force: bool = False


class Listing(msgspec.Struct, frozen=True, kw_only=True):
    """A model as the table has it: `id` is provider and model in the table's words."""

    id: str
    version: str
    prices: tuple[ListedPrice, ...]
    factors: tuple[ListedFactor, ...] = ()


def look_up(
    model: str, provider: str | None = None, *, catalog: Catalog | None = None, at_us: int | None = None
) -> tuple[Listing, ...]:
    """Return what the table says of a model, in any of its spellings.

    Args:
        model: A name as a response or request would have it.
        provider: Whose model; None lists it for every provider that has it.
        catalog: The prices; None means those of `Catalog.default`.
        at_us: The instant that `in_force` is for, Unix time in UTC microseconds; None means now.
    """
    catalog = Catalog.default() if catalog is None else catalog
    at_us = time_ns() // 1000 if at_us is None else at_us
    providers = catalog.providers if provider is None else (provider,)
    return tuple(
        _listing(entry, catalog.multipliers(name, (model, entry.model)), catalog.version, at_us)
        for name in providers
        if (entry := catalog.entry(name, model)) is not None and (provider is not None or entry.own)
    )


def _listing(entry: Entry, rules: Iterable[Multiplier], version: str, at_us: int) -> Listing:
    standing = [row for row in entry.rows if not row.when and is_active(row, at_us)]
    current = standing[-1] if standing else None
    return Listing(
        id=entry.id,
        version=version,
        prices=tuple(
            price
            for row in entry.rows
            for price in _prices(row, in_force=row is current or bool(row.when and is_active(row, at_us)))
        ),
        factors=tuple(_factor(rule, entry, at_us) for rule in rules),
    )


def _factor(rule: Multiplier, entry: Entry, at_us: int) -> ListedFactor:
    variants = [row for row in entry.rows if row.when.keys() >= rule.when.keys() and is_active(row, at_us)]
    met = any(meets(row.when, rule.when) for row in variants)
    return ListedFactor(
        factor=f"{Decimal(rule.numerator) / rule.denominator:f}",
        when=dict(rule.when),
        except_kinds=tuple(kind for kind in TOKEN_KINDS if kind not in rule.kinds),
        valid_from=None if rule.from_us is None else date_text(rule.from_us),
        valid_until=None if rule.until_us is None else date_text(rule.until_us),
        in_force=is_active(rule, at_us) and not (rule.unless_variant and met),
    )


def _prices(row: Row, *, in_force: bool) -> Iterator[ListedPrice]:
    """Yield the line of a row and one for each of its tiers."""
    for above, rates in ((None, row.rates), *((tier.above_tokens, tier.rates) for tier in row.tiers)):
        yield ListedPrice(
            usd={kind: list_price(kind, rate) for kind, rate in rates.items()},
            above_tokens=above,
            valid_from=None if row.from_us is None else date_text(row.from_us),
            valid_until=None if row.until_us is None else date_text(row.until_us),
            hours=None if row.window is None else _hours(row.window),
            when=dict(row.when),
            in_force=in_force,
            source="overlay" if row.overlay else "table",
        )


def _hours(window: Window) -> str:
    times = " to ".join(
        f"{second // 3600:02}:{second % 3600 // 60:02}" for second in (window.start_s, window.end_s)
    )
    days = [name for number, name in enumerate(_DAYS) if window.days >> number & 1]
    return times if len(days) == len(_DAYS) else f"{times} {' '.join(days)}"


def listing_fields(listing: Listing) -> Mapping[str, object]:
    """Return a listing for JSON."""
    fields: Mapping[str, object] = msgspec.to_builtins(listing)
    return fields
