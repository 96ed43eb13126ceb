"""Gap: why a call has no cost, or not all of it."""

from collections.abc import Mapping

from taximeter.pricing.breakdown import Breakdown
from taximeter.pricing.catalog import Catalog
from taximeter.pricing.spelling import table_name
from taximeter.usage import Usage
from taximeter.vocabulary import CostStatus


def find_gap(
    usage: Usage | None,
    *,
    provider: str,
    model: str | None,
    requested_model: str | None = None,
    at_us: int,
    service_tier: str | None = None,
    context: Mapping[str, str] | None = None,
    catalog: Catalog | None = None,
) -> str | None:
    """Return what is missing to price a call, in a few words; None when nothing is. Arguments as in `Catalog.cost`."""
    catalog = Catalog.default() if catalog is None else catalog
    if usage is None or usage.is_empty:
        return "the provider reported no usage"
    breakdown = catalog.breakdown(
        usage,
        provider=provider,
        model=model,
        requested_model=requested_model,
        at_us=at_us,
        service_tier=service_tier,
        context=context,
    )
    if breakdown.components:
        return _why_partial(breakdown, model or requested_model)
    return _why_unknown(catalog, provider, [name for name in (model, requested_model) if name])


def _why_partial(breakdown: Breakdown, model: str | None) -> str | None:
    unpriced = [
        part.kind for part in breakdown.components if part.usd_per_unit is None and part.unit is not None
    ]
    if unpriced:
        return f"{', '.join(unpriced)} has no price for {model}"
    if breakdown.cost.status != CostStatus.PARTIAL:
        return None
    return f"{model} has no price for the way it was served or counted: {breakdown.components[0].rule}"


def _why_unknown(catalog: Catalog, provider: str, models: list[str]) -> str:
    if not models:
        return "neither the request nor the response names a model"
    if table_name(provider) not in catalog.providers:
        return f"no prices of {provider} are known"
    if all(catalog.entry(provider, model) is None for model in models):
        return f"{provider} has no model {' or '.join(dict.fromkeys(models))} in the table"
    return f"{models[0]} has no price for what was used, or not at that time"
