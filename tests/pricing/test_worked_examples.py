"""Bills worked out by hand from the providers' pages: how tiers, batches, caches, regions and fees come together."""

from decimal import Decimal
from typing import Any

import pytest

from price_lists import NOON_2026, SHIPPED
from taximeter.pricing.record import price_record
from taximeter.usage import Usage


def anthropic(fresh: int, answer: int, **more: Any) -> dict[str, Any]:
    return {"usage": {"input_tokens": fresh, "output_tokens": answer, **more}}


def openai(prompt: int, answer: int, *, cached: int = 0, audio: int = 0, **more: Any) -> dict[str, Any]:
    details = {"cached_tokens": cached, "audio_tokens": audio}
    return {
        "usage": {
            "prompt_tokens": prompt,
            "completion_tokens": answer,
            "prompt_tokens_details": details,
            **more,
        }
    }


def gemini(prompt: int, answer: int, **more: Any) -> dict[str, Any]:
    counts = {"promptTokenCount": prompt, "candidatesTokenCount": answer}
    return {"usageMetadata": {**counts, "totalTokenCount": prompt + answer, **more}}


# Each: provider, model, when, raw usage, context, and the bill as a sum of tokens x USD per million (or USD alone).
BILLS: dict[str, tuple[str, str, str, dict[str, Any], dict[str, Any], list[tuple[int, str]]]] = {
    "at the threshold a prompt is still short": (
        "anthropic", "claude-sonnet-4-5", "2025-11-01", anthropic(200_000, 1000), {},
        [(200_000, "3"), (1000, "15")],
    ),
    "a long prompt of the first model that took one": (
        "anthropic", "claude-sonnet-4-20250514", "2025-09-01",
        anthropic(140_000, 1000, cache_read_input_tokens=60_001), {},
        [(140_000, "6"), (60_001, "0.6"), (1000, "22.5")],
    ),
    "a long prompt to a model of another maker at a regional endpoint of Bedrock": (
        "bedrock", "us.openai.gpt-5.4", "2026-11-01", {"usage": {"inputTokens": 272_001, "outputTokens": 100}}, {},
        [(272_001, "5.5"), (100, "24.75")],
    ),
    "the same at the global endpoint, as short as can be": (
        "bedrock", "global.openai.gpt-5.4", "2026-11-01", {"usage": {"inputTokens": 272_000, "outputTokens": 100}}, {},
        [(272_000, "2.5"), (100, "15")],
    ),
    "long, in a batch, from a cache, written to it for both lifetimes": (
        "anthropic", "claude-sonnet-4-5", "2026-09-01",
        anthropic(150_000, 1000, cache_read_input_tokens=60_000, cache_creation_input_tokens=3000,
                  cache_creation={"ephemeral_5m_input_tokens": 1000, "ephemeral_1h_input_tokens": 2000},
                  service_tier="batch"),
        {}, [(150_000, "3"), (60_000, "0.3"), (1000, "3.75"), (2000, "6"), (1000, "11.25")],
    ),
    "a batch in the United States": (
        "anthropic", "claude-sonnet-4-6", "2026-11-01",
        anthropic(1000, 1000, cache_read_input_tokens=1000, inference_geo="us", service_tier="batch"),
        {}, [(1000, "1.65"), (1000, "0.165"), (1000, "8.25")],
    ),
    "models before 4.6 have no price for a place": (
        "anthropic", "claude-sonnet-4-5", "2026-11-01", anthropic(1000, 1000, inference_geo="us"), {},
        [(1000, "3"), (1000, "15")],
    ),
    "the last instant of an old price": (
        "anthropic", "claude-opus-4-6", "2026-03-12T23:59:59Z", anthropic(200_001, 10), {},
        [(200_001, "10"), (10, "37.5")],
    ),
    "the first instant of a new price": (
        "anthropic", "claude-opus-4-6", "2026-03-13T00:00:00Z", anthropic(200_001, 10), {},
        [(200_001, "5"), (10, "25")],
    ),
    "a batch has no discount for cached tokens before GPT-5": (
        "openai", "gpt-4.1", "2026-11-01", openai(10_000, 1000, cached=2000), {"processing": "batch"},
        [(10_000, "1"), (1000, "4")],
    ),
    "nor had it before the price fell": (
        "openai", "o3", "2025-06-09", openai(10_000, 1000, cached=2000), {"processing": "batch"},
        [(10_000, "5"), (1000, "20")],
    ),
    "from GPT-5 on it has": (
        "openai", "gpt-5", "2026-05-01", openai(10_000, 1000, cached=2000), {"processing": "batch"},
        [(8000, "0.625"), (2000, "0.0625"), (1000, "5")],
    ),
    "a model whose batches cost what it costs": (
        "openai", "gpt-3.5-turbo-1106", "2026-11-01", openai(10_000, 1000), {"processing": "batch"},
        [(10_000, "1"), (1000, "2")],
    ),
    "flex and long": (
        "openai", "gpt-5.4", "2026-11-01", openai(272_001, 1000, cached=2000), {"service_tier": "flex"},
        [(270_001, "2.5"), (2000, "0.25"), (1000, "11.25")],
    ),
    "sound has its own price": (
        "openai", "gpt-4o-audio-preview-2025-06-03", "2026-01-01",
        openai(1000, 1000, audio=400, completion_tokens_details={"audio_tokens": 800}), {},
        [(600, "2.5"), (400, "40"), (200, "10"), (800, "80")],
    ),
    "a model that always searches": (
        "openai", "gpt-4o-mini-search-preview", "2026-11-01", openai(1000, 1000), {},
        [(1000, "0.15"), (1000, "0.6"), (1, "25000")],
    ),
    "a model tuned by its user": (
        "openai", "ft:gpt-4.1-2025-04-14:acme:x:1", "2026-01-01", openai(1000, 1000, cached=400), {},
        [(600, "3"), (400, "0.75"), (1000, "12")],
    ),
    "a batch for it": (
        "openai", "ft:o4-mini-2025-04-16:acme:x:1", "2026-01-01", openai(1000, 1000, cached=400),
        {"processing": "batch"}, [(1000, "2"), (1000, "8")],
    ),
    "a minute of Whisper": ("openai", "whisper-1", "2026-01-01", {"duration": 60.0}, {}, [(1, "6000")]),
    "an hour of Whisper, in words": ("groq", "whisper-large-v3", "2026-01-01", {"duration": "3600.0"}, {},
                                     [(1, "111000")]),
    "Gemini's batches leave the price of cached tokens alone": (
        "google", "gemini-2.5-flash", "2026-11-01", gemini(1000, 100, cachedContentTokenCount=600),
        {"processing": "batch"}, [(400, "0.15"), (600, "0.03"), (100, "1.25")],
    ),
    "Groq's do too": (
        "groq", "moonshotai/kimi-k2-instruct", "2026-01-01", openai(1000, 100, cached=600),
        {"processing": "batch"}, [(400, "0.5"), (600, "0.5"), (100, "1.5")],
    ),
    "Claude on a regional endpoint of Vertex": (
        "vertex", "claude-sonnet-4-5@20250929", "2026-01-01", anthropic(1000, 1000), {"region": "europe-west1"},
        [(1000, "3.3"), (1000, "16.5")],
    ),
    "a profile within Europe": (
        "bedrock", "eu.anthropic.claude-sonnet-4-5-20250929-v1:0", "2026-01-01",
        {"usage": {"inputTokens": 1000, "outputTokens": 1000}}, {}, [(1000, "3.3"), (1000, "16.5")],
    ),
    "a long prompt to it": (
        "bedrock", "eu.anthropic.claude-sonnet-4-5-20250929-v1:0", "2026-01-01",
        {"usage": {"inputTokens": 150_000, "outputTokens": 1000, "cacheReadInputTokens": 50_001}}, {},
        [(150_000, "6.6"), (50_001, "0.66"), (1000, "24.75")],
    ),
    "a profile over the world": (
        "bedrock", "global.anthropic.claude-sonnet-4-5-20250929-v1:0", "2026-01-01",
        {"usage": {"inputTokens": 1000, "outputTokens": 1000}}, {}, [(1000, "3"), (1000, "15")],
    ),
    "xAI's threshold belongs to the dearer side": (
        "xai", "grok-4-0709", "2026-01-01", openai(128_000, 10), {}, [(128_000, "6"), (10, "30")],
    ),
    "one token less does not": (
        "xai", "grok-4-0709", "2026-01-01", openai(127_999, 10), {}, [(127_999, "3"), (10, "15")],
    ),
    "the last hour of DeepSeek's first price": (
        "deepseek", "deepseek-chat", "2025-09-05T15:59:59Z",
        {"usage": {"prompt_tokens": 1000, "completion_tokens": 1000, "prompt_cache_hit_tokens": 400}}, {},
        [(600, "0.27"), (400, "0.07"), (1000, "1.1")],
    ),
    "research bills thinking, citations and searches apart": (
        "perplexity", "sonar-deep-research", "2026-01-01",
        openai(33, 7163, citation_tokens=20_016, num_search_queries=18, reasoning_tokens=73_997), {},
        [(33, "2"), (7163, "8"), (73_997, "3"), (20_016, "2"), (18, "5000")],
    ),
    "the size of the search that the answer names": (
        "perplexity", "sonar", "2026-01-01", openai(100, 10, search_context_size="high"), {},
        [(100, "1"), (10, "1"), (1, "12000")],
    ),
    "a transcript by the second": (
        "mistral", "voxtral-mini-latest", "2026-10-01",
        openai(4, 14, audio=402, prompt_audio_seconds=3, total_tokens=420), {}, [(1, "150")],
    ),
    "a picture without details": (
        "openai", "gpt-image-1.5", "2026-11-01",
        {"usage": {"input_tokens": 50, "output_tokens": 50,
                   "input_tokens_details": {"text_tokens": 10, "image_tokens": 40}}}, {},
        [(10, "5"), (40, "8"), (50, "32")],
    ),
    "pictures by the piece": (
        "cohere", "embed-english-v3.0", "2026-01-01", {"meta": {"billed_units": {"images": 3}}}, {},
        [(3, "100")],
    ),
    "a router's choice of host is no other model": (
        "openrouter", "anthropic/claude-sonnet-4.5:nitro", "2026-01-01", openai(1000, 1000), {},
        [(1000, "3"), (1000, "15")],
    ),
}  # fmt: skip

