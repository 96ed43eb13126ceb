"""Samples of every wire format, written by us after the providers' documentation, and how to send them."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from struct import pack
from typing import Any, NamedTuple
from zlib import crc32

from taximeter.framing import Framing
from taximeter.framing.document import Document
from taximeter.providers import Facts, endpoint_for, read_response

FOLDER = Path(__file__).parent / "fixtures" / "wire"


class Sample(NamedTuple):
    """A file and what was spoken when it was sent."""

    name: str
    wire_format: str
    provider: str | None = None
    status: int = 200
    headers: Mapping[str, str] = {}

    @property
    def body(self) -> bytes:
        """The response's bytes."""
        return BUILT[self.name] if self.name in BUILT else (FOLDER / self.name).read_bytes()


def aws_frame(name: str, payload: object, *, kind: str = "event") -> bytes:
    """Return one frame of an AWS event stream.

    Args:
        name: The event's or the exception's type.
        payload: What becomes the frame's JSON.
        kind: `event` or `exception`.
    """
    headers = b"".join(
        bytes([len(key)]) + key + b"\x07" + pack(">H", len(value)) + value
        for key, value in (
            (f":{kind}-type".encode(), name.encode()),
            (b":content-type", b"application/json"),
            (b":message-type", kind.encode()),
        )
    )
    body = json.dumps(payload).encode()
    prelude = pack(">II", 16 + len(headers) + len(body), len(headers))
    frame = prelude + pack(">I", crc32(prelude)) + headers + body
    return frame + pack(">I", crc32(frame))


def _chunk(event: Mapping[str, Any]) -> bytes:
    from base64 import b64encode  # noqa: PLC0415 - only the samples of one family need it

    return aws_frame("chunk", {"bytes": b64encode(json.dumps(event).encode()).decode(), "p": "abc"})


BUILT: dict[str, bytes] = {
    "bedrock.converse_stream": b"".join(
        (
            aws_frame("messageStart", {"role": "assistant"}),
            aws_frame("contentBlockStart", {"contentBlockIndex": 0, "start": {"toolUse": {"name": "fare"}}}),
            aws_frame("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"toolUse": {"input": "{}"}}}),
            aws_frame("contentBlockStop", {"contentBlockIndex": 0}),
            aws_frame("messageStop", {"stopReason": "tool_use"}),
            aws_frame(
                "metadata", {"usage": {"inputTokens": 30, "outputTokens": 6, "cacheReadInputTokens": 4}}
            ),
        )
    ),
    "bedrock.converse_stream.throttled": aws_frame("messageStart", {"role": "assistant"})
    + aws_frame("throttlingException", {"message": "slow down"}, kind="exception"),
    "bedrock.invoke_stream.anthropic": b"".join(
        (
            _chunk(
                {
                    "type": "message_start",
                    "message": {
                        "id": "msg_b",
                        "model": "claude-x",
                        "usage": {"input_tokens": 7, "output_tokens": 1},
                    },
                }
            ),
            _chunk(
                {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "ok"}}
            ),
            _chunk(
                {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 9}}
            ),
            _chunk(
                {
                    "type": "message_stop",
                    "amazon-bedrock-invocationMetrics": {"inputTokenCount": 7, "outputTokenCount": 8},
                }
            ),
        )
    ),
    "bedrock.invoke_stream.cohere": b"".join(
        (
            _chunk({"event_type": "stream-start", "generation_id": "gen_b"}),
            _chunk({"event_type": "text-generation", "text": "ok"}),
            _chunk(
                {
                    "event_type": "stream-end",
                    "finish_reason": "COMPLETE",
                    "response": {
                        "meta": {
                            "billed_units": {"input_tokens": 4, "output_tokens": 2},
                            "tokens": {"input_tokens": 60, "output_tokens": 2},
                        }
                    },
                    "amazon-bedrock-invocationMetrics": {"inputTokenCount": 60, "outputTokenCount": 2},
                }
            ),
        )
    ),
    "bedrock.invoke_stream.mistral": b"".join(
        (
            _chunk({"outputs": [{"text": "o", "stop_reason": None}]}),
            _chunk(
                {
                    "outputs": [{"text": "k", "stop_reason": "stop"}],
                    "amazon-bedrock-invocationMetrics": {"inputTokenCount": 19, "outputTokenCount": 20},
                }
            ),
        )
    ),
}

JSON = {"content-type": "application/json"}
STREAM = {"content-type": "text/event-stream; charset=utf-8"}
LINES = {"content-type": "application/x-ndjson"}
FRAMES = {"content-type": "application/vnd.amazon.eventstream"}
COUNTED = {
    **JSON,
    "X-Amzn-Bedrock-Input-Token-Count": "6",
    "X-Amzn-Bedrock-Output-Token-Count": "10",
}

