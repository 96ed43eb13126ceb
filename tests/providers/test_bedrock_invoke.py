"""Whatever a family's body leaves out is found in the headers or in the last event."""

import json
from typing import Any

import pytest

from taximeter.providers import Facts, endpoint_for, read_response

HEADERS = {"X-Amzn-Bedrock-Input-Token-Count": "30", "X-Amzn-Bedrock-Output-Token-Count": "51"}


def read(body: dict[str, Any], headers: dict[str, str]) -> Facts:
    endpoint = endpoint_for("bedrock.invoke", model="any")
    return read_response(endpoint, None, 200, headers, json.dumps(body).encode())


@pytest.mark.parametrize(
    "body",
    [
        {"type": "completion", "completion": " ok", "stop_reason": "stop"},
        {"outputs": [{"text": "ok", "stop_reason": "stop"}]},
        {"generations": [{"text": "ok", "finish_reason": "stop"}]},
        {"completions": [{"data": {"text": "ok"}, "finishReason": {"reason": "stop"}}]},
        {"choices": [{"message": {"content": "ok"}, "finish_reason": "stop"}]},
        {"type": "message", "content": [], "stop_reason": "stop"},
        {"output": {"message": {"content": []}}, "stopReason": "stop", "usage": {"inputTokens": 30}},
    ],
)
def test_headers_fill_what_the_body_lacks(body: dict[str, Any]) -> None:
    """Each family's end is read from its body, the counts from the headers."""
    facts = read(body, HEADERS)
    assert facts.finish_reasons == ("stop",)
    assert facts.usage is not None
    assert (facts.usage.input_tokens, facts.usage.output_tokens) == (30, 51)


def test_the_body_wins_over_the_headers() -> None:
    """Its own counts are the finer ones."""
    facts = read({"generation": "ok", "prompt_token_count": 5, "generation_token_count": 7}, HEADERS)
    assert facts.usage is not None
    assert (facts.usage.input_tokens, facts.usage.output_tokens) == (5, 7)


def test_an_embedding_has_no_output() -> None:
    """Only what went in is counted."""
    facts = read({"embedding": [0.1], "inputTextTokenCount": 2}, {})
    assert facts.usage is not None
    assert (facts.usage.input_tokens, facts.usage.output_tokens) == (2, None)
