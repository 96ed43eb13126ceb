"""Whatever a family's body leaves out is found in the headers or in the last event."""

import json
from base64 import b64encode
from typing import Any

import pytest

from taximeter.providers import Facts, endpoint_for, read_response
from wire_samples import FRAMES, aws_frame

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
        {"choices": [{"index": 0, "message": {"content": "ok"}, "stop_reason": "stop"}]},
        {"choices": [{"text": "ok", "stop_reason": "stop"}]},
        {"choices": [{"message": {"content": "ok"}, "finish_reason": "stop", "stop_reason": "\n"}]},
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


def test_a_stream_of_choices_ends_with_its_stop_reason() -> None:
    """DeepSeek's and Mistral's newer chunks name their end so; until then it is open."""
    chunks = [
        {"choices": [{"index": 0, "text": "o", "stop_reason": None}]},
        {"choices": [{"index": 0, "text": "k", "stop_reason": "length"}]},
    ]
    frames = [
        aws_frame("chunk", {"bytes": b64encode(json.dumps(chunk).encode()).decode()}) for chunk in chunks
    ]
    endpoint = endpoint_for("bedrock.invoke_stream", model="any")
    whole = read_response(endpoint, None, 200, FRAMES, b"".join(frames))
    assert (whole.finish_reasons, whole.truncated) == (("length",), False)
    assert read_response(endpoint, None, 200, FRAMES, frames[0]).truncated