APIS = {"claude-sonnet-4-5@20250929": "messages", "gpt-image-1.5": "images"}
"""Where the shape of the usage alone would mean another format."""


@pytest.mark.parametrize("name", BILLS)
def test_a_bill_comes_out_as_by_hand(name: str) -> None:
    """Exact in nanodollars, complete, and the sum of its parts."""
    provider, model, at, raw, context, parts = BILLS[name]
    priced = price_record(
        {
            "provider": provider,
            "model": model,
            "api": "transcription" if "duration" in raw else APIS.get(model),
            "at": at,
            "raw_usage": raw,
            "context": context,
        },
        SHIPPED,
    )
    nanos = sum(quantity * Decimal(usd) * 1000 for quantity, usd in parts)
    assert (priced["cost_status"], priced["cost_usd_nanos"]) == ("priced", nanos)
    assert sum(part["usd_nanos"] for part in priced["components"]) == nanos


@pytest.mark.parametrize(
    ("provider", "model"),
    [
        ("openai", "gpt-4o-my-own-thing"),
        ("anthropic", "claude-next-9"),
        ("ollama", "gpt-oss:120b-cloud"),
        ("acme", "gpt-4o"),
        ("openrouter", "acme/new-model:nitro"),
    ],
)
def test_what_no_list_has_is_unknown(provider: str, model: str) -> None:
    """A name that only resembles a known one gets no price, and null is not zero."""
    record = {"provider": provider, "model": model, "at": "2026-01-01", "raw_usage": openai(10, 10)}
    priced = price_record(record, SHIPPED)
    assert (priced["cost_status"], priced["cost_usd_nanos"]) == ("unknown", None)


