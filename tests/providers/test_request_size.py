"""The tokens of a request are told by the length of its texts, whatever format it is in."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from taximeter.providers.request_size import density_of, model_of, output_limit_of, request_tokens

TEXT = "The quick brown fox jumps over the lazy dog. " * 20  # 900 letters, 200 tokens of OpenAI's

REQUESTS: dict[str, dict[str, Any]] = {
    "openai.chat": {"messages": [{"role": "user", "content": TEXT}], "max_completion_tokens": 70},
    "openai.responses": {"input": TEXT, "max_output_tokens": 70},
    "anthropic.messages": {
        "system": TEXT[:300],
        "messages": [{"role": "user", "content": [{"type": "text", "text": TEXT[300:]}]}],
        "max_tokens": 70,
    },
    "gemini.generate": {
        "contents": [{"role": "user", "parts": [{"text": TEXT}]}],
        "generationConfig": {"maxOutputTokens": 70},
    },
    "bedrock.converse": {
        "messages": [{"role": "user", "content": [{"text": TEXT}]}],
        "inferenceConfig": {"maxTokens": 70},
    },
    "ollama.generate": {"prompt": TEXT, "options": {"num_predict": 70}},
}


@pytest.mark.parametrize("request_body", REQUESTS.values(), ids=REQUESTS)
def test_every_format_is_measured(request_body: dict[str, Any]) -> None:
    """The same text is about as many tokens in any of them, as JSON or decoded, and the cap is found."""
    for body in (request_body, json.dumps(request_body).encode()):
        assert request_tokens(body) == pytest.approx(204, abs=5)
        assert output_limit_of(body) == 70


def test_families_differ() -> None:
    """Claude's tokens are shorter, through whatever gateway, and tools cost it a prompt of its own."""
    body = {**REQUESTS["openai.chat"], "tools": [{"name": "f", "input_schema": {"type": "object"}}]}
    plain = REQUESTS["openai.chat"]
    assert (request_tokens(plain, "claude-sonnet-4-5") or 0) > (request_tokens(plain, "gpt-4o") or 0) * 1.3
    assert (request_tokens(body, "us.anthropic.claude-opus-4-1-v1:0") or 0) > 800
    assert density_of("openai/o3") == density_of("gpt-5") != density_of("gemini-2.5-pro")
    assert request_tokens({**plain, "model": "claude-3"}) == request_tokens(plain, "claude-3")


@pytest.mark.parametrize(
    "part",
    [
        {"type": "image_url", "image_url": {"url": "data:image/png;base64," + "A" * 9999}},
        {"type": "image", "source": {"type": "base64", "data": "A" * 9999}},
        {"inlineData": {"mimeType": "image/png", "data": "A" * 9999}},
    ],
)
def test_a_picture_counts_as_one_and_not_by_its_bytes(part: dict[str, Any]) -> None:
    """By the family's documented size for a megapixel."""
    key = "parts" if "inlineData" in part else "content"
    body = {"messages": [{"role": "user", key: [{"type": "text", "text": TEXT}, part]}]}
    assert request_tokens(body, "gpt-4o") == 200 + 7 + 765


@pytest.mark.parametrize(
    "body", [b"", b"[1]", b"{", b"{}", b"\xff", {}, {"model": "gpt-4o"}, b"x" * (3 << 20)]
)
def test_what_cannot_be_read_is_unknown(body: Any) -> None:
    """None, never zero."""
    assert request_tokens(body) is None
    assert output_limit_of(body) is None


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
    max_leaves=12,
)


@given(
    st.dictionaries(
        st.sampled_from(
            ["messages", "input", "contents", "system", "tools", "model", "max_tokens", "options"]
        ),
        JSON,
    )
)
def test_no_request_makes_it_raise(body: dict[str, Any]) -> None:
    """A request is the application's own business, however odd."""
    for each in (body, json.dumps(body).encode()):
        assert (request_tokens(each) or 1) >= 1
        assert (output_limit_of(each) or 1) >= 1
        model_of(each)
