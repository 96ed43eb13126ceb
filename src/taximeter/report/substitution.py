"""Substitutions: another model in the place of the one that was called, for the question what it would have cost."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from fnmatch import fnmatchcase
from time import time_ns

import msgspec

from taximeter.errors import ConfigurationError
from taximeter.pricing import Catalog
from taximeter.pricing.condition import conditions
from taximeter.pricing.money import round_half_even
from taximeter.pricing.spelling import table_name, wire_name
from taximeter.report.circumstances import Circumstances
from taximeter.usage import COUNTERS, Usage
from taximeter.vocabulary import CostStatus

_FORM = "FROM=TO, each a model or PROVIDER/MODEL, such as claude-opus-4-5=gpt-5 or anthropic/*=google/gemini-2.5-pro"
_MAKERS = ("openai", "anthropic", "google", "mistral", "cohere", "deepseek", "x-ai", "meta", "perplexity")
"""Whose model it is, where several providers sell one of that name: those who make models come first."""
_SMALLEST = Usage(uncached_input_tokens=1_000_000, text_output_tokens=1_000_000)


class Substitution(msgspec.Struct, frozen=True, kw_only=True):
    """The calls of some models, as if another had answered.

    Args:
        provider: Whose calls, a name or a glob pattern.
        model: The called model, a name or a glob pattern.
        to_provider: Who would have answered; None means the same provider where it has the model, else its maker.
        to_model: The model instead.
    """

    provider: str = "*"
    model: str
    to_provider: str | None = None
    to_model: str

    def matches(self, call: Circumstances) -> bool:
        """Whether it is for this call."""
        wanted = self.provider.lower()
        if not any(fnmatchcase(name, wanted) for name in (call.provider.lower(), table_name(call.provider))):
            return False
        names = [name.lower() for name in (call.model, call.requested_model) if name is not None]
        return any(fnmatchcase(name, self.model.lower()) for name in names)

    def target(self, provider: str, catalog: Catalog) -> str:
        """Return who would have answered a call that *provider* answered.

        Raises:
            ConfigurationError: Nobody has the model.
        """
        if self.to_provider is not None:
            return self.to_provider
        if catalog.entry(provider, self.to_model) is not None:
            return provider
        return _maker_of(self.to_model, catalog)


def read_substitution(text: str, catalog: Catalog) -> Substitution:
    """Read `FROM=TO`; what stands before a slash is a provider where the catalog knows one of that name.

    Raises:
        ConfigurationError: The text has another form, or nobody has a price for the model to put in place.
    """
    left, equals, right = (part.strip() for part in text.partition("="))
    if not (left and equals and right) or "*" in right:
        raise ConfigurationError("--model", text, _FORM)
    provider, model = _parted(left, catalog)
    to_provider, to_model = _parted(right, catalog)
    found = Substitution(provider=provider or "*", model=model, to_provider=to_provider, to_model=to_model)
    _check_priced(found, catalog)
    return found


def _parted(text: str, catalog: Catalog) -> tuple[str | None, str]:
    head, slash, rest = text.partition("/")
    if slash and rest and ("*" in head or table_name(head) in catalog.providers or head in _LOCAL):
        return (head if "*" in head else wire_name(head)), rest
    return None, text


_LOCAL = frozenset({"ollama", "vllm", "llamacpp", "lmstudio"})


def _check_priced(substitution: Substitution, catalog: Catalog) -> None:
    to = substitution.to_provider or _maker_of(substitution.to_model, catalog)
    cost = catalog.cost(_SMALLEST, provider=to, model=substitution.to_model, at_us=time_ns() // 1000)
    if cost.status == CostStatus.UNKNOWN:
        raise ConfigurationError("--model", f"{to}/{substitution.to_model}", "a model that has a price")


def _maker_of(model: str, catalog: Catalog) -> str:
    has = [name for name in catalog.providers if (hit := catalog.entry(name, model)) is not None and hit.own]
    for name in (*_MAKERS, *has):
        if name in has:
            return wire_name(name)
    raise ConfigurationError("--model", model, "a model in the price table, or PROVIDER/MODEL")


def substituted(
    call: Circumstances,
    substitutions: Sequence[Substitution],
    catalog: Catalog,
    token_ratio: Decimal = Decimal(1),
) -> Circumstances:
    """Return a call as if the first substitution that is for it had been made; the same call where none is.

    Tokens are multiplied by *token_ratio*, pieces (searches, images) stay. Cached tokens stay cached; where the other
    model has no price for them they cost what its input costs. Batch work stays batch work. Other tiers, regions and
    speeds stay where the provider does, since nobody else sells them.

    Args:
        call: The call as it was.
        substitutions: Which models to put in place of which.
        catalog: Who has which model.
        token_ratio: Tokens that the other model makes of what was one token.
    """
    for each in substitutions:
        if each.matches(call):
            to = each.target(call.provider, catalog)
            tier, context = _carried(call, same_provider=table_name(to) == table_name(call.provider))
            return msgspec.structs.replace(
                call,
                usage=_scaled(call.usage, token_ratio),
                provider=to,
                model=each.to_model,
                requested_model=None,
                service_tier=tier,
                context=context,
                charges=(),
                reported_usd_nanos=None,
            )
    return call


def _carried(call: Circumstances, *, same_provider: bool) -> tuple[str | None, Mapping[str, str] | None]:
    if same_provider:
        return call.service_tier, call.context
    is_batch = conditions(call.service_tier, call.context).get("processing") == "batch"
    return None, {"processing": "batch"} if is_batch else None


def _scaled(usage: Usage | None, ratio: Decimal) -> Usage | None:
    if usage is None or ratio == 1:
        return usage
    numerator, denominator = ratio.as_integer_ratio()
    counts = {name: getattr(usage, name) for name in COUNTERS}
    tokens = {
        name: None if count is None else round_half_even(count * numerator, denominator)
        for name, count in counts.items()
    }
    return Usage(**tokens, units=usage.units)
