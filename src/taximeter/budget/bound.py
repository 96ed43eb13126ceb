"""Bound: what a request may cost at most, before it is sent.

A bound: no tokenizer makes more tokens than there are bytes of text, and a model stops at the tokens it was allowed. An
estimate, in four cases: where the request names no most for its output, `expected_output_tokens` stands in; what it
refers to and does not hold (files, pictures by their address, earlier conversation) is not seen; what tools of the
provider cost on top neither; and where a model has no price, neither has the bound.
"""

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import msgspec

from taximeter.allowance import Intent
from taximeter.budget.call import stand_in
from taximeter.pricing import Catalog
from taximeter.providers import Endpoint
from taximeter.providers.reading import read_request
from taximeter.usage import Usage
from taximeter.vocabulary import Operation

_SILENT = frozenset({Operation.EMBEDDINGS, Operation.RERANK})
_UNREAD_BYTES = 16_384
"""What a request is taken to hold that is not in memory."""
_BYTES_PER_TOKEN = 4
_TEMPLATE_TOKENS = 64
"""What a chat template adds around messages that are a few bytes long themselves."""
_TOOLS_TOKENS = 1024
"""Providers put instructions of their own before tools, Anthropic up to some 700 tokens (its docs, read 2026-11)."""
_MOST_TOKENS = 10_000_000
_INPUTS = ("uncached_input_tokens", "cache_write_5m_tokens", "cache_write_1h_tokens")


class Bound(msgspec.Struct, frozen=True):
    """An amount in nanodollars; `has_price`: whether it rests on the model's price. `model`: the one asked for."""

    nanos: int
    has_price: bool
    model: str | None


class _Nested(msgspec.Struct):
    gemini_tokens: Any = msgspec.field(default=None, name="maxOutputTokens")
    gemini_copies: Any = msgspec.field(default=None, name="candidateCount")
    converse_tokens: Any = msgspec.field(default=None, name="maxTokens")
    titan_tokens: Any = msgspec.field(default=None, name="maxTokenCount")
    num_predict: Any = None


class _Asked(msgspec.Struct):
    """What a request says of its own size, in all formats; the rest of it is passed over."""

    max_tokens: Any = None
    max_completion_tokens: Any = None
    max_output_tokens: Any = None
    max_new_tokens: Any = None
    max_gen_len: Any = None
    max_tokens_to_sample: Any = None
    n: Any = None
    best_of: Any = None
    gemini_config: _Nested | None = msgspec.field(default=None, name="generationConfig")
    generation_config: _Nested | None = None
    converse_config: _Nested | None = msgspec.field(default=None, name="inferenceConfig")
    titan_config: _Nested | None = msgspec.field(default=None, name="textGenerationConfig")
    options: _Nested | None = None
    speed: Any = None
    inference_geo: Any = None


_MOST = (
    "max_completion_tokens",
    "max_output_tokens",
    "max_tokens",
    "max_new_tokens",
    "max_gen_len",
    "max_tokens_to_sample",
)
_NESTS = ("gemini_config", "generation_config", "converse_config", "titan_config", "options")
_NESTED_MOST = ("gemini_tokens", "converse_tokens", "titan_tokens", "num_predict")
_decoder = msgspec.json.Decoder(_Asked)


def bound_of(intent: Intent, catalog: Catalog, expected_output_tokens: int) -> Bound:
    """Return what a call may cost at most; never raises."""
    endpoint, asked = intent.endpoint, _asked(intent.body)
    request = read_request(endpoint, intent.body)
    size, has_tools = _size(intent.body)
    given = _output_tokens(endpoint, asked, expected_output_tokens)
    taken = min(size + _TEMPLATE_TOKENS + has_tools * _TOOLS_TOKENS, _MOST_TOKENS)
    context = {
        name: value for name in ("speed", "inference_geo") if isinstance(value := getattr(asked, name), str)
    }
    if endpoint.region is not None:
        context["region"] = endpoint.region
    costs = [
        catalog.cost(
            msgspec.structs.replace(Usage(text_output_tokens=given), **{kind: taken}),
            provider=endpoint.provider,
            model=None,
            requested_model=request.model,
            at_us=intent.at_us,
            service_tier=request.service_tier,
            context=context or None,
        ).usd_nanos
        for kind in _inputs(intent.body)
    ]
    known = [nanos for nanos in costs if nanos is not None]
    if not known:
        return Bound(stand_in(taken // _BYTES_PER_TOKEN, given), has_price=False, model=request.model)
    return Bound(max(known), has_price=True, model=request.model)


def _asked(body: bytes | Mapping[str, Any] | None) -> _Asked:
    with suppress(msgspec.MsgspecError, UnicodeDecodeError):
        if isinstance(body, bytes):
            return _decoder.decode(body)
        if body is not None:
            return msgspec.convert(dict(body), _Asked)
    return _Asked()


def _size(body: bytes | Mapping[str, Any] | None) -> tuple[int, bool]:
    """Return how many bytes a request has, and whether it brings tools."""
    if body is None:
        return _UNREAD_BYTES, False
    if isinstance(body, bytes):
        return len(body), b'"tools"' in body or b'"toolConfig"' in body
    try:
        return len(msgspec.json.encode(body, enc_hook=str)), "tools" in body
    except (TypeError, ValueError):
        return _UNREAD_BYTES, "tools" in body


def _inputs(body: bytes | Mapping[str, Any] | None) -> tuple[str, ...]:
    """Return how input may be charged; sound costs more than text where there is any, and writing a cache too."""
    text = (
        body if isinstance(body, bytes) else str(body).encode("utf-8", "replace") if body is not None else b""
    )
    return (*_INPUTS, "audio_input_tokens") if b"audio" in text else _INPUTS


def _output_tokens(endpoint: Endpoint, asked: _Asked, expected: int) -> int:
    if endpoint.operation in _SILENT:
        return 0
    nests = [nest for name in _NESTS if (nest := getattr(asked, name)) is not None]
    found = [getattr(asked, name) for name in _MOST]
    found += [getattr(nest, name) for nest in nests for name in _NESTED_MOST]
    most: int = next(filter(_is_count, found), expected)
    copies = [asked.n, asked.best_of, *(nest.gemini_copies for nest in nests)]
    most *= max([1, *filter(_is_count, copies)])
    return min(most, _MOST_TOKENS)


def _is_count(value: Any) -> bool:
    return type(value) is int and value > 0
