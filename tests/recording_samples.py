"""Recorded interactions for tests, made up in the providers' documented formats."""

import json
from base64 import b64encode
from collections.abc import Iterable
from pathlib import Path
from typing import Any

AT_US = 1_793_491_200_000_000  # 2026-11-01T00:00Z

CHAT_ANSWER = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "created": 1_793_491_200,
    "model": "gpt-4o-2024-08-06",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "Hello."}, "finish_reason": "stop"}],
    "usage": {
        "prompt_tokens": 1000,
        "completion_tokens": 200,
        "total_tokens": 1200,
        "prompt_tokens_details": {"cached_tokens": 400},
    },
}
MESSAGE_STREAM: list[dict[str, Any]] = [
    {
        "type": "message_start",
        "message": {
            "id": "msg_1",
            "type": "message",
            "role": "assistant",
            "model": "claude-sonnet-4-5-20250929",
            "content": [],
            "usage": {"input_tokens": 10, "output_tokens": 1},
        },
    },
    {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Hi"}},
    {"type": "content_block_stop", "index": 0},
    {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 25}},
    {"type": "message_stop"},
]


def server_sent(documents: Iterable[dict[str, Any]]) -> str:
    """Return documents as a stream of server-sent events."""
    return "".join(f"event: {each['type']}\ndata: {json.dumps(each)}\n\n" for each in documents)


def chat(**fields: Any) -> dict[str, Any]:
    """Return a recorded chat completion of OpenAI."""
    return {
        "id": "chat-1",
        "method": "POST",
        "url": "https://api.openai.com/v1/chat/completions",
        "request": {"model": "gpt-4o", "messages": []},
        "status": 200,
        "response_headers": {"content-type": "application/json"},
        "response_text": json.dumps(CHAT_ANSWER),
        "started_at_us": AT_US,
        **fields,
    }


def message_stream(**fields: Any) -> dict[str, Any]:
    """Return a recorded stream of an Anthropic message, its bytes in base64."""
    return {
        "id": "stream-1",
        "method": "POST",
        "url": "api.anthropic.com/v1/messages",
        "request": {"model": "claude-sonnet-4-5", "stream": True},
        "status": 200,
        "response_headers": {"content-type": "text/event-stream; charset=utf-8"},
        "response_b64": b64encode(server_sent(MESSAGE_STREAM).encode()).decode(),
        "started_at": "2026-11-01T00:00:00Z",
        **fields,
    }


def refused(**fields: Any) -> dict[str, Any]:
    """Return a recorded refusal: too many requests."""
    error = {"error": {"message": "slow down", "type": "requests", "code": "rate_limit_exceeded"}}
    return chat(id="refused-1", status=429, response_text=json.dumps(error), **fields)


def model_list(**fields: Any) -> dict[str, Any]:
    """Return a recorded call that is no inference."""
    url = "https://api.openai.com/v1/models"
    return chat(id="list-1", method="GET", url=url, request=None, response_text='{"data": []}', **fields)


def write_recordings(path: Path, records: Iterable[dict[str, Any] | str]) -> Path:
    """Write recordings, or lines as they are, into a new file."""
    lines = [record if isinstance(record, str) else json.dumps(record) for record in records]
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return path
