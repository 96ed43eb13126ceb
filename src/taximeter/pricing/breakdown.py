"""Breakdown: a cost taken apart into what it is made of, summing to it exactly."""

from collections.abc import Iterator, Sequence

import msgspec

from taximeter.pricing.cost import Cost
from taximeter.pricing.kind import PIECES, TOKEN_KINDS
from taximeter.pricing.money import FEMTOS_PER_MICRO, FEMTOS_PER_NANO, apportion, usd_text
from taximeter.pricing.plan import Level, Plan, piece_amount
from taximeter.usage import Usage
from taximeter.vocabulary import CostStatus


class Component(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One line of a bill: so many of a kind at a rate, by a rule.

    `rate` is in femtodollars a piece (an hour for `audio_ms`), `per` says of how many pieces `usd_per` is the price;
    both rates are None where nothing is known. The amounts are shares of the rounded total, not rounded on their own.
    """

    kind: str
    quantity: int
    rate: int | None = None
    per: int = 1_000_000
    usd_per: str | None = None
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
        whole = Component(
            kind="reported",
            quantity=1,
            per=1,
            rule="provider",
            usd_micros=cost.usd_micros,
            usd_nanos=cost.usd_nanos,
        )
        return Breakdown(cost=cost, components=(whole,))
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


def _lines(plan: Plan, usage: Usage) -> Iterator[tuple[Component, int]]:
    """Yield the components of one usage with their exact amounts in femtodollars."""
    if not plan.levels:
        yield from (
            (Component(kind=kind, quantity=count), 0) for kind, count in _tokens(usage) if kind != "reasoning"
        )
        return
    level = plan.level(usage)
    rule = "; ".join((plan.price_id or "", *plan.rules, *_tier_text(level))).strip("; ")
    yield from _token_lines(usage, level, rule)
    for tokens, higher, extra in plan.marginal_parts(usage):
        text = f"{rule}; beyond {higher.above_tokens:,} input tokens"
        yield Component(kind="long_context", quantity=tokens, rule=text), extra
    for kind, quantity in plan.piece_quantities(usage, level):
        rate = level.pieces.get(kind)
        per = PIECES.get(kind, 1000)
        amount = 0 if rate is None else piece_amount(kind, quantity, rate)
        yield _component(kind, quantity, rate, per, per // PIECES.get(kind, 1), rule), amount


def _token_lines(usage: Usage, level: Level, rule: str) -> Iterator[tuple[Component, int]]:
    rates = dict(zip(TOKEN_KINDS, level.tokens, strict=True))
    surcharge = rates.pop("reasoning") or 0
    reasoning = usage.reasoning_tokens or 0
    for kind, quantity in _tokens(usage):
        if kind == "reasoning":
            continue
        rate = rates[kind]
        count = quantity - reasoning if kind == "output" and surcharge else quantity
        yield _component(kind, count, rate, 10**6, 10**6, rule), count * (rate or 0)
    if surcharge and reasoning:
        rate = surcharge + (rates["output"] or 0)
        yield _component("reasoning", reasoning, rate, 10**6, 10**6, rule), reasoning * rate


def _tokens(usage: Usage) -> Iterator[tuple[str, int]]:
    for kind, counter in TOKEN_KINDS.items():
        if quantity := getattr(usage, counter):
            yield kind, quantity


def _component(kind: str, quantity: int, rate: int | None, per: int, pieces: int, rule: str) -> Component:
    text = None if rate is None else usd_text(rate, pieces)
    return Component(kind=kind, quantity=quantity, rate=rate, per=per, usd_per=text, rule=rule)


def _tier_text(level: Level) -> tuple[str, ...]:
    return (f"over {level.above_tokens:,} input tokens",) if level.above_tokens >= 0 else ()
