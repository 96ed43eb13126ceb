"""A response that somebody else decoded gives the same facts as its bytes."""

import json
from types import SimpleNamespace
from typing import Any

import pytest
from anthropic.types import Message
from openai.types.chat import ChatCompletion
from openai.types.responses import Response

from taximeter.providers import endpoint_for, read_payload, read_response
from wire_samples import SAMPLES, Sample

WHOLE = [
    sample
    for sample in SAMPLES
    if sample.name.endswith(".json")
    and sample.status == 200
    and "stream" not in sample.wire_format
    and "X-Amzn-Bedrock-Input-Token-Count" not in sample.headers  # a decoded body has no headers
]


@pytest.mark.parametrize("sample", WHOLE, ids=lambda sample: sample.name)
def test_a_decoded_body_tells_what_its_bytes_tell(sample: Sample) -> None:
    """The format may be named; nothing but the request is missing."""
    payload = json.loads(sample.body)
    facts = read_payload(payload, provider=sample.provider, wire_format=sample.wire_format)
    endpoint = endpoint_for(sample.wire_format, provider=sample.provider)
    expected = read_response(endpoint, None, 200, sample.headers, sample.body)
    assert (facts.usage, facts.model, facts.response_id) == (
        expected.usage,
        expected.model,
        expected.response_id,
    )
    assert (facts.finish_reasons, facts.tool_call_count, facts.charges) == (
        expected.finish_reasons,
        expected.tool_call_count,
        expected.charges,
    )


@pytest.mark.parametrize(
    ("name", "wire_format"),
    [
        ("openai.chat.json", "openai.chat"),
        ("openai.completions.json", "openai.completions"),
        ("openai.responses.json", "openai.responses"),
        ("openai.embeddings.json", "openai.embeddings"),
        ("anthropic.messages.json", "anthropic.messages"),
        ("gemini.generate.json", "gemini.generate"),
        ("ollama.generate.json", "ollama.chat"),
        ("bedrock.converse.json", "bedrock.converse"),
        ("cohere.chat_v2.json", "cohere.chat_v2"),
    ],
)
def test_the_format_is_known_by_its_fields(name: str, wire_format: str) -> None:
    """Without a name the fields speak for themselves."""
    sample = next(sample for sample in SAMPLES if sample.name == name)
    assert read_payload(json.loads(sample.body)).wire_format == wire_format


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        (ChatCompletion, "openai.chat.json"),
        (Response, "openai.responses.json"),
        (Message, "anthropic.messages.json"),
    ],
)
def test_an_sdk_object_is_as_good_as_its_dict(kind: Any, name: str) -> None:
    """Objects of the official clients are read through their own method of becoming a dict."""
    payload = json.loads(next(sample for sample in SAMPLES if sample.name == name).body)
    facts, expected = read_payload(kind.model_construct(**payload)), read_payload(payload)
    assert (facts.usage, facts.model, facts.wire_format) == (
        expected.usage,
        expected.model,
        expected.wire_format,
    )


def test_gemini_objects_have_names_in_snake_case() -> None:
    """The SDK's spelling means the wire's."""
    payload = {
        "usage_metadata": {"prompt_token_count": 5, "candidates_token_count": 2, "thoughts_token_count": 3},
        "model_version": "gemini-x",
    }
    facts = read_payload(payload, provider="google")
    assert facts.usage is not None
    assert (facts.usage.input_tokens, facts.usage.output_tokens, facts.model) == (5, 5, "gemini-x")


@pytest.mark.parametrize(
    ("usage", "provider", "total"),
    [
        ({"prompt_tokens": 5, "completion_tokens": 3}, None, (5, 3)),
        ({"input_tokens": 5, "output_tokens": 3, "cache_read_input_tokens": 7}, "anthropic", (12, 3)),
        ({"input_tokens": 5, "output_tokens": 3}, "anthropic", (5, 3)),
        (
            {"input_tokens": 5, "input_tokens_details": {"cached_tokens": 2}, "output_tokens": 3},
            "openai",
            (5, 3),
        ),
        (
            {
                "usage": {
                    "input_tokens": 5,
                    "input_tokens_details": {"cached_tokens": 2},
                    "output_tokens": 3,
                },
                "stop_reason": "end_turn",
            },
            None,
            (5, 3),
        ),
        ({"promptTokenCount": 5, "candidatesTokenCount": 3}, "google", (5, 3)),
        ({"prompt_eval_count": 5, "eval_count": 3}, "ollama", (5, 3)),
        ({"inputTokens": 5, "outputTokens": 3}, "aws", (5, 3)),
        ({"total_tokens": 5}, "voyageai", (5, None)),
    ],
)
def test_a_bare_usage_is_enough(usage: dict[str, Any], provider: str | None, total: tuple[int, int]) -> None:
    """Only the counts, as an application may have kept them, under any common name of the provider."""
    facts = read_payload(usage, provider=provider)
    assert facts.usage is not None
    assert (facts.usage.input_tokens, facts.usage.output_tokens) == total
    assert provider is None or facts.provider == provider


class Refusing:
    """An object whose every way of becoming a dict fails."""

    __slots__ = ()

    def model_dump(self, **_options: object) -> object:
        """Fail."""
        raise RuntimeError

    def to_dict(self) -> object:
        """Return what is no dict."""
        return "no dict"


@pytest.mark.parametrize("payload", [None, 7, "text", [], {}, Refusing(), object(), SimpleNamespace(usage=3)])
def test_strange_payloads_give_empty_facts(payload: object) -> None:
    """What cannot be read has no usage, and raises nothing."""
    assert read_payload(payload).usage is None


def test_a_llama_body_is_not_taken_for_an_object_of_geminis_sdk() -> None:
    """Both count the prompt under one name in snake case."""
    body = {"generation": "ok", "prompt_token_count": 7, "generation_token_count": 3, "stop_reason": "stop"}
    facts = read_payload(body, provider="bedrock", wire_format="bedrock.invoke")
    assert facts.usage is not None
    assert (facts.usage.input_tokens, facts.usage.output_tokens) == (7, 3)
