"""Catalog: prices a usage with the strongest of override, the provider's own amount, overlay, table and rule."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from functools import cache

from taximeter.errors import ConfigurationError
from taximeter.pricing.breakdown import Breakdown, break_down
from taximeter.pricing.condition import conditions
from taximeter.pricing.cost import Cost
from taximeter.pricing.money import FEMTOS_PER_MICRO, FEMTOS_PER_NANO, round_half_even
from taximeter.pricing.override import Override
from taximeter.pricing.plan import Plan, flat_amount
from taximeter.pricing.resolver import Entry, Resolver
from taximeter.pricing.table import Multiplier, Table
from taximeter.usage import Usage
from taximeter.vocabulary import CostSource, CostStatus

_PLANS = 4_096  # a service uses a few models; a stream of made-up names must not fill the memory

_NAME_LIMIT = 512  # letters; no model has a longer name, not even an ARN

Charges = Sequence[tuple[str | None, Usage]]

_FREE, _PRICED = (
    CostStatus.FREE,
    CostStatus.PRICED,
)  # each call passes here, and a member takes long to look up


# Provider, served model, requested model, service tier, context.
_Situation = tuple[str, str | None, str | None, str | None, tuple[tuple[str, str], ...]]


class Catalog:
    """The prices in force, and what a call costs at them.

    The methods raise nothing for a strange call: what has no price has the status unknown. Safe from any thread.

    Args:
        table: The rates.
        overrides: The user's own prices.
    """

    def __init__(self, table: Table, overrides: Sequence[Override] = ()) -> None:
        self._table = table
        self._overrides = tuple(overrides)
        self._resolver = Resolver(table, self._overrides)
        self._plans: dict[_Situation, Plan] = {}
        self._unknown = Cost(price_version=table.version)
        self.version = table.version

    @classmethod
    def default(cls) -> "Catalog":
        """Return the catalog of the newest valid table on this machine, read at the first call of this."""
        return _default()

    def with_overrides(self, *overrides: Override) -> "Catalog":
        """Return a catalog with these prices as well; later ones win over equally specific earlier ones.

        Raises:
            ConfigurationError: Something else than an Override was given.
        """
        for override in overrides:
            if not isinstance(override, Override):
                raise ConfigurationError("overrides", override, "Override values")
        return Catalog(self._table, (*self._overrides, *overrides)) if overrides else self

    @property
    def providers(self) -> tuple[str, ...]:
        """The table's names of all providers."""
        return tuple(self._table.providers)

    def entry(self, provider: str, model: str) -> Entry | None:
        """Return the table's entry for a model, with every rate it has and had; None when it has none."""
        return self._resolver.entry(provider, model)

    def multipliers(self, provider: str, names: Sequence[str]) -> list[Multiplier]:
        """Return the table's factors for a model, in any context and at any time."""
        return self._resolver.multipliers(provider, names)

    def cost(
        self,
        usage: Usage | None,
        *,
        provider: str,
        model: str | None,
        requested_model: str | None = None,
        at_us: int,
        service_tier: str | None = None,
        context: Mapping[str, str] | None = None,
        charges: Charges = (),
        reported_usd_nanos: int | Decimal | None = None,
    ) -> Cost:
        """Return what a call cost.

        Args:
            usage: What it consumed; None where nothing is known, and then the cost is unknown.
            provider: Who answered, by our name or the table's.
            model: The model that answered; None where the answer does not say.
            requested_model: The model that was asked for, tried where the other has no price.
            at_us: When the call was made, Unix time in UTC microseconds.
            service_tier: The tier that served it, else the one asked for; None means the standard one.
            context: What else moves the price: processing, speed, inference_geo, region, credential ...
            charges: (model, usage) pairs to price instead of *usage*; a model of None means the one that answered.
            reported_usd_nanos: The provider's own amount, a Decimal where it has parts of a nanodollar; only an override
                is stronger.
        """
        situation = (
            provider,
            model,
            requested_model,
            service_tier,
            tuple(context.items()) if context else (),
        )
        if usage is not None and reported_usd_nanos is None and not charges:
            plan = self._plan(situation, at_us)
            if plan.by_tokens_alone:
                femtos = flat_amount(usage, plan.level(usage).tokens)
                if femtos or (plan.free and femtos == 0 and not usage.is_empty):
                    return self._priced(plan, femtos, complete=True)
        return self._settled(self._bill(usage, charges, situation, at_us), reported_usd_nanos)

    def breakdown(
        self,
        usage: Usage | None,
        *,
        provider: str,
        model: str | None,
        requested_model: str | None = None,
        at_us: int,
        service_tier: str | None = None,
        context: Mapping[str, str] | None = None,
        charges: Charges = (),
        reported_usd_nanos: int | Decimal | None = None,
    ) -> Breakdown:
        """Return the same cost with its components, which sum to it exactly; arguments as in `cost`."""
        situation = (
            provider,
            model,
            requested_model,
            service_tier,
            tuple(context.items()) if context else (),
        )
        bill = self._bill(usage, charges, situation, at_us)
        return break_down(self._settled(bill, reported_usd_nanos), bill)

    def _plan(self, situation: _Situation, at_us: int) -> Plan:
        """Return the rates for a call in this situation, from memory where an earlier call was in the same one."""
        plan = self._plans.get(situation)
        if plan is not None and plan.from_us <= at_us < plan.until_us:
            return plan
        provider, model, requested_model, service_tier, context = situation
        names = [name for name in (model, requested_model) if name and len(name) <= _NAME_LIMIT]
        plan = self._resolver.plan(provider, names, conditions(service_tier, dict(context)), at_us)
        if len(self._plans) >= _PLANS:
            self._plans.clear()
        if len(names) == 2 - (model, requested_model).count(None) and len(str(context)) <= _NAME_LIMIT:
            self._plans[situation] = plan
        return plan

    def _bill(
        self, usage: Usage | None, charges: Charges, situation: _Situation, at_us: int
    ) -> list[tuple[Plan, Usage]]:
        """Return what is to be priced: the charges where there are any, else the usage."""
        provider, _, _, service_tier, context = situation
        parts = charges or ([(None, usage)] if usage is not None else [])
        return [
            (
                self._plan(
                    situation if name is None else (provider, name, None, service_tier, context), at_us
                ),
                part,
            )
            for name, part in parts
            if not part.is_empty
        ]

    def _settled(self, bill: Sequence[tuple[Plan, Usage]], reported_usd_nanos: int | Decimal | None) -> Cost:
        """Sum a bill up, unless the provider said the amount itself and the user has no price of their own."""
        known = [(plan, *plan.amount(usage)) for plan, usage in bill if plan.levels]
        overridden = any(plan.source == CostSource.OVERRIDE for plan, _, _ in known)
        if reported_usd_nanos is not None and not overridden:
            return self._reported(reported_usd_nanos)
        if not known:
            return self._unknown
        complete = len(known) == len(bill) and all(whole for _, _, whole in known)
        return self._priced(known[0][0], sum(femtos for _, femtos, _ in known), complete=complete)

    def _reported(self, usd_nanos: int | Decimal) -> Cost:
        nanos, parts = usd_nanos.as_integer_ratio()
        return Cost(
            usd_micros=round_half_even(nanos, parts * (FEMTOS_PER_MICRO // FEMTOS_PER_NANO)),
            usd_nanos=round_half_even(nanos, parts),
            status=CostStatus.REPORTED,
            source=CostSource.PROVIDER,
            price_version=self.version,
        )

    def _priced(self, plan: Plan, femtos: int, *, complete: bool) -> Cost:
        if plan.free:
            status = _FREE
        elif complete:
            status = _PRICED
        elif femtos:
            status = CostStatus.PARTIAL
        else:
            return self._unknown
        return Cost(
            usd_micros=round_half_even(femtos, FEMTOS_PER_MICRO),
            usd_nanos=round_half_even(femtos, FEMTOS_PER_NANO),
            status=status,
            source=plan.source,
            price_version=self.version,
            price_id=plan.price_id,
        )


@cache
def _default() -> Catalog:
    from taximeter.pricing.installation import newest_table  # noqa: PLC0415 - nothing is read at import

    return Catalog(newest_table())
