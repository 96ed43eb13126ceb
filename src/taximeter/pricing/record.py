"""Record: a provider's raw usage with its circumstances, as a file of them would hold it, to its price."""

from collections.abc import Mapping
from time import time_ns
from typing import Any

from taximeter.errors import ConfigurationError
from taximeter.pricing.breakdown import Breakdown, Component
from taximeter.pricing.catalog import Catalog
from taximeter.pricing.instant import instant_us
from taximeter.pricing.override import override_from
from taximeter.pricing.spelling import wire_name
from taximeter.providers import Facts, read_payload
from taximeter.providers.directory import FORMATS

_FORMAT_NAMES = {
    "audio": "openai.transcription",
    "audio.speech": "openai.speech",
    "audio.transcriptions": "openai.transcription",
    "chat.completions": "openai.chat",
    "chat_completions": "openai.chat",
    "embedcontent": "gemini.embed",
    "embedding": "openai.embeddings",
    "generate_content": "gemini.generate",
    "images.generate": "openai.images",
    "generatecontent": "gemini.generate",
    "interactions": "gemini.interactions",
    "messages": "anthropic.messages",
    "speech": "openai.speech",
    "streamgeneratecontent": "gemini.stream_generate",
    "transcriptions": "openai.transcription",
}
"""Other short names of formats than the second half of their own."""

_OVERRIDES = ("user_override", "user_overrides", "override", "overrides")

_NATIVE = frozenset({"anthropic", "bedrock", "cohere", "google", "ollama", "vertex"})
"""Providers whose formats are their own, so that a short name is not OpenAI's."""

_TEXTS = ("provider", "model", "api")
_PLAIN = (str, bool, int, float, type(None))


def price_record(record: Mapping[str, Any], catalog: Catalog | None = None) -> dict[str, Any]:
    """Price one record of {id, provider, model, api, at, context, raw_usage}.

    Args:
        record: `raw_usage` is the usage as the provider returned it, or the response around it; `api` the wire format
            or a short name of it, `batch` for batch work; `at` an ISO time, UTC, None means now; `context` what else
            moves the price. `user_override`, in it or beside it, is a price of the user's own, or a list of them.
        catalog: The prices; None means those of `Catalog.default`.

    Returns:
        id, cost_status, cost_usd_micros, cost_usd_nanos, components, price_version.

    Raises:
        ConfigurationError: An unreadable time or override, or a value of another type than its field has.
    """
    _check(record)
    catalog = Catalog.default() if catalog is None else catalog
    context = dict(record.get("context") or {})
    own = [
        table for holder in (dict(record), context) for name in _OVERRIDES for table in _tables(holder, name)
    ]
    catalog = catalog.with_overrides(*map(override_from, own))
    _check_plain(context)
    breakdown = _price(record, context, catalog)
    return {
        "id": record.get("id"),
        "cost_status": str(breakdown.cost.status),
        "cost_usd_micros": breakdown.cost.usd_micros,
        "cost_usd_nanos": breakdown.cost.usd_nanos,
        "components": [component_fields(component) for component in breakdown.components],
        "price_version": breakdown.cost.price_version,
    }


def _check(record: Mapping[str, Any]) -> None:
    for name in _TEXTS:
        if not isinstance(value := record.get(name), str | None):
            raise ConfigurationError(name, value, "a text, or null")
    if not isinstance(context := record.get("context"), Mapping | None):
        raise ConfigurationError("context", context, "an object, or null")
    if isinstance(raw := record.get("raw_usage"), str | int | float | list):
        kind = type(raw).__name__  # not the value: it may be a whole answer
        raise ConfigurationError("raw_usage", kind, "an object, or null")


def _check_plain(context: Mapping[str, Any]) -> None:
    for name, value in context.items():
        if not isinstance(value, _PLAIN):
            raise ConfigurationError(f"context.{name}", value, "a text, a number, true or false")


def _price(record: Mapping[str, Any], context: dict[str, str], catalog: Catalog) -> Breakdown:
    provider, model = wire_name(str(record.get("provider") or "unknown")), record.get("model")
    api = str(record.get("api") or "").lower()
    facts = _read(record.get("raw_usage"), provider, _wire_format(provider, api))
    if api.rpartition(".")[2] == "batch":
        context.setdefault("processing", "batch")
    breakdown = catalog.breakdown(
        facts.usage,
        provider=provider,
        model=model or facts.model,
        requested_model=facts.model,
        at_us=_at_us(record.get("at")),
        service_tier=facts.service_tier,
        context={**context, **(facts.price_context or {})},  # how it was served, then how it was asked for
        charges=facts.charges,
        reported_usd_nanos=facts.exact_reported_nanos,
    )
    if facts.partial:
        cost = breakdown.cost.as_lower_bound()
        parts = breakdown.components if cost.usd_nanos is not None else ()
        return Breakdown(cost=cost, components=parts)
    return breakdown


def component_fields(component: Component) -> dict[str, Any]:
    """Return a component for JSON, its price under a name that says the unit: `usd_per_mtok`."""
    fields: dict[str, Any] = {"kind": component.kind, "quantity": component.quantity}
    if component.unit is not None:
        fields[f"usd_per_{component.unit}"] = component.usd_per_unit
    return fields | {
        "usd_micros": component.usd_micros,
        "usd_nanos": component.usd_nanos,
        "rule": component.rule,
    }


def _tables(holder: dict[str, Any], name: str) -> list[Mapping[str, Any]]:
    """Take a table, or a list of them, out of a record."""
    settings = holder.pop(name, None) or []
    tables = settings if isinstance(settings, list) else [settings]
    for table in tables:
        if not isinstance(table, Mapping):
            raise ConfigurationError(name, table, "an object with a price or a multiplier, or a list of them")
    return tables


def _at_us(at: Any) -> int:
    known = instant_us(at, "at")
    return time_ns() // 1000 if known is None else known


def _read(raw: Any, provider: str, wire_format: str | None) -> Facts:
    """Read a usage as it is, else as the part of a response that some providers keep it in."""
    facts = read_payload(raw or {}, provider=provider, wire_format=wire_format)
    bare = raw.get("usage", raw) if isinstance(raw, Mapping) else None
    for name in ("usage", "meta", "usageMetadata", "usage_info"):
        if facts.usage is None and isinstance(bare, Mapping):
            facts = read_payload({name: bare}, provider=provider, wire_format=wire_format)
    return facts


def _wire_format(provider: str, api: str) -> str | None:
    """Return the format that a full or short name means: `chat` is OpenAI's, but Ollama's where Ollama answered."""
    if provider == "bedrock" and "invoke" in api:
        return "bedrock.invoke"  # which tells the bodies of the families apart by themselves
    shared = () if provider in _NATIVE else (f"openai.{api}",)
    names = (f"{provider.replace('.', '')}.{api}", api, _FORMAT_NAMES.get(api), *shared)
    return next((name for name in names if name in FORMATS), None)
