"""Traffic: calls of a made-up company over a span of time, the same for the same seed.

Several services and agents, busy days and quiet nights, skewed users and models, answers of log-normal length, prompt
caches that mostly hit, a few streams that broke off and calls that were refused; each with the usage object its provider
sends. Prices come from the catalog once a model and are then multiplied here, because pricing is not what is asked.
"""

from collections.abc import Iterator
from itertools import accumulate
from random import Random
from typing import Any

import msgspec

from taximeter.event import TaskCompletionEvent
from taximeter.identifier import new_event_id
from taximeter.vocabulary import Complexity, CostSource, CostStatus, Operation, Outcome, TaskType, UsageStatus

DAY_US = 86_400_000_000
_HOURS = (2, 1, 1, 1, 1, 2, 4, 8, 14, 18, 20, 19, 15, 18, 20, 19, 17, 14, 10, 8, 6, 5, 4, 3)
"""How busy each hour of a day is, UTC."""


class Model(msgspec.Struct, frozen=True):
    """A model, and what a token of it costs in nanodollars."""

    provider: str
    wire_format: str
    name: str
    share: int
    input_nanos: int
    output_nanos: int


MODELS = (
    Model("openai", "openai.chat", "gpt-4o-mini-2024-07-18", 24, 150, 600),
    Model("openai", "openai.chat", "gpt-4.1-2025-04-14", 12, 2_000, 8_000),
    Model("openai", "openai.responses", "gpt-5-2025-08-07", 10, 1_250, 10_000),
    Model("anthropic", "anthropic.messages", "claude-sonnet-4-5-20250929", 22, 3_000, 15_000),
    Model("anthropic", "anthropic.messages", "claude-haiku-4-5-20251001", 14, 1_000, 5_000),
    Model("google", "gemini.generate", "gemini-2.5-flash", 12, 300, 2_500),
    Model("groq", "openai.chat", "llama-3.3-70b-versatile", 4, 590, 790),
    Model("acme", "openai.chat", "in-house-13b", 2, 0, 0),
)
_ROLES = (
    ("api", "support", TaskType.CHAT),
    ("api", "summarizer", TaskType.SUMMARIZATION),
    ("ide", "coder", TaskType.IMPLEMENTATION),
    ("ide", "reviewer", TaskType.CODE_REVIEW),
    ("batch", "classifier", TaskType.CLASSIFICATION),
    ("batch", None, TaskType.UNKNOWN),
)


def traffic(count: int, *, seed: int, since_us: int, until_us: int) -> Iterator[TaskCompletionEvent]:
    """Yield *count* calls in the order of their time, from *since_us* up to *until_us* (Unix microseconds)."""
    random = Random(seed)
    shares = list(accumulate(model.share for model in MODELS))
    for at_us in _times(random, count, since_us, until_us):
        model = random.choices(MODELS, cum_weights=shares)[0]
        yield _call(random, model, at_us)


