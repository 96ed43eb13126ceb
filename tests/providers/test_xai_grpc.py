"""Every message of xAI's chat holds a running total; only a finish reason ends a stream."""

import json
from decimal import Decimal
from typing import Any

from taximeter.providers import Facts, endpoint_for, read_response
from wire_samples import read_body

FORMAT = "xai.grpc_chat"


def read_lines(*messages: dict[str, Any]) -> Facts:
    body = "\n".join(json.dumps(message) for message in messages).encode()
    return read_response(endpoint_for(FORMAT), None, 200, {}, body)


def test_a_running_total_is_no_end() -> None:
    """A stream that was cut is a lower bound, though its last message has counts."""
    chunk = {
        "outputs": [{"index": 0, "delta": {"content": "a"}}],
        "usage": {"prompt_tokens": 9, "completion_tokens": 1},
    }
    end = {"outputs": [{"index": 0, "finish_reason": "REASON_STOP"}], "usage": chunk["usage"]}
    cut, whole = read_lines(chunk, chunk), read_lines(chunk, end)
    assert (cut.truncated, cut.partial) == (True, True)
    assert (whole.truncated, whole.partial) == (False, False)


def test_a_single_message_is_whole_unless_something_torn_follows() -> None:
    """A unary answer is one message, and so is the rest of a stream that broke in the second."""
    chunk = {"outputs": [{"delta": {"content": "a"}}], "usage": {"prompt_tokens": 9, "completion_tokens": 1}}
    line = json.dumps(chunk).encode() + b"\n"
    whole, torn = (
        read_response(endpoint_for(FORMAT), None, 200, {}, body) for body in (line, line + line[:40])
    )
    assert (whole.truncated, whole.partial) == (False, False)
    assert (torn.truncated, torn.partial) == (True, True)


def test_calls_without_an_id_are_counted_one_by_one() -> None:
    """Each call comes whole, so that no id is needed to tell two of them apart."""
    calls = [{"function": {"name": "fare"}}, {"function": {"name": "tip"}}]
    assert read_body(FORMAT, {"outputs": [{"message": {"tool_calls": calls}}]}).tool_call_count == 2


def test_both_spellings_of_json_are_read() -> None:
    """Protobuf writes camelCase unless asked for the names of the .proto file, and 64-bit numbers as strings."""
    snake = {
        "id": "r1",
        "model": "grok-4",
        "outputs": [
            {
                "finish_reason": "REASON_TOOL_CALLS",
                "message": {
                    "content": "a",
                    "tool_calls": [{"id": "c1", "type": "TOOL_CALL_TYPE_CLIENT_SIDE_TOOL"}],
                },
            }
        ],
        "usage": {
            "prompt_tokens": 9,
            "completion_tokens": 2,
            "reasoning_tokens": 3,
            "cached_prompt_text_tokens": 4,
            "prompt_image_tokens": 1,
            "cost_in_usd_ticks": 70,
        },
    }
    camel = {
        "id": "r1",
        "model": "grok-4",
        "outputs": [
            {
                "finishReason": "REASON_TOOL_CALLS",
                "message": {
                    "content": "a",
                    "toolCalls": [{"id": "c1", "type": "TOOL_CALL_TYPE_CLIENT_SIDE_TOOL"}],
                },
            }
        ],
        "usage": {
            "promptTokens": 9,
            "completionTokens": 2,
            "reasoningTokens": 3,
            "cachedPromptTextTokens": 4,
            "promptImageTokens": 1,
            "costInUsdTicks": "70",
        },
    }
    one, other = read_lines(snake), read_lines(camel)
    assert (other.usage, other.finish_reasons, other.tool_call_count, other.reported_cost_usd) == (
        one.usage,
        ("REASON_TOOL_CALLS",),
        1,
        Decimal("7E-9"),
    )
    assert one.usage is not None
    assert one.usage.cache_read_tokens == 4


def test_a_running_total_in_camel_case_ends_as_the_other() -> None:
    """The chunk with the finish reason is not passed over."""
    chunk = {"outputs": [{"delta": {"content": "a"}}], "usage": {"promptTokens": 9, "completionTokens": 1}}
    end = {"outputs": [{"finishReason": "REASON_STOP"}], "usage": {"promptTokens": 9, "completionTokens": 2}}
    facts = read_lines(chunk, chunk, end)
    assert (facts.truncated, facts.partial) == (False, False)
    assert facts.usage is not None
    assert facts.usage.text_output_tokens == 2
