"""The demo's server, speaking the formats of the other providers too: Cohere, Bedrock, and Claude on Vertex AI.

It serves as a proxy, so the SDKs believe that they speak with the real hosts: put its `url` into HTTP_PROXY.
"""

import json
import re
from base64 import b64encode
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import certifi

from loopback import DemoServer
from wire_samples import aws_frame

import answers  # isort: skip  # the demo's folder comes with loopback
from server import ROUTES, Document, Handler, Route  # isort: skip

EVENT_STREAM = "application/vnd.amazon.eventstream"


def cohere_v2(_: Document) -> Document:
    """https://docs.cohere.com/reference/chat."""
    return {
        "id": "c14c80c3-18eb-4519-9460-6c92edd8cfb4",
        "finish_reason": "COMPLETE",
        "message": {"role": "assistant", "content": [{"type": "text", "text": answers.TEXT}]},
        "usage": _cohere_usage(),
    }


def _cohere_usage() -> Document:
    return {
        "billed_units": {"input_tokens": 5, "output_tokens": 418},
        "tokens": {"input_tokens": 71, "output_tokens": 418},
    }


def cohere_v2_stream(_: Document) -> Iterator[Document]:
    """https://docs.cohere.com/v2/docs/streaming."""
    yield {
        "type": "message-start",
        "id": "29f14a5a",
        "delta": {"message": {"role": "assistant", "content": []}},
    }
    yield {
        "type": "content-start",
        "index": 0,
        "delta": {"message": {"content": {"type": "text", "text": ""}}},
    }
    for word in answers.WORDS:
        yield {"type": "content-delta", "index": 0, "delta": {"message": {"content": {"text": word}}}}
    yield {"type": "content-end", "index": 0}
    yield {"type": "message-end", "delta": {"finish_reason": "COMPLETE", "usage": _cohere_usage()}}


def cohere_v1(_: Document) -> Document:
    """https://docs.cohere.com/v1/reference/chat."""
    return {
        "response_id": "5a50480a",
        "generation_id": "bb1f2f3e",
        "text": answers.TEXT,
        "finish_reason": "COMPLETE",
        "chat_history": [],
        "meta": {"api_version": {"version": "1"}, **_cohere_usage()},
    }


def cohere_v1_stream(request: Document) -> Iterator[Document]:
    """The same, a line per event."""
    yield {"event_type": "stream-start", "generation_id": "bb1f2f3e", "is_finished": False}
    for word in answers.WORDS:
        yield {"event_type": "text-generation", "text": word, "is_finished": False}
    yield {
        "event_type": "stream-end",
        "finish_reason": "COMPLETE",
        "response": cohere_v1(request),
        "is_finished": True,
    }


_CONVERSE_USAGE = {"inputTokens": 125, "outputTokens": 60, "totalTokens": 185}


def converse(_: Document) -> Document:
    """https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html."""
    return {
        "output": {"message": {"role": "assistant", "content": [{"text": answers.TEXT}]}},
        "stopReason": "end_turn",
        "usage": _CONVERSE_USAGE,
        "metrics": {"latencyMs": 1175},
    }


def converse_stream(_: Document) -> Iterator[Document]:
    """https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ConverseStream.html, an event each."""
    yield {"messageStart": {"role": "assistant"}}
    for word in answers.WORDS:
        yield {"contentBlockDelta": {"contentBlockIndex": 0, "delta": {"text": word}}}
    yield {"contentBlockStop": {"contentBlockIndex": 0}}
    yield {"messageStop": {"stopReason": "end_turn"}}
    yield {"metadata": {"usage": _CONVERSE_USAGE, "metrics": {"latencyMs": 1175}}}


def telling_stream(request: Document) -> Iterator[Document]:
    """Stream in OpenAI's format as Mistral, Groq, Together, Fireworks and Cerebras do: they tell without being asked.

    https://docs.mistral.ai/api, https://console.groq.com/docs/api-reference, and others: the last chunk has the usage.
    """
    *chunks, last = answers.openai_chat_stream({"model": request["model"]})
    yield from chunks
    yield last | {"usage": answers.openai_chat(request)["usage"]}


_TELLING = r"//api\.(?:mistral\.ai|groq\.com|together\.xyz|fireworks\.ai|cerebras\.ai)/.*/chat/completions$"

OWN_ROUTES = (
    Route(re.compile(_TELLING), "openai", answers.openai_chat, telling_stream),
    Route(re.compile(r"/v2/chat$"), "cohere", cohere_v2, cohere_v2_stream),
    Route(re.compile(r"/v1/chat$"), "cohere_v1", cohere_v1, cohere_v1_stream),
    Route(
        re.compile(
            r"/publishers/anthropic/models/(?P<model>[^/:]+):(?:rawPredict|(?P<stream>streamRawPredict))$"
        ),
        "anthropic",
        answers.anthropic_message,
        answers.anthropic_message_stream,
    ),
    Route(
        re.compile(r"/model/(?P<model>[^/]+)/converse(?P<stream>-stream)?$"), "aws", converse, converse_stream
    ),
    Route(
        re.compile(r"/model/(?P<model>[^/]+)/invoke(?P<stream>-with-response-stream)?$"),
        "aws_invoke",
        answers.anthropic_message,
        answers.anthropic_message_stream,
    ),
)


class WireHandler(Handler):
    """Answers in all formats."""

    routes = (*OWN_ROUTES, *ROUTES)

    def do_GET(self) -> None:  # noqa: N802 - the base class names it so
        """Answer the call with which a client of Cerebras opens its connection."""
        self.send(200, {})

    def date_time_string(self, timestamp: float | None = None) -> str:
        """Answer at the same moment always: some clients show headers."""
        return "Thu, 15 Jan 2026 10:00:00 GMT"

    def error(self, wire_format: str, status: int) -> Document:
        """Cohere and AWS say no more than a message."""
        if wire_format.startswith(("cohere", "aws")):
            return {"message": "Too many." if status == 429 else "Not like this."}
        return super().error(wire_format, status)

    def framed(self, wire_format: str, documents: Iterable[Document]) -> tuple[str, Iterator[bytes]]:
        """Frame the own formats."""
        if wire_format == "cohere":
            return "text/event-stream", (_event(document) for document in documents)
        if wire_format == "cohere_v1":
            return "application/stream+json", (
                json.dumps(document).encode() + b"\n" for document in documents
            )
        if wire_format == "aws":
            return EVENT_STREAM, (aws_frame(*event) for document in documents for event in document.items())
        if wire_format == "aws_invoke":
            return EVENT_STREAM, (aws_frame("chunk", _chunk(document)) for document in documents)
        return super().framed(wire_format, documents)


def _event(document: Document) -> bytes:
    return b"event: %s\ndata: %s\n\n" % (document["type"].encode(), json.dumps(document).encode())


def _chunk(document: Document) -> dict[str, Any]:
    return {"bytes": b64encode(json.dumps(document).encode()).decode(), "p": "abc"}


def wire_server() -> DemoServer:
    """Return a running server of all formats; a context manager."""
    return DemoServer(WireHandler)


def small_certificate_store(folder: Path) -> str:
    """Write a certificate store with a single entry, for SSL_CERT_FILE: loading a whole one takes each client 20 ms."""
    end = "-----END CERTIFICATE-----\n"
    file = folder / "one.pem"
    file.write_text(certifi.contents().partition(end)[0] + end)
    return str(file)