def _times(random: Random, count: int, since_us: int, until_us: int) -> Iterator[int]:
    """Spread the calls over the hours of the days, evenly within an hour."""
    hour_us = DAY_US // 24
    hours = range(since_us - since_us % hour_us, until_us, hour_us)
    weights = [_HOURS[at // hour_us % 24] for at in hours]
    done, passed, total = 0, 0, sum(weights)
    for start, weight in zip(hours, weights, strict=True):
        passed += weight
        due = count * passed // total
        first, last = max(start, since_us), min(start + hour_us, until_us)
        for k in range(due - done):
            yield first + int((k + random.random()) * (last - first) / (due - done))
        done = due


def _call(random: Random, model: Model, at_us: int) -> TaskCompletionEvent:
    service, agent, task_type = random.choice(_ROLES)
    refused = random.random() < 0.02
    read = {} if refused else _tokens(random, model)
    user = int(random.paretovariate(0.8)) % 20_000
    span = random.getrandbits(64)
    milliseconds = random.lognormvariate(7.2, 0.7)
    return TaskCompletionEvent(
        event_id=new_event_id(at_us * 1000),
        started_at_us=at_us,
        provider=model.provider,
        wire_format=model.wire_format,
        operation=Operation.CHAT,
        model=None if refused else model.name,
        requested_model=model.name.rsplit("-20", 1)[0],
        provider_response_id=None if refused else f"chatcmpl-{random.getrandbits(116):029x}",
        streaming=random.random() < 0.6,
        service_tier="default" if model.provider == "openai" and not refused else None,
        task_duration_ms=round(milliseconds, 3),
        time_to_first_token_ms=None if refused else round(milliseconds * random.uniform(0.05, 0.4), 3),
        task_type=task_type,
        complexity=Complexity.UNKNOWN,
        service=service,
        agent=agent,
        run_id=f"run-{at_us // 600_000_000:x}-{user % 50}" if service == "batch" else None,
        trace_id=f"{random.getrandbits(128):032x}",
        span_id=f"{span:016x}",
        parent_span_id=f"{span ^ 0xFFFF:016x}",
        user=f"u-{user}",
        session=f"s-{user}-{at_us // DAY_US}" if service != "batch" else None,
        tags={"team": random.choice(("search", "platform", "growth"))} if random.random() < 0.5 else None,
        **(_refusal() if refused else read),
    )


def _refusal() -> dict[str, Any]:
    return {
        "outcome": Outcome.FAILURE,
        "error_type": "rate_limit_error",
        "error_status": 429,
        "error_retryable": True,
    }


def _tokens(random: Random, model: Model) -> dict[str, Any]:
    prompt = 20 + int(random.lognormvariate(7, 1.2))
    cached = int(prompt * random.uniform(0.5, 0.95)) if prompt > 1024 and random.random() < 0.6 else 0
    output = 1 + int(random.lognormvariate(5, 1))
    reasoning = output // 2 if model.name.startswith("gpt-5") else None
    nanos = (
        (prompt - cached) * model.input_nanos + cached * model.input_nanos // 10 + output * model.output_nanos
    )
    priced = model.input_nanos > 0
    return {
        "outcome": Outcome.SUCCESS,
        "finish_reasons": ("stop",),
        "actual_input_tokens": prompt,
        "actual_output_tokens": output,
        "usage_status": UsageStatus.REPORTED,
        "uncached_input_tokens": prompt - cached,
        "cache_read_tokens": cached,
        "text_output_tokens": output,
        "reasoning_tokens": reasoning,
        "raw_usage": _USAGE[model.wire_format](prompt, cached, output, reasoning or 0),
        "actual_cost_usd_nanos": nanos if priced else None,
        "actual_cost_usd_micros": round(nanos / 1000) if priced else None,
        "cost_status": CostStatus.PRICED if priced else CostStatus.UNKNOWN,
        "cost_source": CostSource.TABLE if priced else CostSource.NONE,
        "price_version": "2026-11-22.ed9aa265" if priced else None,
        "price_id": f"{model.provider}/{model.name}" if priced else None,
    }


def _openai_chat(prompt: int, cached: int, output: int, reasoning: int) -> dict[str, Any]:
    """Return the usage of a chat completion (OpenAI API reference, 2026-11)."""
    return {
        "prompt_tokens": prompt,
        "completion_tokens": output,
        "total_tokens": prompt + output,
        "prompt_tokens_details": {"cached_tokens": cached, "audio_tokens": 0},
        "completion_tokens_details": {
            "reasoning_tokens": reasoning,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }


def _openai_responses(prompt: int, cached: int, output: int, reasoning: int) -> dict[str, Any]:
    """Return the usage of a response (OpenAI API reference, 2026-11)."""
    return {
        "input_tokens": prompt,
        "input_tokens_details": {"cached_tokens": cached},
        "output_tokens": output,
        "output_tokens_details": {"reasoning_tokens": reasoning},
        "total_tokens": prompt + output,
    }


def _anthropic(prompt: int, cached: int, output: int, _reasoning: int) -> dict[str, Any]:
    """Return the usage of a message (Anthropic API reference, 2026-11)."""
    return {
        "input_tokens": prompt - cached,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": cached,
        "cache_creation": {"ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": 0},
        "output_tokens": output,
        "service_tier": "standard",
    }


def _gemini(prompt: int, cached: int, output: int, reasoning: int) -> dict[str, Any]:
    """Return the usage metadata of generated content (Gemini API reference, 2026-11)."""
    return {
        "promptTokenCount": prompt,
        "candidatesTokenCount": output - reasoning,
        "totalTokenCount": prompt + output,
        "cachedContentTokenCount": cached,
        "promptTokensDetails": [{"modality": "TEXT", "tokenCount": prompt}],
        "thoughtsTokenCount": reasoning,
    }


_USAGE = {
    "openai.chat": _openai_chat,
    "openai.responses": _openai_responses,
    "anthropic.messages": _anthropic,
    "gemini.generate": _gemini,
}