@pytest.mark.parametrize(
    ("provider", "model", "tier", "status"),
    [
        ("openai", "gpt-5", "flex", "priced"),
        ("openai", "gpt-4o", "flex", "partial"),  # sold for other models only
        ("openai", "gpt-4o", "default", "priced"),
        ("groq", "llama-3.3-70b-versatile", "flex", "priced"),  # the same price for all
        ("anthropic", "claude-sonnet-4-5", "priority", "priced"),
    ],
)
def test_a_tier_without_a_price_is_not_priced_in_silence(
    provider: str, model: str, tier: str, status: str
) -> None:
    """Where a provider charges for a tier and the list does not say how much for this model, the cost is partial."""
    record = {
        "provider": provider,
        "model": model,
        "at": "2026-11-01",
        "raw_usage": openai(1000, 10),
        "context": {"service_tier": tier},
    }
    assert price_record(record, SHIPPED)["cost_status"] == status


def test_thinking_beyond_the_output_is_never_a_refund() -> None:
    """A surcharge below the price of output counts for what is in the output only."""
    usage = Usage(uncached_input_tokens=0, text_output_tokens=10, reasoning_tokens=500)
    cost = SHIPPED.cost(usage, provider="perplexity", model="sonar-deep-research", at_us=NOON_2026)
    assert cost.usd_nanos == 30_000


def test_a_call_with_ones_own_key_costs_what_the_host_behind_charges() -> None:
    """OpenRouter itself charges little or nothing for it."""
    raw = openai(100, 10, cost=0.001, is_byok=True, cost_details={"upstream_inference_cost": 0.00417})
    priced = price_record({"provider": "openrouter", "model": "openai/gpt-4o", "raw_usage": raw}, SHIPPED)
    assert (priced["cost_status"], priced["cost_usd_nanos"]) == ("reported", 5_170_000)
