"""Request size: how many tokens a request has, by the length of its texts, and where it wants its answer cut.

The figures were fitted to 2,000 recorded requests of all providers (2026-11): half of the estimates are within 12 % of what
the provider counted for OpenAI, 17 % for Anthropic, 25 % for Google, and a tenth is off by more than a factor of two,
mostly requests of a few words, where what a provider adds by itself counts most. A tokenizer knows better.
"""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, NamedTuple

import msgspec

from taximeter.providers.answer import UNREADABLE
from taximeter.providers.estimate import Measure, prompt_texts, text_length
from taximeter.providers.values import as_count, as_mapping

_LIMIT_BYTES = 2 * 1024 * 1024
"""Larger requests are not decoded: most of their bytes are pictures."""

_CONVERSATIONS = ("messages", "contents", "input")
_DEPTH_LIMIT = 8
_OUTPUT_LIMITS = ("max_tokens", "max_completion_tokens", "max_output_tokens")
_NESTED_OUTPUT_LIMITS = (
    ("generationConfig", "maxOutputTokens"),
    ("generation_config", "max_output_tokens"),
    ("inferenceConfig", "maxTokens"),
    ("options", "num_predict"),
)
_PICTURES = frozenset({"image", "image_url", "input_image"})


class Density(NamedTuple):
    """How a family of models makes tokens of a request.

    `image_tokens` are those of a picture of about a megapixel, since the size stands in its bytes, which are not looked at.
    """

    bytes_per_token: float
    tool_bytes_per_token: float
    message_tokens: int
    tools_tokens: int
    image_tokens: int


_USUAL = Density(4.5, 5.0, 4, 0, 765)
_DENSITIES = (
    # Pictures: 85 and 170 a tile of 512 pixels, scaled to 768 (platform.openai.com/docs/guides/images-vision, 2026-11)
    (re.compile(r"gpt|(?:^|[/.])o\d"), Density(4.5, 6.0, 7, 0, 765)),
    # Width x height / 750 (docs.anthropic.com/en/docs/build-with-claude/vision); tools add a system prompt, 2026-11
    (re.compile(r"claude"), Density(3.0, 3.0, 2, 500, 1400)),
    # 258 a tile of 768 pixels (ai.google.dev/gemini-api/docs/tokens, 2026-11)
    (re.compile(r"gemini|gemma"), Density(4.0, 5.0, 0, 0, 1032)),
    (re.compile(r"m[ai][sx]tral|codestral"), Density(4.5, 3.0, 4, 0, 765)),
    (re.compile(r"deepseek"), Density(5.0, 8.0, 4, 300, 765)),
)


@lru_cache(1_024)
def density_of(model: str | None) -> Density:
    """Return how a model makes tokens of a request; the usual way where it is of no family known here."""
    name = (model or "").lower()
    return next((density for pattern, density in _DENSITIES if pattern.search(name)), _USUAL)


def request_tokens(
    request: bytes | Mapping[str, Any], model: str | None = None, count: Measure | None = None
) -> int | None:
    """Return about how many input tokens a request has; None where its body cannot be read or holds no prompt.

    Args:
        request: The body, as JSON or decoded.
        model: The model; None takes the one that the body names.
        count: Counts the tokens of a text; None goes by its length. The rest of a request is told by rules either way.
    """
    body = decoded(request)
    if body is None:
        return None
    texts = prompt_texts(body)
    if not texts:
        return None
    density = density_of(model or model_of(body))
    tools = body.get("tools") or body.get("toolConfig")
    try:
        tool_bytes = len(msgspec.json.encode(tools)) if tools else 0
    except (TypeError, ValueError, RecursionError):  # a decoded body may hold anything
        tool_bytes = 0
    if count is None:
        tokens = sum(map(text_length, texts)) / density.bytes_per_token
    else:
        tokens = float(sum(text_length(text, count) for text in texts))
    tokens += density.message_tokens * _messages(body)
    if not isinstance(request, bytes) or b"image" in request:  # which all formats write in front of a picture
        tokens += density.image_tokens * sum(map(_pictures, texts))
    tokens += tool_bytes / density.tool_bytes_per_token + (density.tools_tokens if tools else 0)
    return max(round(tokens), 1)


def output_limit_of(request: bytes | Mapping[str, Any] | None) -> int | None:
    """Return after how many output tokens a request wants its answer cut; None where it does not say."""
    body = None if request is None else decoded(request)
    if body is None:
        return None
    limits = [body.get(name) for name in _OUTPUT_LIMITS]
    limits += [as_mapping(body.get(outer)).get(inner) for outer, inner in _NESTED_OUTPUT_LIMITS]
    return min((limit for given in limits if (limit := as_count(given))), default=None)


def model_of(request: bytes | Mapping[str, Any] | None) -> str | None:
    """Return the model that a request names."""
    body = None if request is None else decoded(request)
    name = None if body is None else body.get("model")
    return name if isinstance(name, str) else None


def decoded(request: bytes | Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return a request as an object; None where it is none, or too large to look at."""
    if not isinstance(request, bytes):
        return request
    if len(request) > _LIMIT_BYTES:
        return None
    try:
        body = msgspec.json.decode(request)
    except UNREADABLE:
        return None
    return body if isinstance(body, dict) else None


def _messages(body: Mapping[str, Any]) -> int:
    """Return how many messages there are; a text by itself is none, and neither are those to be embedded."""
    conversations = [body[name] for name in _CONVERSATIONS if isinstance(body.get(name), list | tuple)]
    return sum(isinstance(message, Mapping) for messages in conversations for message in messages)


def _pictures(value: Any, depth: int = _DEPTH_LIMIT) -> int:
    """Return how many pictures are in a part of a request."""
    if isinstance(value, list | tuple):
        return sum(_pictures(item, depth - 1) for item in value) if depth else 0
    if not isinstance(value, Mapping):
        return 0
    if value.get("type") in _PICTURES or "inlineData" in value or "inline_data" in value or "image" in value:
        return 1
    return (
        sum(_pictures(value.get(name), depth - 1) for name in ("content", "parts", "source")) if depth else 0
    )
