"""Compile genai-prices and our overlay into the price table that taximeter ships.

    python tools/compile_prices.py [--check] [--fresh]

The result depends on nothing but the installed genai-prices, `overlay.toml`, the table that is there already and the
rules below, and is the same to the byte on every run. The past is kept: a model that upstream has dropped stays, and a
price that upstream has replaced without a date stays in force until the day of this compilation. `--fresh` forgets what
is there, `--check` writes nothing and fails when the shipped table differs.
"""

import re
import sys
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, date, datetime, time
from decimal import Decimal
from fractions import Fraction
from importlib.metadata import version
from pathlib import Path
from typing import Any

import msgspec
from genai_prices.data import providers as upstream_providers
from genai_prices.types import (
    ClauseAnd,
    ClauseContains,
    ClauseEndsWith,
    ClauseEquals,
    ClauseOr,
    ClauseRegex,
    ClauseStartsWith,
    ConditionalPrice,
    ModelInfo,
    ModelPrice,
    StartDateConstraint,
    TieredPrices,
    TimeOfDateConstraint,
)
from genai_prices.types import Provider as UpstreamProvider

from taximeter.pricing.instant import instant_us
from taximeter.pricing.kind import KINDS, PIECES, TOKEN_KINDS
from taximeter.pricing.money import femtos, round_half_even
from taximeter.pricing.table import (
    Multiplier,
    Provider,
    Row,
    Table,
    Tier,
    Window,
    build_table,
    decode_table,
    encode_table,
)

DATA = Path(__file__).parent.parent / "src/taximeter/pricing/data"

# Their name of a price: our kind, and how many pieces it is the price of. Video tokens are billed as the text or
# image tokens they are counted with; a cached picture is counted as cached text.
UNITS: Mapping[str, tuple[str, int]] = {
    "input_mtok": ("input", 10**6),
    "cache_read_mtok": ("cache_read", 10**6),
    "cache_write_mtok": ("cache_write_5m", 10**6),
    "cache_write_1h_mtok": ("cache_write_1h", 10**6),
    "input_audio_mtok": ("audio_input", 10**6),
    "cache_audio_read_mtok": ("cache_read_audio", 10**6),
    "input_image_mtok": ("image_input", 10**6),
    "output_mtok": ("output", 10**6),
    "output_audio_mtok": ("audio_output", 10**6),
    "output_image_mtok": ("image_output", 10**6),
    "output_reasoning_mtok": ("reasoning", 10**6),
    "output_citation_mtok": ("citation_token", 10**6),
    "web_searches_kcount": ("web_search", 1000),
    "social_searches_kcount": ("x_search", 1000),
    "storage_searches_kcount": ("file_search", 1000),
    "code_executions_kcount": ("code_execution", 1000),
    "rerank_searches_kcount": ("search_unit", 1000),
    "input_document_kpages": ("page", 1000),
    "input_annotated_document_kpages": ("annotated_page", 1000),
    "input_mchars": ("character", 10**6),
    "input_text_messages_kcount": ("text_message", 1000),
    "requests_kcount": ("request", 1000),
    "audio_hours": ("audio_ms", 1),
    "input_audio_hours": ("audio_ms", 1),
}
LEFT_OUT = {"input_video_mtok", "output_video_mtok", "cache_image_read_mtok"}

# The days on which upstream began to list tiers and batch prices that had been in force for long.
LISTED_LATE = (date(2026, 10, 12), date(2026, 10, 15))


def main(arguments: list[str]) -> int:
    """Write the table, or compare it with the one that is there."""
    overlay = tomllib.loads((DATA / "overlay.toml").read_text())
    target = DATA / "prices.bin"
    shipped = decode_table(target.read_bytes()) if target.exists() and "--fresh" not in arguments else None
    data = encode_table(compile_table(upstream_providers, overlay, shipped))
    if "--check" in arguments:
        same = target.read_bytes() == data
        print(
            "the shipped table is up to date"
            if same
            else "the shipped table differs: run tools/compile_prices.py"
        )
        return 0 if same else 1
    target.write_bytes(data)
    print(f"{target.name}: {len(data):,} bytes")
    return 0