SAMPLES = (
    Sample("openai.chat.json", "openai.chat", "openai", headers=JSON),
    Sample("openai.chat.sse", "openai.chat", "openai", headers=STREAM),
    Sample("openai.chat.tools.sse", "openai.chat", "openai", headers=STREAM),
    Sample("openai.chat.error.json", "openai.chat", "openai", 429, JSON),
    Sample("openrouter.chat.json", "openai.chat", "openrouter", headers=JSON),
    Sample("groq.chat.json", "openai.chat", "groq", headers=JSON),
    Sample("openai.completions.json", "openai.completions", "openai", headers=JSON),
    Sample("openai.embeddings.json", "openai.embeddings", "openai", headers=JSON),
    Sample("openai.responses.json", "openai.responses", "openai", headers=JSON),
    Sample("openai.responses.sse", "openai.responses", "openai", headers=STREAM),
    Sample("openai.responses.images.json", "openai.responses", "openai", headers=JSON),
    Sample("openai.responses.background.json", "openai.responses", "openai", headers=JSON),
    Sample("openai.images.json", "openai.images", "openai", headers=JSON),
    Sample("openai.transcription.json", "openai.transcription", "openai", headers=JSON),
    Sample("openai.transcription.duration.json", "openai.transcription", "openai", headers=JSON),
    Sample("openai.assistants_runs.json", "openai.assistants_runs", "openai", headers=JSON),
    Sample("openai.assistants_runs.sse", "openai.assistants_runs", "openai", headers=STREAM),
    Sample("openai.realtime.ndjson", "openai.realtime", "openai"),
    Sample("anthropic.messages.json", "anthropic.messages", headers=JSON),
    Sample("anthropic.messages.sse", "anthropic.messages", headers=STREAM),
    Sample("anthropic.messages.error.sse", "anthropic.messages", headers=STREAM),
    Sample("anthropic.messages.iterations.json", "anthropic.messages", headers=JSON),
    Sample("anthropic.complete.json", "anthropic.complete", headers=JSON),
    Sample("gemini.generate.json", "gemini.generate", headers=JSON),
    Sample("gemini.generate.error.json", "gemini.generate", status=503, headers=JSON),
    Sample("gemini.stream_generate.sse", "gemini.stream_generate", headers=STREAM),
    Sample("gemini.stream_generate.json", "gemini.stream_generate", headers=JSON),
    Sample("gemini.embed.json", "gemini.embed", headers=JSON),
    Sample("gemini.interactions.sse", "gemini.interactions", headers=STREAM),
    Sample("google.live.ndjson", "google.live"),
    Sample("vertex.predict.json", "vertex.predict", headers=JSON),
    Sample("ollama.chat.ndjson", "ollama.chat", headers=LINES),
    Sample("ollama.generate.json", "ollama.generate", headers=JSON),
    Sample("ollama.embed.json", "ollama.embed", headers=JSON),
    Sample("cohere.chat_v2.json", "cohere.chat_v2", headers=JSON),
    Sample("cohere.chat_v2.sse", "cohere.chat_v2", headers=STREAM),
    Sample("cohere.chat_v1.ndjson", "cohere.chat_v1", headers={"content-type": "application/stream+json"}),
    Sample("cohere.rerank.json", "cohere.rerank", headers=JSON),
    Sample("bedrock.converse.json", "bedrock.converse", headers=JSON),
    Sample("bedrock.converse_stream", "bedrock.converse_stream", headers=FRAMES),
    Sample("bedrock.converse_stream.throttled", "bedrock.converse_stream", headers=FRAMES),
    Sample("bedrock.invoke.titan.json", "bedrock.invoke", headers=JSON),
    Sample("bedrock.invoke.mistral.json", "bedrock.invoke", headers=COUNTED),
    Sample("bedrock.invoke_stream.anthropic", "bedrock.invoke_stream", headers=FRAMES),
    Sample("bedrock.invoke_stream.cohere", "bedrock.invoke_stream", headers=FRAMES),
    Sample("bedrock.invoke_stream.mistral", "bedrock.invoke_stream", headers=FRAMES),
    Sample("mistral.transcription.json", "openai.transcription", "mistral", headers=JSON),
    Sample("mistral.ocr.json", "mistral.ocr", headers=JSON),
    Sample("voyage.rerank.json", "rerank", "voyage", headers=JSON),
    Sample("watsonx.generation.json", "watsonx.generation", headers=JSON),
    Sample("replicate.predictions.json", "replicate.predictions", headers=JSON),
    Sample("xai.grpc_chat.ndjson", "xai.grpc_chat"),
)


def pieces(body: bytes, cuts: list[int]) -> Iterator[bytes]:
    """Yield *body*, cut at the given places (taken modulo its length)."""
    places = sorted({cut % (len(body) + 1) for cut in cuts})
    for start, end in zip([0, *places], [*places, len(body)], strict=True):
        yield body[start:end]


def read_events(
    wire_format: str,
    *events: object,
    provider: str | None = None,
    request: Mapping[str, object] | None = None,
) -> Facts:
    """Return the facts of a stream of server-sent events; a text is sent as it is, anything else as JSON."""
    body = b"".join(
        b"data: " + (event.encode() if isinstance(event, str) else json.dumps(event).encode()) + b"\n\n"
        for event in events
    )
    return read_response(endpoint_for(wire_format, provider=provider), request, 200, STREAM, body)


def read_body(wire_format: str, body: object, *, provider: str | None = None) -> Facts:
    """Return the facts of a whole JSON body."""
    endpoint = endpoint_for(wire_format, provider=provider)
    return read_response(endpoint, None, 200, JSON, json.dumps(body).encode())


def documents(framing: Framing, parts: Iterator[bytes] | list[bytes]) -> list[Document]:
    """Return all documents that *framing* finds in *parts*."""
    found = [document for part in parts for document in framing.feed(part)]
    return [*found, *framing.finish()]
