"""Resolver: from the names and the context of a call to the plan that prices it."""

import logging
from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase
from fractions import Fraction

import msgspec

from taximeter.pricing.condition import Conditions, meets
from taximeter.pricing.instant import date_text
from taximeter.pricing.kind import TOKEN_KINDS, Rates, fill
from taximeter.pricing.money import round_half_even
from taximeter.pricing.override import Override, strongest
from taximeter.pricing.plan import (
    Level,
    Plan,
    is_active,
    is_by_tokens_alone,
    levels_of,
    make_level,
    resolve,
    validity,
)
from taximeter.pricing.spelling import is_local, spellings, stems, table_name
from taximeter.pricing.table import Multiplier, Provider, Row, Table, UnreadableTableError
from taximeter.vocabulary import CostSource

logger = logging.getLogger("taximeter")

_MODES = frozenset({"service_tier", "speed"})

_FREE = Plan(
    levels=(make_level(-1, {"input": 0, "output": 0}),),
    source=CostSource.RULE,
    from_us=0,
    until_us=0,
    rules=("free by rule",),
    free=True,
)


class Entry(msgspec.Struct, frozen=True):
    """A model as the table knows it. `own`: listed under the provider itself, not under one it falls back to."""

    provider: str
    model: str
    rows: tuple[Row, ...]
    own: bool

    @property
    def id(self) -> str:
        """The name of the model in the table, with its provider's."""
        return f"{self.provider}/{self.model}"


class Resolver:
    """Finds models in a table and works their plans out; keeps the providers it has unpacked."""

    def __init__(self, table: Table, overrides: Sequence[Override]) -> None:
        self._table = table
        self._overrides = overrides
        self._providers: dict[str, Provider | None] = {}

    def entry(self, provider: str, model: str) -> Entry | None:
        """Return the table's entry for a model; None when the table does not have it."""
        name = table_name(provider)
        if name == "huggingface" and ":" in model:  # the router names its provider behind the model
            model, _, host = model.rpartition(":")
            name = f"huggingface_{host.lower()}"
        if (listed := self._provider(name)) is None:
            return None
        for owner in (name, *listed.fallbacks):
            if (found := self._find(owner, model)) is not None:
                return Entry(owner, *found, owner == name)
        return None

    def plan(self, provider: str, models: Sequence[str], found: Conditions, at_us: int) -> Plan:
        """Return the plan for a call, answered by the first of the models that is known, in a context at an instant."""
        entry = next((hit for model in models if (hit := self.entry(provider, model)) is not None), None)
        names = [*models, entry.model] if entry is not None else models
        multipliers = self._multipliers(provider)
        since, until = self._span(entry, multipliers, at_us)
        override = strongest(self._overrides, provider, names, found, at_us)
        rules = [rule for rule in multipliers if _applies(rule, names, found, at_us)]
        sold_apart = self._sold_apart(entry) if _MODES & found.keys() else frozenset()
        plan = _listed(entry, found, at_us, rules, sold_apart)
        if override is not None and (override.multiplier is None or plan.levels):
            plan = _overridden(plan, override)
        elif any(is_local(provider, model) or model.endswith(":free") for model in models[:1]):
            plan = _FREE
        return msgspec.structs.replace(
            plan, from_us=since, until_us=until, by_tokens_alone=is_by_tokens_alone(plan)
        )

    def multipliers(self, provider: str, names: Sequence[str]) -> list[Multiplier]:
        """Return the factors that a provider applies to a model of any of these names, whenever and wherever."""
        return [rule for rule in self._multipliers(provider) if _is_for(rule, names)]

    def _sold_apart(self, entry: Entry | None) -> frozenset[tuple[str, str]]:
        """Return the tiers and speeds that the model's provider sells at prices of their own, if not for every model."""
        provider = self._provider(entry.provider) if entry is not None else None
        if provider is None:
            return frozenset()
        variants = (row.when for rows in provider.models.values() for row in rows)
        return frozenset((key, when[key]) for when in variants for key in _MODES & when.keys())

    def _provider(self, name: str) -> Provider | None:
        if name not in self._providers:
            if name not in self._table.providers:  # unknown names are not kept: there may be very many
                return None
            self._providers[name] = self._unpacked(name)
        return self._providers[name]

    def _unpacked(self, name: str) -> Provider | None:
        try:
            return self._table.provider(name)
        except UnreadableTableError as error:  # its models have no price then; a call is not to fail for that
            logger.warning("taximeter: %s", error)
            return None

    def _find(self, owner: str, model: str) -> tuple[str, tuple[Row, ...]] | None:
        provider = self._provider(owner)
        if provider is None:
            return None
        for spelling in spellings(model, owner):
            known = provider.exact.get(spelling)
            if known is None:
                known = next(
                    (provider.stems[stem] for stem in stems(spelling) if stem in provider.stems), None
                )
            if known is not None:
                return known, provider.models[known]
        return None

    def _multipliers(self, provider: str) -> list[Multiplier]:
        names = {provider.lower(), table_name(provider)}
        return [rule for rule in self._table.multipliers if names & set(rule.providers)]

    def _span(self, entry: Entry | None, multipliers: Iterable[Multiplier], at_us: int) -> tuple[int, int]:
        rows: list[Row | Multiplier] = [*multipliers, *(entry.rows if entry is not None else ())]
        for override in self._overrides:
            start, end = override.span_us()
            rows.append(Row({}, from_us=start, until_us=end))
        return validity(rows, at_us)