def compile_table(
    upstream: Iterable[UpstreamProvider], overlay: Mapping[str, Any], shipped: Table | None = None
) -> Table:
    """Return the table made of their data, the past of the shipped one, and our overlay on top."""
    providers = {provider.id: compile_provider(provider) for provider in upstream}
    if shipped is not None:
        keep_past(providers, shipped, start_us(overlay["date"]))
    for entry in overlay.get("model", ()):
        add_overlay_model(providers, entry)
    return build_table(
        overlay["date"].isoformat(),
        f"genai-prices {version('genai-prices')}",
        {name: provider for name, provider in providers.items() if provider.models},
        [compile_multiplier(entry) for entry in overlay.get("multiplier", ())],
    )


# Models


def compile_provider(upstream: UpstreamProvider) -> Provider:
    """Convert one provider; models without any price are left out, so that their price is unknown and not zero."""
    provider = Provider({}, {}, {}, tuple(upstream.fallback_model_providers or ()))
    for model in upstream.models:
        rows = compile_model(model)
        if upstream.id == "openai":
            rows = tuple(map(without_cache_discount, rows))
        if any(row.rates for row in rows if not row.when):
            provider.models[model.id] = rows
            add_names(provider, model)
    return provider


def compile_model(model: ModelInfo) -> tuple[Row, ...]:
    """Return the standard rows, oldest first, and the variants."""
    prices = model.prices if isinstance(model.prices, list) else [ConditionalPrice(prices=model.prices)]
    standard = [compile_row(price.prices, price.constraint) for price in prices]
    standard[0] = msgspec.structs.replace(standard[0], from_us=None)  # upstream falls back to the first one
    variants = [
        compile_row(variant.prices, variant.constraint, variant.when)
        for variant in model.price_variants or ()
        if has_a_price(variant.prices) or "processing" in variant.when  # a batch at the list price
    ]
    return (*standard, *variants, *backdated(standard, variants))


def has_a_price(price: ModelPrice) -> bool:
    """Whether a price has one that is not zero."""
    return bool(compile_row(price, None).rates)


def compile_row(
    price: ModelPrice,
    constraint: StartDateConstraint | TimeOfDateConstraint | None,
    when: Mapping[str, str] | None = None,
) -> Row:
    """Convert one price."""
    rates: dict[str, int] = {}
    tiers: dict[int, dict[str, int]] = {}
    for key, value in price.__dict__.items():
        if value is None or key in LEFT_OUT:
            continue
        kind, per = UNITS[key]
        rates[kind] = femtos(value.base if isinstance(value, TieredPrices) else value, per)
        for tier in value.tiers if isinstance(value, TieredPrices) else ():
            tiers.setdefault(tier.start, {})[kind] = femtos(tier.price, per)
    if not any(rates.values()):
        rates, tiers = {}, {}  # nothing, or zero for everything: not known
    return Row(
        rates=rates,
        tiers=tuple(Tier(start, tiers[start]) for start in sorted(tiers)),
        from_us=start_us(constraint.start_date) if isinstance(constraint, StartDateConstraint) else None,
        window=window(constraint) if isinstance(constraint, TimeOfDateConstraint) else None,
        when=dict(when or {}),
    )


def start_us(day: date) -> int:
    """Return a day's beginning in UTC microseconds."""
    return int(datetime.combine(day, time(), tzinfo=UTC).timestamp()) * 1_000_000


def window(constraint: TimeOfDateConstraint) -> Window:
    """Convert a daily window; upstream's times are in UTC."""
    start, end = constraint.start_time, constraint.end_time
    return Window(start.hour * 3600 + start.minute * 60, end.hour * 3600 + end.minute * 60)


def backdated(standard: list[Row], variants: list[Row]) -> Iterator[Row]:
    """Yield a variant for the time before it was listed, where only the listing is new and not the discount.

    Each earlier standard row gets a variant in the same proportion to it as the listed one has to its own.
    """
    first, last = (start_us(day) for day in LISTED_LATE)
    done = []
    for variant in sorted(variants, key=lambda row: row.from_us or 0):
        if variant.from_us is None or not first <= variant.from_us <= last or variant.when in done:
            continue
        done.append(variant.when)
        dated = [row for row in standard if row.window is None]
        base = [row for row in dated if (row.from_us or 0) <= variant.from_us][-1]
        ends = [*(row.from_us for row in dated[1:]), variant.from_us]
        for row, end in zip(dated, ends, strict=False):
            until = min(end or variant.from_us, variant.from_us)
            if (row.from_us or 0) < until:
                yield in_proportion(row, base, variant, until)


