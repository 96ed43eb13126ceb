"""Repricing: what recorded calls would cost by other prices, at another time or with another model."""

from collections import Counter
from collections.abc import Iterable, Iterator
from decimal import Decimal
from enum import StrEnum
from typing import Any

import msgspec

from taximeter.errors import ConfigurationError
from taximeter.event import TaskCompletionEvent
from taximeter.pricing import Catalog, Cost
from taximeter.pricing.gap import find_gap
from taximeter.report.circumstances import Circumstances, circumstances_of
from taximeter.report.substitution import Substitution, substituted
from taximeter.report.totals import Totals, cost_nanos, lacks_price, was_refused
from taximeter.usage import COUNTERS
from taximeter.vocabulary import CostSource, CostStatus

FROM_TAG = "repriced_from"
"""The tag that names the model that a call was really made to, where another was put in its place."""

_MAX_RATIO = 1000


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """How calls are priced again.

    Args:
        at_us: The instant whose prices hold for all calls, Unix microseconds; None means each call's own time.
        models: Other models in the place of those that were called; the first that is for a call counts.
        token_ratio: Tokens that such a model makes of one token; tokenizers differ, and nobody recorded the text.
        reported: Whether to price calls whose cost the provider reported, or the application stated; else they stay.

    Raises:
        ConfigurationError: A ratio that cannot be.
    """

    at_us: int | None = None
    models: tuple[Substitution, ...] = ()
    token_ratio: Decimal = Decimal(1)
    reported: bool = False

    def __post_init__(self) -> None:
        if not (self.token_ratio.is_finite() and 0 < self.token_ratio <= _MAX_RATIO):
            raise ConfigurationError("token_ratio", str(self.token_ratio), f"above 0, up to {_MAX_RATIO}")

    @property
    def assumptions(self) -> tuple[str, ...]:
        """What a result by these terms takes for granted, in words."""
        if not self.models:
            return ()
        ratio = "as many tokens" if self.token_ratio == 1 else f"{self.token_ratio} times the tokens"
        return (
            f"the other model makes {ratio} of the same text: tokenizers differ (--token-ratio)",
            "it answers at the same length, and its cache serves the same tokens",
            "cached tokens cost what its input costs where it has no price for them",
            "batch work stays batch work; other tiers, speeds and regions count only where the provider is the same",
        )


class Fate(StrEnum):
    """What became of a call's price."""

    SAME = "same"
    CHANGED = "changed"
    NEWLY_PRICED = "newly priced"
    STILL_UNPRICED = "still unpriced"
    NO_LONGER_PRICED = "no longer priced"
    KEPT = "kept"
    """Its cost was reported by the provider or stated by the application."""
    REFUSED = "refused"
    """The provider did nothing, so there is nothing to price."""


class Repriced(msgspec.Struct, frozen=True):
    """A call before and after. `reason` says why its price, or a part of it, is not known afterwards."""

    before: TaskCompletionEvent
    after: TaskCompletionEvent
    fate: Fate
    reason: str | None = None


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """What new prices change for the calls of one model; `to` is what was put in its place, provider and model."""

    provider: str
    model: str | None
    to: tuple[str, str | None] | None = None
    before: Totals = msgspec.field(default_factory=Totals)
    after: Totals = msgspec.field(default_factory=Totals)
    fates: Counter[Fate] = msgspec.field(default_factory=Counter)

    @property
    def difference_usd_nanos(self) -> int:
        """How much more the calls cost by the new prices, those that had none before included."""
        return self.after.cost_usd_nanos - self.before.cost_usd_nanos

    def add(self, call: Repriced) -> None:
        """Count one call in."""
        self.before.add(call.before)
        self.after.add(call.after)
        self.fates[call.fate] += 1

    def merge(self, other: "Change") -> None:
        """Count another model's change in."""
        self.before.merge(other.before)
        self.after.merge(other.after)
        self.fates.update(other.fates)


class Repricing(msgspec.Struct, frozen=True, kw_only=True):
    """What new prices change for many calls; filled call by call, in memory for the models only."""

    terms: Terms
    price_version: str
    by_model: dict[tuple[Any, ...], Change] = msgspec.field(default_factory=dict)
    reasons: Counter[tuple[str, str | None, str]] = msgspec.field(default_factory=Counter)
    """Why calls have no price, or not all of one, afterwards: (provider, model, reason)."""
    own_prices: Counter[str] = msgspec.field(default_factory=Counter)
    """Calls that the application had priced itself and are priced by a list now, by provider."""

    def add(self, call: Repriced) -> None:
        """Count one call in."""
        key = _key(call)
        if key not in self.by_model:
            provider, model, to = key
            self.by_model[key] = Change(provider=provider, model=model, to=to)
        self.by_model[key].add(call)
        if call.reason is not None:
            self.reasons[
                call.after.provider, call.after.model or call.after.requested_model, call.reason
            ] += 1
        if call.before.cost_source == CostSource.OVERRIDE != call.after.cost_source:
            self.own_prices[call.before.provider] += 1

    @property
    def changes(self) -> list[Change]:
        """The models, those whose cost changes most first."""
        return sorted(
            self.by_model.values(),
            key=lambda change: (-abs(change.difference_usd_nanos), -change.before.calls, str(change.model)),
        )

    @property
    def total(self) -> Change:
        """All models together."""
        total = Change(provider="", model=None)
        for change in self.by_model.values():
            total.merge(change)
        return total