def _applies(rule: Multiplier, names: Sequence[str], found: Conditions, at_us: int) -> bool:
    return _is_for(rule, names) and is_active(rule, at_us) and meets(rule.when, found)


def _is_for(rule: Multiplier, names: Sequence[str]) -> bool:
    return any(fnmatchcase(name.lower(), pattern) for name in names for pattern in rule.models)


def _listed(
    entry: Entry | None,
    found: Conditions,
    at_us: int,
    rules: Sequence[Multiplier],
    sold_apart: frozenset[tuple[str, str]],
) -> Plan:
    """Return the plan by the table alone; without levels where it has no price."""
    standard, variants = resolve(entry.rows, found, at_us) if entry is not None else (None, [])
    if entry is None or standard is None or not standard.rates:
        return Plan(from_us=at_us, until_us=at_us)
    rules = [rule for rule in rules if not (rule.unless_variant and _has_variant(variants, rule))]
    rows = (standard, *variants)
    marginal = {tier.above_tokens for row in rows for tier in row.tiers if tier.marginal}
    lacks = _unlisted(found, [*variants, *rules], sold_apart)
    return Plan(
        levels=tuple(
            make_level(above, _multiplied(rates, rules), marginal=above in marginal)
            for above, rates in levels_of(standard, variants).items()
        ),
        source=CostSource.OVERLAY if rules or any(row.overlay for row in rows) else CostSource.TABLE,
        price_id=entry.id if standard.from_us is None else f"{entry.id}@{date_text(standard.from_us)}",
        from_us=at_us,
        until_us=at_us,
        rules=(
            *map(_variant_text, variants),
            *map(_rule_text, rules),
            *([f"no price for {lacks}"] if lacks else ()),
        ),
        minimums=standard.minimums,
        lacks=lacks,
    )


def _unlisted(
    found: Conditions, priced: Iterable[Row | Multiplier], sold_apart: frozenset[tuple[str, str]]
) -> str | None:
    """Return how a call was served where the provider charges for that, but nothing says how much for this model."""
    known = {key for row in priced for key in row.when}
    lacking = [
        f"{key}={found[key]}" for key in _MODES & found.keys() - known if (key, found[key]) in sold_apart
    ]
    return ", ".join(sorted(lacking)) or None


def _has_variant(variants: Iterable[Row], rule: Multiplier) -> bool:
    return any(variant.when.keys() >= rule.when.keys() for variant in variants)


def _variant_text(variant: Row) -> str:
    return ", ".join(f"{key}={value}" for key, value in variant.when.items())


def _rule_text(rule: Multiplier) -> str:
    when = ", ".join(f"{key}={value}" for key, value in rule.when.items())
    return f"{when} x{float(Fraction(rule.numerator, rule.denominator)):g}"


def _multiplied(rates: Rates, rules: Iterable[Multiplier]) -> dict[str, int]:
    """Apply the rules to rates that are complete: what a price list leaves out is multiplied as its parent is."""
    product = {kind: Fraction(rate) for kind, rate in fill(rates).items()}
    for rule in rules:
        for kind in product.keys() & set(rule.kinds):
            product[kind] *= Fraction(rule.numerator, rule.denominator)
    return {kind: round_half_even(rate.numerator, rate.denominator) for kind, rate in product.items()}


def _overridden(plan: Plan, override: Override) -> Plan:
    """Return the plan at the user's price."""
    own = override.rates()
    if override.multiplier is not None:
        levels = tuple(_discounted(level, override.factor()) for level in plan.levels)
        rule = f"override {override.provider}/{override.model} x{override.multiplier}"
    else:
        levels = tuple(_replaced(level, own) for level in plan.levels) or (make_level(-1, own),)
        plan = msgspec.structs.replace(plan, lacks=None)
        rule = f"override {override.provider}/{override.model}"
    return msgspec.structs.replace(
        plan,
        levels=levels,
        source=CostSource.OVERRIDE,
        price_id=plan.price_id or f"{override.provider}/{override.model}",
        rules=(*plan.rules, rule),
    )


def _discounted(level: Level, factor: Fraction) -> Level:
    def less(rate: int) -> int:
        return round_half_even(rate * factor.numerator, factor.denominator)

    return Level(
        level.above_tokens,
        level.marginal,
        tuple(None if rate is None else less(rate) for rate in level.tokens),
        {kind: less(rate) for kind, rate in level.pieces.items()},
    )


def _replaced(level: Level, own: Rates) -> Level:
    listed = {kind: rate for kind, rate in zip(TOKEN_KINDS, level.tokens, strict=True) if rate is not None}
    listed.pop("reasoning", None)  # a surcharge on the list's output rate says nothing beside one's own
    return make_level(level.above_tokens, {**listed, **level.pieces, **own}, marginal=level.marginal)