def without_cache_discount(row: Row) -> Row:
    """Return a batch row in which cached input without a price of its own costs what other input does.

    OpenAI's guide to prompt caching says that batches have no discount for it, and its list of prices has none for the
    models before GPT-5 (platform.openai.com/docs/guides/prompt-caching, developers.openai.com/api/docs/pricing,
    2026-11).
    """
    if row.when.get("processing") != "batch" or "input" not in row.rates or "cache_read" in row.rates:
        return row
    rates = {**row.rates, "cache_read": row.rates["input"]}
    return msgspec.structs.replace(row, rates=rates, overlay=True)


def in_proportion(row: Row, base: Row, variant: Row, until_us: int) -> Row:
    """Return a row scaled kind by kind as *variant* is to *base*."""

    def part(rates: Mapping[str, int]) -> dict[str, int]:
        return {
            kind: round_half_even(rate * variant.rates[kind], base.rates[kind])
            for kind, rate in rates.items()
            if kind in variant.rates and base.rates.get(kind)
        }

    return Row(
        rates=part(row.rates),
        tiers=tuple(Tier(tier.above_tokens, part(tier.rates), tier.marginal) for tier in row.tiers),
        from_us=row.from_us,
        until_us=until_us,
        when=variant.when,
        overlay=True,
    )


# The past


def keep_past(providers: dict[str, Provider], shipped: Table, today_us: int) -> None:
    """Put back what upstream has forgotten: models it dropped, and prices it replaced without saying when."""
    for name in shipped.providers:
        if (old := shipped.provider(name)) is None:
            continue
        fresh = providers.setdefault(name, Provider({}, {}, {}, old.fallbacks))
        for model, rows in old.models.items():
            listed = tuple(row for row in rows if not row.overlay)
            if model in fresh.models:
                fresh.models[model] = with_past(listed, fresh.models[model], today_us)
            elif any(not row.when for row in listed):
                fresh.models[model] = listed
                keep_names(fresh, old, model)


def with_past(old: tuple[Row, ...], fresh: tuple[Row, ...], today_us: int) -> tuple[Row, ...]:
    """Return the fresh rows behind the old standard ones; upstream's own history is trusted where it has one."""
    past = [row for row in old if not row.when]
    standard = [row for row in fresh if not row.when]
    if not past or len(standard) != 1:
        return fresh
    variants = [row for row in fresh if row.when]
    same = (past[-1].rates, past[-1].tiers) == (standard[0].rates, standard[0].tiers)
    now = [] if same else [msgspec.structs.replace(standard[0], from_us=today_us)]
    return (*past, *now, *variants)


def keep_names(fresh: Provider, old: Provider, model: str) -> None:
    """Keep what a dropped model answered to, unless another one has taken the name."""
    for names_now, names_then in ((fresh.exact, old.exact), (fresh.stems, old.stems)):
        for name, owner in names_then.items():
            if owner == model:
                names_now.setdefault(name, model)


# Names


def add_names(provider: Provider, model: ModelInfo) -> None:
    """Enter what a model answers to; where two claim a name, the first one keeps it, as upstream."""
    provider.exact.setdefault(model.id.lower(), model.id)
    if bedrock := re.fullmatch(r"(?:regional\.)?(.+-v\d+):\d+", model.id):
        provider.exact.setdefault(model.id.removeprefix("regional."), model.id)
        provider.stems.setdefault(bedrock[1], model.id)
    for exact, name in names(model.match):
        (provider.exact if exact else provider.stems).setdefault(name.lower().lstrip("/"), model.id)


def names(clause: Any) -> Iterator[tuple[bool, str]]:
    """Yield (exact?, name) of a matching rule. A rule that asks for a beginning becomes a stem: see `spelling`."""
    match clause:
        case ClauseOr(or_=clauses) | ClauseAnd(and_=clauses):
            for inner in clauses:
                yield from names(inner)
        case ClauseEquals(equals=text) | ClauseEndsWith(ends_with=text):
            yield True, text
        case ClauseStartsWith(starts_with=text) | ClauseContains(contains=text):
            yield from beginnings(text)
        case ClauseRegex(regex=pattern):
            yield from patterns(pattern)


