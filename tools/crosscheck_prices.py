# /// script
# requires-python = ">=3.11"
# dependencies = ["genai-prices==0.2.3", "litellm==1.109.1", "taximeter"]
#
# [tool.uv]
# override-dependencies = ["certifi"]  # only litellm's price file is read
#
# [tool.uv.sources]
# taximeter = { path = ".." }
# ///
"""List where our prices differ from those of genai-prices and litellm, with our choice and where it is from.

    uv run tools/crosscheck_prices.py [--all]

It runs in an environment of its own and nothing depends on it. The models are those that both lists and ours have for
the providers below, the longest known 200 by default; a price is compared as of today, in USD per million tokens.
Disagreements we have looked into are explained in `docs/reference/prices.md`.
"""

import json
import sys
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from importlib.metadata import distribution
from pathlib import Path
from typing import Any, NamedTuple

from genai_prices.data import providers as upstream_providers
from genai_prices.types import TieredPrices

from taximeter.pricing.catalog import Catalog
from taximeter.pricing.table import shipped_table
from taximeter.usage import Usage

# Our provider: litellm's, and what its model names begin with.
PROVIDERS: Mapping[str, tuple[frozenset[str], str]] = {
    "openai": (frozenset({"openai", "text-completion-openai"}), ""),
    "anthropic": (frozenset({"anthropic"}), ""),
    "google": (frozenset({"gemini"}), "gemini/"),
    "bedrock": (frozenset({"bedrock", "bedrock_converse"}), ""),
    "mistral": (frozenset({"mistral"}), "mistral/"),
    "xai": (frozenset({"xai"}), "xai/"),
    "deepseek": (frozenset({"deepseek"}), "deepseek/"),
    "groq": (frozenset({"groq"}), "groq/"),
    "cohere": (frozenset({"cohere", "cohere_chat"}), ""),
    "voyage": (frozenset({"voyage"}), "voyage/"),
    "perplexity": (frozenset({"perplexity"}), "perplexity/"),
    "cerebras": (frozenset({"cerebras"}), "cerebras/"),
}
MOST_USED = 200


class Question(NamedTuple):
    """One price that all three can be asked for: a million tokens of one counter in one situation."""

    name: str
    usage: Usage
    litellm_key: str
    upstream_key: str
    context: Mapping[str, str] = {}


MILLION = 1_000_000
QUESTIONS = (
    Question("input", Usage(uncached_input_tokens=1000), "input_cost_per_token", "input_mtok"),
    Question("output", Usage(text_output_tokens=1000), "output_cost_per_token", "output_mtok"),
    Question("cache_read", Usage(cache_read_tokens=1000), "cache_read_input_token_cost", "cache_read_mtok"),
    Question(
        "cache_write_5m",
        Usage(cache_write_5m_tokens=1000),
        "cache_creation_input_token_cost",
        "cache_write_mtok",
    ),
    Question(
        "cache_write_1h",
        Usage(cache_write_1h_tokens=1000),
        "cache_creation_input_token_cost_above_1hr",
        "cache_write_1h_mtok",
    ),
    Question("audio_input", Usage(audio_input_tokens=1000), "input_cost_per_audio_token", "input_audio_mtok"),
    Question(
        "audio_output", Usage(audio_output_tokens=1000), "output_cost_per_audio_token", "output_audio_mtok"
    ),
    *(
        Question(f"{kind} {word}", usage, f"{key}_{suffix}", upstream, context)
        for word, suffix, context in (
            ("batch", "batches", {"processing": "batch"}),
            ("flex", "flex", {"service_tier": "flex"}),
            ("priority", "priority", {"service_tier": "priority"}),
        )
        for kind, usage, key, upstream in (
            ("input", Usage(uncached_input_tokens=1000), "input_cost_per_token", "input_mtok"),
            ("output", Usage(text_output_tokens=1000), "output_cost_per_token", "output_mtok"),
        )
    ),
    *(
        Question(
            f"input over {size}k",
            Usage(uncached_input_tokens=size * 1000 + 1),
            f"input_cost_per_token_above_{size}k_tokens",
            "input_mtok",
        )
        for size in (100, 128, 200, 272)
    ),
)