def reprice(event: TaskCompletionEvent, catalog: Catalog, terms: Terms = Terms()) -> Repriced:  # noqa: B008 - frozen
    """Price a recorded call again, from what its event keeps.

    Args:
        event: The call, which is left as it is.
        catalog: The prices, a contract's among them as overrides.
        terms: When, and with which model.
    """
    call = circumstances_of(event)
    instead = substituted(call, terms.models, catalog, terms.token_ratio)
    if instead is call and event.cost_status == CostStatus.REPORTED and not terms.reported:
        return Repriced(event, event, Fate.KEPT)
    if terms.at_us is not None:
        instead = msgspec.structs.replace(instead, at_us=terms.at_us)
    if terms.reported:
        instead = msgspec.structs.replace(instead, reported_usd_nanos=None)
    after = _with_cost(event, instead.cost(catalog))
    if instead.model != call.model or instead.provider != call.provider:
        after = _answered_by(after, instead)
    return Repriced(event, after, _fate(event, after), _reason(after, instead, catalog))


def reprice_all(
    events: Iterable[TaskCompletionEvent],
    catalog: Catalog,
    terms: Terms = Terms(),  # noqa: B008 - frozen
) -> Repricing:
    """Price many calls again and return what changes; arguments as in `reprice`."""
    result = Repricing(terms=terms, price_version=catalog.version)
    for _ in repriced(events, catalog, result):
        pass
    return result


def repriced(events: Iterable[TaskCompletionEvent], catalog: Catalog, into: Repricing) -> Iterator[Repriced]:
    """Yield calls priced again by the terms of *into*, which counts them."""
    for event in events:
        call = reprice(event, catalog, into.terms)
        into.add(call)
        yield call


def _with_cost(event: TaskCompletionEvent, cost: Cost) -> TaskCompletionEvent:
    return msgspec.structs.replace(
        event,
        actual_cost_usd_micros=cost.usd_micros,
        actual_cost_usd_nanos=cost.usd_nanos,
        cost_status=cost.status,
        cost_source=cost.source,
        price_version=cost.price_version,
        price_id=cost.price_id,
    )


def _answered_by(event: TaskCompletionEvent, call: Circumstances) -> TaskCompletionEvent:
    """Return the call as another model's; what its real answer said word by word is not its."""
    counters = {name: getattr(call.usage, name, None) for name in COUNTERS}
    return msgspec.structs.replace(
        event,
        provider=call.provider,
        model=call.model,
        service_tier=call.service_tier,
        price_context=dict(call.context) if call.context else None,
        raw_usage=None,
        reported_cost_usd_nanos=None,
        actual_input_tokens=call.usage.input_tokens if call.usage else None,
        actual_output_tokens=call.usage.output_tokens if call.usage else None,
        tags={**(event.tags or {}), FROM_TAG: f"{event.provider}/{event.model or event.requested_model}"},
        **counters,
    )


def _fate(before: TaskCompletionEvent, after: TaskCompletionEvent) -> Fate:
    old, new = cost_nanos(before), cost_nanos(after)
    if old is None:
        if new is not None:
            return Fate.NEWLY_PRICED
        return Fate.REFUSED if was_refused(before) else Fate.STILL_UNPRICED
    if new is None:
        return Fate.NO_LONGER_PRICED
    return Fate.SAME if old == new else Fate.CHANGED


def _reason(after: TaskCompletionEvent, call: Circumstances, catalog: Catalog) -> str | None:
    if not lacks_price(after):
        return None
    gap = find_gap(
        call.usage,
        provider=call.provider,
        model=call.model,
        requested_model=call.requested_model,
        at_us=call.at_us,
        service_tier=call.service_tier,
        context=call.context,
        catalog=catalog,
    )
    return gap or "the usage is only a lower bound"


def _key(call: Repriced) -> tuple[str, str | None, tuple[str, str | None] | None]:
    """Return the model that was called, and the one in its place."""
    before, after = call.before, call.after
    is_other = (after.provider, after.model) != (before.provider, before.model)
    model = before.requested_model if before.model is None else before.model
    return before.provider, model, (after.provider, after.model) if is_other else None