def beginnings(text: str) -> Iterator[tuple[bool, str]]:
    """Yield the names of a beginning; one that stops within a date stands for the name before the date."""
    if text.endswith(".ft-"):
        yield True, text
    else:
        yield False, re.sub(r"(-20\d\d-?|-0|[-@])$", "", text)


def patterns(pattern: str) -> Iterator[tuple[bool, str]]:
    """Yield the names of a regular expression: a name with or without a date. What excludes names needs no entry."""
    if pattern.startswith("^(?!"):
        return
    text = (
        pattern.removeprefix("^")
        .removesuffix("$")
        .replace("\\.", ".")
        .replace("\\[", "[")
        .replace("\\]", "]")
    )
    text = re.sub(r"\(?-?(\[-@\])?(-?\\d(\{\d\})?)+\)?\??$", "", text)
    prefix = re.match(r"\(([a-z/]+)\)\?", text)
    for name in {text[prefix.end() :], prefix[1] + text[prefix.end() :]} if prefix else {text}:
        if re.search(r"[\\()^$?*+{]", name):
            raise ValueError(f"a matching rule nobody has translated: {pattern}")
        yield False, name


# Overlay


def add_overlay_model(providers: dict[str, Provider], entry: Mapping[str, Any]) -> None:
    """Put one overlay entry on top: later standard rows win, of variants the first one."""
    provider = providers.setdefault(entry["provider"], Provider({}, {}, {}))
    rows = [overlay_row(row) for row in entry.get("row", ())]
    listed = () if entry.get("replace") else provider.models.get(entry["id"], ())
    standard = [row for row in listed if not row.when]
    variants = [row for row in listed if row.when]
    provider.models[entry["id"]] = (
        *standard,
        *(row for row in rows if not row.when),
        *(row for row in rows if row.when),
        *variants,
    )
    for name in (entry["id"], *entry.get("names", ())):
        provider.exact[name.lower()] = entry["id"]
    for name in entry.get("stems", ()):
        provider.stems[name.lower()] = entry["id"]


def overlay_row(row: Mapping[str, Any]) -> Row:
    """Convert one row of the overlay: prices in USD as text, per million tokens or per thousand pieces."""
    rates = overlay_rates(row)
    tiers = [
        Tier(tier["above_tokens"], overlay_rates(tier), tier.get("marginal", False))
        for tier in row.get("tier", ())
    ]
    return Row(
        rates=rates,
        tiers=tuple(tiers),
        from_us=instant_us(row.get("from"), "from"),
        until_us=instant_us(row.get("until"), "until"),
        window=Window(row["window_s"][0], row["window_s"][1], row.get("days", 0b1111111))
        if "window_s" in row
        else None,
        when=dict(row.get("when", {})),
        overlay=True,
        minimums=dict(row.get("minimums", {})),
    )


def overlay_rates(row: Mapping[str, Any]) -> dict[str, int]:
    """Return the rates of a row or tier by kind."""
    tokens = {kind: femtos(Decimal(usd), 10**6) for kind, usd in row.get("usd_per_mtok", {}).items()}
    pieces = {
        kind: femtos(Decimal(usd) * PIECES.get(kind, 1), 1000)
        for kind, usd in row.get("usd_per_1k", {}).items()
    }
    hours = {kind: femtos(Decimal(usd), 1) for kind, usd in row.get("usd_per_hour", {}).items()}
    pieces |= hours
    if unknown := (tokens | pieces).keys() - set(KINDS):
        raise ValueError(f"the overlay prices kinds that do not exist: {sorted(unknown)}")
    return tokens | pieces


def compile_multiplier(entry: Mapping[str, Any]) -> Multiplier:
    """Convert one factor of the overlay."""
    factor = Fraction(entry["factor"])
    return Multiplier(
        providers=tuple(entry["providers"]),
        when=dict(entry["when"]),
        numerator=factor.numerator,
        denominator=factor.denominator,
        models=tuple(entry.get("models", ["*"])),
        from_us=instant_us(entry.get("from"), "from"),
        until_us=instant_us(entry.get("until"), "until"),
        unless_variant=entry.get("unless_variant", False),
        kinds=tuple(kind for kind in TOKEN_KINDS if kind not in entry.get("except_kinds", ())),
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