class Answer(NamedTuple):
    """What the three say, in USD per million tokens; None where one says nothing."""

    model: str
    question: str
    ours: Decimal | None
    source: str
    genai_prices: Decimal | None
    litellm: Decimal | None


def main(arguments: list[str]) -> int:
    """Print the disagreements as a table in Markdown."""
    catalog = Catalog(shipped_table())
    path = distribution("litellm").locate_file("litellm/model_prices_and_context_window_backup.json")
    prices: Mapping[str, Any] = json.loads(Path(str(path)).read_text(encoding="utf-8"))
    models = [model for model in common_models(catalog, prices) if not deprecated(model[2])]
    if "--all" not in arguments:
        models = models[:MOST_USED]
    answers = [answer for model in models for answer in ask(catalog, *model)]
    print(f"{len(models)} models, {len(answers)} disagreements, table {catalog.version}\n")
    print("| model | price | ours | source | genai-prices | litellm |")
    print("| --- | --- | --- | --- | --- | --- |")
    for answer in answers:
        print("| " + " | ".join("-" if part is None else str(part) for part in answer) + " |")
    return 0


def common_models(catalog: Catalog, prices: Mapping[str, Any]) -> list[tuple[str, str, Mapping[str, Any]]]:
    """Return (provider, name, litellm's entry) of the models that we have too, each once."""
    found: dict[str, tuple[str, str, Mapping[str, Any]]] = {}
    for name, listed in prices.items():
        for provider, (theirs, prefix) in PROVIDERS.items():
            if listed.get("litellm_provider") in theirs and name.startswith(prefix):
                entry = catalog.entry(provider, name.removeprefix(prefix))
                if entry is not None:
                    found.setdefault(entry.id, (provider, name.removeprefix(prefix), listed))
    return list(found.values())


def deprecated(listed: Mapping[str, Any]) -> bool:
    """Whether litellm says the model is gone."""
    return str(listed.get("deprecation_date", "9")) <= datetime.now(UTC).date().isoformat()


def ask(catalog: Catalog, provider: str, model: str, listed: Mapping[str, Any]) -> Iterator[Answer]:
    """Yield the questions about a model to which litellm has another answer than we."""
    now = datetime.now(UTC)
    upstream = upstream_price(catalog, provider, model, now)
    for question in QUESTIONS:
        theirs = listed.get(question.litellm_key)
        if not theirs:
            continue
        cost = catalog.cost(
            question.usage,
            provider=provider,
            model=model,
            at_us=int(now.timestamp() * MILLION),
            context=question.context,
        )
        tokens = (question.usage.input_tokens or 0) + (question.usage.output_tokens or 0)
        ours = None if cost.usd_nanos is None else plain(Decimal(cost.usd_nanos) / tokens / 1000)
        litellm = plain(Decimal(str(theirs)) * MILLION)
        if ours is None or abs(ours - litellm) > Decimal("0.0005") * litellm:
            genai = plain_upstream(upstream, question, tokens)
            yield Answer(f"{provider}/{model}", question.name, ours, str(cost.source), genai, litellm)


def upstream_price(catalog: Catalog, provider: str, model: str, now: datetime) -> Mapping[str, Any]:
    """Return genai-prices' prices of today for the model that we took the name for."""
    entry = catalog.entry(provider, model)
    for listed in upstream_providers:
        if entry is not None and listed.id == entry.provider:
            for candidate in listed.models:
                if candidate.id == entry.model:
                    prices: Mapping[str, Any] = candidate.get_prices(now).__dict__
                    return prices
    return {}


def plain_upstream(prices: Mapping[str, Any], question: Question, tokens: int) -> Decimal | None:
    """Return their standard price, at the tier that so many tokens reach; variants are not asked for."""
    value = None if question.context else prices.get(question.upstream_key)
    if isinstance(value, TieredPrices):
        value = [value.base, *(tier.price for tier in value.tiers if tokens > tier.start)][-1]
    return None if value is None else plain(value)


def plain(value: Decimal) -> Decimal:
    """Return the number without zeros at its end and without an exponent."""
    return Decimal(format(round(value, 6).normalize(), "f"))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
