"""Shapes: answers as the providers' documentation describes them, around numbers that a test chooses.

Read on 2026-11: platform.openai.com/docs/api-reference, docs.anthropic.com/en/api/messages, ai.google.dev/api,
docs.ollama.com/api, docs.cohere.com/reference/chat, docs.aws.amazon.com/bedrock/latest/APIReference.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

Document = dict[str, Any]


class Content(NamedTuple):
    """What an answer is to say."""

    model: str
    input_tokens: int
    cached_tokens: int
    output_tokens: int
    words: list[str]

    @property
    def text(self) -> str:
        """The words together."""
        return "".join(self.words)


class Shape(NamedTuple):
    """How a wire format puts it. `stream` is None where a format has none that is text."""

    url: str
    model: str
    whole: Callable[[Content], Document]
    stream: Callable[[Content], Iterator[Document]] | None = None
    error: Callable[[int], Document] = lambda status: {"error": {"message": "sample", "code": status}}
    stream_url: str | None = None
    end: bytes = b""
    lines: bool = False


def _chat_usage(content: Content) -> Document:
    return {
        "prompt_tokens": content.input_tokens,
        "completion_tokens": content.output_tokens,
        "total_tokens": content.input_tokens + content.output_tokens,
        "prompt_tokens_details": {"cached_tokens": content.cached_tokens},
    }


def _chat(content: Content) -> Document:
    message = {"role": "assistant", "content": content.text, "refusal": None}
    return {
        "id": "chatcmpl-sample",
        "object": "chat.completion",
        "created": 1767225600,
        "model": content.model,
        "choices": [{"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}],
        "usage": _chat_usage(content),
    }


def _chat_stream(content: Content) -> Iterator[Document]:
    head = {"id": "chatcmpl-sample", "object": "chat.completion.chunk", "created": 1767225600}
    head["model"] = content.model
    for word in content.words:
        yield {**head, "choices": [{"index": 0, "delta": {"content": word}, "finish_reason": None}]}
    yield {**head, "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
    yield {**head, "choices": [], "usage": _chat_usage(content)}


def _completion(content: Content) -> Document:
    choice = {"index": 0, "text": content.text, "logprobs": None, "finish_reason": "stop"}
    head = {"id": "cmpl-sample", "object": "text_completion", "created": 1767225600, "model": content.model}
    return {**head, "choices": [choice], "usage": _chat_usage(content)}


def _completion_stream(content: Content) -> Iterator[Document]:
    head = {"id": "cmpl-sample", "object": "text_completion", "created": 1767225600, "model": content.model}
    for word in content.words:
        yield {**head, "choices": [{"index": 0, "text": word, "finish_reason": None}]}
    yield {**head, "choices": [{"index": 0, "text": "", "finish_reason": "stop"}]}
    yield {**head, "choices": [], "usage": _chat_usage(content)}


def _embeddings(content: Content) -> Document:
    usage = {"prompt_tokens": content.input_tokens, "total_tokens": content.input_tokens}
    data = [{"object": "embedding", "index": 0, "embedding": [0.0, 1.0]}]
    return {"object": "list", "data": data, "model": content.model, "usage": usage}


def _response(content: Content, *, status: str = "completed") -> Document:
    part = {"type": "output_text", "text": content.text, "annotations": []}
    message = {
        "id": "msg_sample",
        "type": "message",
        "role": "assistant",
        "status": status,
        "content": [part],
    }
    return {
        "id": "resp_sample",
        "object": "response",
        "created_at": 1767225600,
        "status": status,
        "model": content.model,
        "output": [message],
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": [],
        "usage": {
            "input_tokens": content.input_tokens,
            "input_tokens_details": {"cached_tokens": content.cached_tokens},
            "output_tokens": content.output_tokens,
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": content.input_tokens + content.output_tokens,
        },
    }


def _response_stream(content: Content) -> Iterator[Document]:
    begun = {**_response(content, status="in_progress"), "output": [], "usage": None}
    yield {"type": "response.created", "sequence_number": 0, "response": begun}
    place = {"item_id": "msg_sample", "output_index": 0, "content_index": 0, "logprobs": []}
    for number, word in enumerate(content.words, 1):
        yield {"type": "response.output_text.delta", "sequence_number": number, **place, "delta": word}
    number = len(content.words) + 1
    yield {"type": "response.completed", "sequence_number": number, "response": _response(content)}


def _message_usage(content: Content) -> Document:
    return {
        "input_tokens": content.input_tokens - content.cached_tokens,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": content.cached_tokens,
        "output_tokens": content.output_tokens,
        "service_tier": "standard",
    }


def _message(content: Content) -> Document:
    return {
        "id": "msg_sample",
        "type": "message",
        "role": "assistant",
        "model": content.model,
        "content": [{"type": "text", "text": content.text}],
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "usage": _message_usage(content),
    }


def _message_stream(content: Content) -> Iterator[Document]:
    begun = {**_message(content), "content": [], "stop_reason": None}
    begun["usage"] = {**_message_usage(content), "output_tokens": 1}
    yield {"type": "message_start", "message": begun}
    yield {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}
    for word in content.words:
        yield {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": word}}
    yield {"type": "content_block_stop", "index": 0}
    stop = {"stop_reason": "end_turn", "stop_sequence": None}
    yield {"type": "message_delta", "delta": stop, "usage": {"output_tokens": content.output_tokens}}
    yield {"type": "message_stop"}


def _candidate(content: Content, text: str, finish_reason: str | None) -> Document:
    candidate: Document = {"content": {"role": "model", "parts": [{"text": text}]}, "index": 0}
    if finish_reason is not None:
        candidate["finishReason"] = finish_reason
    usage = {"promptTokenCount": content.input_tokens, "candidatesTokenCount": content.output_tokens}
    usage["totalTokenCount"] = content.input_tokens + content.output_tokens
    if content.cached_tokens:
        usage["cachedContentTokenCount"] = content.cached_tokens
    return {
        "candidates": [candidate],
        "usageMetadata": usage,
        "modelVersion": content.model,
        "responseId": "sample",
    }


def _generation(content: Content) -> Document:
    return _candidate(content, content.text, "STOP")


def _generation_stream(content: Content) -> Iterator[Document]:
    last = len(content.words) - 1
    for number, word in enumerate(content.words):
        yield _candidate(content, word, "STOP" if number == last else None)


def _ollama_end(content: Content) -> Document:
    return {
        "done": True,
        "done_reason": "stop",
        "total_duration": 5_000_000,
        "prompt_eval_count": content.input_tokens,
        "eval_count": content.output_tokens,
    }


def _ollama(content: Content) -> Document:
    message = {"role": "assistant", "content": content.text}
    head = {"model": content.model, "created_at": "2026-01-01T00:00:00Z"}
    return {**head, "message": message, **_ollama_end(content)}


def _ollama_stream(content: Content) -> Iterator[Document]:
    head = {"model": content.model, "created_at": "2026-01-01T00:00:00Z"}
    for word in content.words:
        yield {**head, "message": {"role": "assistant", "content": word}, "done": False}
    yield {**head, "message": {"role": "assistant", "content": ""}, **_ollama_end(content)}


def _ollama_generate(content: Content) -> Document:
    head = {"model": content.model, "created_at": "2026-01-01T00:00:00Z"}
    return {**head, "response": content.text, **_ollama_end(content)}


def _ollama_generate_stream(content: Content) -> Iterator[Document]:
    head = {"model": content.model, "created_at": "2026-01-01T00:00:00Z"}
    for word in content.words:
        yield {**head, "response": word, "done": False}
    yield {**head, "response": "", **_ollama_end(content)}


def _ollama_embed(content: Content) -> Document:
    counts = {"total_duration": 5_000_000, "prompt_eval_count": content.input_tokens}
    return {"model": content.model, "embeddings": [[0.0, 1.0]], **counts}


def _cohere_usage(content: Content) -> Document:
    tokens = {"input_tokens": content.input_tokens, "output_tokens": content.output_tokens}
    return {"billed_units": tokens, "tokens": tokens}


def _cohere(content: Content) -> Document:
    message = {"role": "assistant", "content": [{"type": "text", "text": content.text}]}
    end = {"finish_reason": "COMPLETE", "usage": _cohere_usage(content)}
    return {"id": "sample", "message": message, **end}


def _cohere_stream(content: Content) -> Iterator[Document]:
    yield {"type": "message-start", "id": "sample", "delta": {"message": {"role": "assistant"}}}
    for word in content.words:
        yield {"type": "content-delta", "index": 0, "delta": {"message": {"content": {"text": word}}}}
    yield {"type": "message-end", "delta": {"finish_reason": "COMPLETE", "usage": _cohere_usage(content)}}


def _cohere_embed(content: Content) -> Document:
    meta = {"api_version": {"version": "2"}, "billed_units": {"input_tokens": content.input_tokens}}
    return {"id": "sample", "embeddings": {"float": [[0.0, 1.0]]}, "texts": [content.text], "meta": meta}


def _converse(content: Content) -> Document:
    return {
        "output": {"message": {"role": "assistant", "content": [{"text": content.text}]}},
        "stopReason": "end_turn",
        "usage": {
            "inputTokens": content.input_tokens - content.cached_tokens,
            "cacheReadInputTokens": content.cached_tokens,
            "outputTokens": content.output_tokens,
            "totalTokens": content.input_tokens + content.output_tokens,
        },
        "metrics": {"latencyMs": 5},
    }


def _message_error(_: int) -> Document:
    return {"type": "error", "error": {"type": "sample_error", "message": "sample"}}


_GEMINI = "https://generativelanguage.googleapis.com/v1beta/models/gemini-2.5-flash"

SHAPES: Mapping[str, Shape] = {
    "anthropic.messages": Shape(
        "https://api.anthropic.com/v1/messages",
        "claude-haiku-4-5-20251001",
        _message,
        _message_stream,
        error=_message_error,
    ),
    "bedrock.converse": Shape(
        "https://bedrock-runtime.us-east-1.amazonaws.com/model/amazon.nova-lite-v1%3A0/converse",
        "amazon.nova-lite-v1:0",
        _converse,
        error=lambda _: {"message": "sample"},
    ),
    "cohere.chat_v2": Shape(
        "https://api.cohere.com/v2/chat",
        "command-r-08-2024",
        _cohere,
        _cohere_stream,
        error=lambda _: {"message": "sample"},
    ),
    "cohere.embed": Shape(
        "https://api.cohere.com/v2/embed", "embed-v4.0", _cohere_embed, error=lambda _: {"message": "sample"}
    ),
    "gemini.generate": Shape(
        f"{_GEMINI}:generateContent",
        "gemini-2.5-flash",
        _generation,
        _generation_stream,
        stream_url=f"{_GEMINI}:streamGenerateContent?alt=sse",
    ),
    "ollama.chat": Shape(
        "http://127.0.0.1:11434/api/chat",
        "gemma3:270m",
        _ollama,
        _ollama_stream,
        error=lambda _: {"error": "sample"},
        lines=True,
    ),
    "ollama.embed": Shape(
        "http://127.0.0.1:11434/api/embed",
        "nomic-embed-text",
        _ollama_embed,
        error=lambda _: {"error": "sample"},
    ),
    "ollama.generate": Shape(
        "http://127.0.0.1:11434/api/generate",
        "gemma3:270m",
        _ollama_generate,
        _ollama_generate_stream,
        error=lambda _: {"error": "sample"},
        lines=True,
    ),
    "openai.chat": Shape(
        "https://api.openai.com/v1/chat/completions",
        "gpt-4o-mini-2024-07-18",
        _chat,
        _chat_stream,
        end=b"data: [DONE]\n\n",
    ),
    "openai.completions": Shape(
        "https://api.openai.com/v1/completions",
        "gpt-3.5-turbo-instruct",
        _completion,
        _completion_stream,
        end=b"data: [DONE]\n\n",
    ),
    "openai.embeddings": Shape("https://api.openai.com/v1/embeddings", "text-embedding-3-small", _embeddings),
    "openai.responses": Shape(
        "https://api.openai.com/v1/responses", "gpt-5-mini-2025-08-07", _response, _response_stream
    ),
}
"""Every format that samples are made of."""
