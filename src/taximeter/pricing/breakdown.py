"""Breakdown: a cost taken apart into what it is made of, summing to it exactly."""

from collections.abc import Iterator, Sequence

import msgspec

from taximeter.pricing.cost import Cost
from taximeter.pricing.kind import TOKEN_KINDS, list_price, unit_of
from taximeter.pricing.money import FEMTOS_PER_MICRO, FEMTOS_PER_NANO, apportion
from taximeter.pricing.plan import NO_LEVEL, Level, Plan, piece_amount, reasoned
from taximeter.usage import Usage
from taximeter.vocabulary import CostStatus


class Component(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One line of a bill: so many of a kind at a rate, by a rule.

    `usd_per_unit` is the price as lists show it, exact, of one `unit`: `mtok` a million tokens, `1k` a thousand
    pieces, `hour` an hour of audio; None where there is no price. The amounts are shares of the rounded total, which
    they sum to exactly.
    """

    kind: str
    quantity: int
    unit: str | None = None
    usd_per_unit: str | None = None
    rule: str = ""
    usd_micros: int = 0
    usd_nanos: int = 0


class Breakdown(msgspec.Struct, frozen=True, kw_only=True):
    """A cost and its components. Where the provider reported the amount itself it is one component."""

    cost: Cost
    components: tuple[Component, ...] = ()


def break_down(cost: Cost, bill: Sequence[tuple[Plan, Usage]]) -> Breakdown:
    """Apportion a cost to the lines of its bill by largest remainder, ties to the earlier line."""
    if cost.usd_nanos is None or cost.usd_micros is None:
        return Breakdown(cost=cost)
    if cost.status == CostStatus.REPORTED:
        return Breakdown(cost=cost, components=(_reported(cost.usd_micros, cost.usd_nanos),))
    lines = [line for plan, usage in bill for line in _lines(plan, usage)]
    shares = [amount for _, amount in lines]
    micros = apportion(cost.usd_micros, shares, FEMTOS_PER_MICRO)
    nanos = apportion(cost.usd_nanos, shares, FEMTOS_PER_NANO)
    return Breakdown(
        cost=cost,
        components=tuple(
            msgspec.structs.replace(component, usd_micros=micro, usd_nanos=nano)
            for (component, _), micro, nano in zip(lines, micros, nanos, strict=True)
        ),
    )


def _reported(usd_micros: int, usd_nanos: int) -> Component:
    return Component(kind="reported", quantity=1, rule="provider", usd_micros=usd_micros, usd_nanos=usd_nanos)


def _lines(plan: Plan, usage: Usage) -> Iterator[tuple[Component, int]]:
    """Yield the components of one usage with their exact amounts in femtodollars."""
    level = plan.level(usage) if plan.levels else NO_LEVEL
    rule = "; ".join(text for text in (plan.price_id, *plan.rules, _tier_text(level)) if text)
    for kind, quantity, rate in _token_counts(usage, level):
        yield _line(kind, quantity, rate, rule), quantity * (rate or 0)
    for tokens, higher, extra in plan.marginal_parts(usage):
        text = f"{rule}; beyond {higher.above_tokens:,} input tokens"
        yield Component(kind="long_context", quantity=tokens, rule=text), extra
    for kind, quantity in plan.piece_quantities(usage, level):
        rate = level.pieces.get(kind)
        yield _line(kind, quantity, rate, rule), 0 if rate is None else piece_amount(kind, quantity, rate)


def _token_counts(usage: Usage, level: Level) -> Iterator[tuple[str, int, int | None]]:
    """Yield (kind, tokens, rate); reasoning stands apart from the output where it has a price of its own."""
    rates = dict(zip(TOKEN_KINDS, level.tokens, strict=True))
    surcharge = rates.pop("reasoning")
    reasoning = reasoned(usage) if surcharge else 0
    for kind, rate in rates.items():
        quantity = getattr(usage, TOKEN_KINDS[kind]) or 0
        if kind == "output":
            quantity -= reasoning
        if quantity:
            yield kind, quantity, rate
    if reasoning:
        yield "reasoning", reasoning, (rates["output"] or 0) + (surcharge or 0)


def _line(kind: str, quantity: int, rate: int | None, rule: str) -> Component:
    unit, _ = unit_of(kind)
    price = None if rate is None else list_price(kind, rate)
    return Component(kind=kind, quantity=quantity, unit=unit, usd_per_unit=price, rule=rule)


def _tier_text(level: Level) -> str | None:
    return f"over {level.above_tokens:,} input tokens" if level.above_tokens >= 0 else None
