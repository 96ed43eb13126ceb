"""Every message of xAI's chat holds a running total; only a finish reason ends a stream."""

import json
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
