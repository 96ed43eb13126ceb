"""Answers: what the demo server says, in the documented wire formats of four providers.

The texts are ours and the numbers made up, in the range of a real call; the models are real ones, so prices apply.
Each function takes the decoded request and returns one document, or the documents of a stream in order.
"""

import base64
import struct
from collections.abc import Iterator
from typing import Any

Document = dict[str, Any]

WORDS = ("A taximeter ", "counts what ", "a ride costs ", "while it lasts.")
TEXT = "".join(WORDS)
CREATED = 1_764_000_000


def openai_chat(request: Document) -> Document:
    """https://platform.openai.com/docs/api-reference/chat/object."""
    message: Document = {"role": "assistant", "content": TEXT, "refusal": None, "annotations": []}
    return {
        "id": "chatcmpl-demo0001",
        "object": "chat.completion",
        "created": CREATED,
        "model": request["model"],
        "choices": [{"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}],
        "usage": _openai_chat_usage(),
        "service_tier": "default",
        "system_fingerprint": "fp_demo",
    }


def _openai_chat_usage() -> Document:
    return {
        "prompt_tokens": 1843,
        "completion_tokens": 212,
        "total_tokens": 2055,
        "prompt_tokens_details": {"cached_tokens": 1536, "audio_tokens": 0},
        "completion_tokens_details": {
            "reasoning_tokens": 0,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }


def openai_chat_stream(request: Document) -> Iterator[Document]:
    """https://platform.openai.com/docs/api-reference/chat/streaming, the usage only for those who ask."""
    asked = (request.get("stream_options") or {}).get("include_usage", False)
    deltas: list[tuple[Document, str | None]] = [({"role": "assistant", "content": ""}, None)]
    deltas += [({"content": word}, None) for word in WORDS]
    deltas += [({}, "stop")]
    choices = [
        [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": reason}] for delta, reason in deltas
    ]
    for choice in choices:
        yield _openai_chunk(request, choice) | ({"usage": None} if asked else {})
    if asked:
        yield _openai_chunk(request, []) | {"usage": _openai_chat_usage()}


def _openai_chunk(request: Document, choices: list[Document]) -> Document:
    return {
        "id": "chatcmpl-demo0002",
        "object": "chat.completion.chunk",
        "created": CREATED,
        "model": request["model"],
        "service_tier": "default",
        "system_fingerprint": "fp_demo",
        "choices": choices,
    }


def openai_response(request: Document) -> Document:
    """https://platform.openai.com/docs/api-reference/responses/object."""
    return {
        "id": "resp_demo0001",
        "object": "response",
        "created_at": CREATED,
        "status": "completed",
        "error": None,
        "incomplete_details": None,
        "instructions": None,
        "max_output_tokens": None,
        "model": request["model"],
        "output": [{"id": "rs_demo0001", "type": "reasoning", "summary": []}, _openai_output_message()],
        "parallel_tool_calls": True,
        "previous_response_id": None,
        "reasoning": {"effort": "medium", "summary": None},
        "service_tier": "default",
        "store": False,
        "temperature": 1.0,
        "text": {"format": {"type": "text"}},
        "tool_choice": "auto",
        "tools": [],
        "top_p": 1.0,
        "truncation": "disabled",
        "usage": {
            "input_tokens": 642,
            "input_tokens_details": {"cached_tokens": 0},
            "output_tokens": 934,
            "output_tokens_details": {"reasoning_tokens": 704},
            "total_tokens": 1576,
        },
        "metadata": {},
    }


def _openai_output_message() -> Document:
    return {
        "id": "msg_demo0001",
        "type": "message",
        "status": "completed",
        "role": "assistant",
        "content": [{"type": "output_text", "text": TEXT, "annotations": [], "logprobs": []}],
    }


def openai_response_stream(request: Document) -> Iterator[Document]:
    """https://platform.openai.com/docs/api-reference/responses-streaming."""
    final = openai_response(request)
    begun = final | {"status": "in_progress", "output": [], "usage": None}
    where = {"item_id": "msg_demo0001", "output_index": 0, "content_index": 0}
    message = _openai_output_message()
    part = message["content"][0]
    events: list[Document] = [
        {"type": "response.created", "response": begun},
        {"type": "response.in_progress", "response": begun},
        {
            "type": "response.output_item.added",
            "output_index": 0,
            "item": message | {"status": "in_progress", "content": []},
        },
        {"type": "response.content_part.added", **where, "part": part | {"text": ""}},
    ]
    events += [
        {"type": "response.output_text.delta", **where, "delta": word, "logprobs": []} for word in WORDS
    ]
    events += [
        {"type": "response.output_text.done", **where, "text": TEXT, "logprobs": []},
        {"type": "response.content_part.done", **where, "part": part},
        {"type": "response.output_item.done", "output_index": 0, "item": message},
        {"type": "response.completed", "response": final | {"output": [message]}},
    ]
    for number, event in enumerate(events):
        yield event | {"sequence_number": number}


def openai_embeddings(request: Document) -> Document:
    """https://platform.openai.com/docs/api-reference/embeddings/object."""
    texts = request["input"] if isinstance(request["input"], list) else [request["input"]]
    vector = [0.0125, -0.5, 0.25, 0.75]
    packed = base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()
    value = packed if request.get("encoding_format") == "base64" else vector
    return {
        "object": "list",
        "data": [
            {"object": "embedding", "index": index, "embedding": value} for index, _ in enumerate(texts)
        ],
        "model": request["model"],
        "usage": {"prompt_tokens": 412, "total_tokens": 412},
    }


def anthropic_message(request: Document) -> Document:
    """https://docs.claude.com/en/api/messages."""
    return {
        "id": "msg_demo01ABCDEF",
        "type": "message",
        "role": "assistant",
        "model": request["model"],
        "content": [{"type": "text", "text": TEXT}],
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "usage": _anthropic_usage() | {"output_tokens": 387},
    }


def _anthropic_usage() -> Document:
    return {
        "input_tokens": 96,
        "cache_creation_input_tokens": 512,
        "cache_read_input_tokens": 6144,
        "cache_creation": {"ephemeral_5m_input_tokens": 512, "ephemeral_1h_input_tokens": 0},
        "output_tokens": 1,
        "service_tier": "standard",
    }


def anthropic_message_stream(request: Document) -> Iterator[Document]:
    """https://docs.claude.com/en/docs/build-with-claude/streaming."""
    opening = anthropic_message(request) | {"content": [], "stop_reason": None, "usage": _anthropic_usage()}
    yield {"type": "message_start", "message": opening}
    yield {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}
    yield {"type": "ping"}
    for word in WORDS:
        yield {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": word}}
    yield {"type": "content_block_stop", "index": 0}
    yield {
        "type": "message_delta",
        "delta": {"stop_reason": "end_turn", "stop_sequence": None},
        "usage": {"output_tokens": 387},
    }
    yield {"type": "message_stop"}


def gemini_generate(request: Document) -> Document:
    """https://ai.google.dev/api/generate-content#v1beta.GenerateContentResponse."""
    return _gemini_chunk(request, TEXT, "STOP", _gemini_usage(178))


def gemini_generate_stream(request: Document) -> Iterator[Document]:
    """The same with server-sent events (`alt=sse`): each chunk tells the usage so far."""
    for number, word in enumerate(WORDS, start=1):
        last = number == len(WORDS)
        usage = _gemini_usage(178 * number // len(WORDS))
        yield _gemini_chunk(request, word, "STOP" if last else None, usage)


def _gemini_chunk(request: Document, text: str, reason: str | None, usage: Document) -> Document:
    candidate: Document = {"content": {"parts": [{"text": text}], "role": "model"}, "index": 0}
    if reason is not None:
        candidate["finishReason"] = reason
    return {
        "candidates": [candidate],
        "usageMetadata": usage,
        "modelVersion": request["model"],
        "responseId": "demoGemini0001",
    }


def _gemini_usage(output_tokens: int) -> Document:
    return {
        "promptTokenCount": 2310,
        "cachedContentTokenCount": 2048,
        "candidatesTokenCount": output_tokens,
        "thoughtsTokenCount": 530,
        "totalTokenCount": 2310 + output_tokens + 530,
        "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 2310}],
        "cacheTokensDetails": [{"modality": "TEXT", "tokenCount": 2048}],
    }


def ollama_chat(request: Document) -> Document:
    """https://docs.ollama.com/api/chat."""
    return _ollama_line(request, {"message": {"role": "assistant", "content": TEXT}}, done=True)


def ollama_chat_stream(request: Document) -> Iterator[Document]:
    """The same, a line per piece."""
    for word in WORDS:
        yield _ollama_line(request, {"message": {"role": "assistant", "content": word}}, done=False)
    yield _ollama_line(request, {"message": {"role": "assistant", "content": ""}}, done=True)


def ollama_generate(request: Document) -> Document:
    """https://docs.ollama.com/api/generate."""
    return _ollama_line(request, {"response": TEXT}, done=True)


def ollama_generate_stream(request: Document) -> Iterator[Document]:
    """The same, a line per piece."""
    for word in WORDS:
        yield _ollama_line(request, {"response": word}, done=False)
    yield _ollama_line(request, {"response": ""}, done=True)


def _ollama_line(request: Document, content: Document, *, done: bool) -> Document:
    line = {"model": request["model"], "created_at": "2026-01-15T10:00:00.000000Z", **content, "done": done}
    if not done:
        return line
    return line | {
        "done_reason": "stop",
        "total_duration": 812_000_000,
        "load_duration": 11_000_000,
        "prompt_eval_count": 326,
        "prompt_eval_duration": 98_000_000,
        "eval_count": 98,
        "eval_duration": 690_000_000,
    }


def ollama_embed(request: Document) -> Document:
    """https://docs.ollama.com/api/embed."""
    return {
        "model": request["model"],
        "embeddings": [[0.0125, -0.5, 0.25, 0.75]],
        "total_duration": 14_000_000,
        "load_duration": 1_000_000,
        "prompt_eval_count": 8,
    }


def error(wire_format: str, status: int) -> Document:
    """The body of an error as each provider words it, for 400 and 429."""
    message = "Rate limit reached." if status == 429 else "This request cannot be served."
    if wire_format == "anthropic":
        kind = "rate_limit_error" if status == 429 else "invalid_request_error"
        return {"type": "error", "error": {"type": kind, "message": message}, "request_id": "req_demo0001"}
    if wire_format == "gemini":
        word = "RESOURCE_EXHAUSTED" if status == 429 else "INVALID_ARGUMENT"
        return {"error": {"code": status, "message": message, "status": word}}
    if wire_format == "ollama":
        return {"error": message}
    kind, code = (
        ("requests", "rate_limit_exceeded")
        if status == 429
        else ("invalid_request_error", "invalid_parameter")
    )
    return {"error": {"message": message, "type": kind, "param": None, "code": code}}
