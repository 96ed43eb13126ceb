"""Samples: answers of the providers, made up for a test, to be served by a fake network or read as they are."""

from collections.abc import Iterable
from typing import Any

import msgspec

from taximeter.errors import ConfigurationError, one_of
from taximeter.testing.shape import SHAPES, Content, Shape

SAMPLE_FORMATS: tuple[str, ...] = tuple(SHAPES)
"""The wire formats there are samples of."""

_FIRST_ERROR = 400


class Sample(msgspec.Struct, frozen=True, kw_only=True):
    """An HTTP answer: `httpx.Response(sample.status, headers=sample.headers, content=sample.body)`."""

    url: str
    """Where such answers come from; a metered client tells the provider and the format by it."""
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def payload(self) -> Any:
        """The body of a whole answer, decoded."""
        return msgspec.json.decode(self.body)


def sample(
    wire_format: str,
    *,
    model: str | None = None,
    input_tokens: int = 12,
    output_tokens: int = 5,
    cached_tokens: int = 0,
    text: str = "Good to see you.",
    stream: bool = False,
    status: int = 200,
) -> Sample:
    """Return an answer in a wire format.

    Args:
        wire_format: One of `SAMPLE_FORMATS`; servers that speak as OpenAI does answer in `openai.chat`.
        model: The model that answers; None takes a current one. Bedrock and Cohere do not say it in their answers.
        input_tokens: All input tokens, cached ones included.
        output_tokens: What was generated; embeddings generate nothing.
        cached_tokens: Input that came from the cache; Ollama, Cohere and embeddings have none.
        text: What is answered.
        stream: Whether the answer is a stream, one chunk a word.
        status: The HTTP status; from 400 on the answer is an error.

    Raises:
        ConfigurationError: A format without samples, or without a stream of text.
    """
    shape = SHAPES.get(wire_format)
    if shape is None:
        raise ConfigurationError("wire_format", wire_format, one_of(wire_format, SAMPLE_FORMATS))
    content = Content(model or shape.model, input_tokens, cached_tokens, output_tokens, _words(text))
    if status >= _FIRST_ERROR:
        return _whole(shape.url, shape.error(status), status)
    return (
        _streamed(shape, content, wire_format) if stream else _whole(shape.url, shape.whole(content), status)
    )


def _words(text: str) -> list[str]:
    first, *others = text.split(" ")
    return [first, *(f" {word}" for word in others)]


def _whole(url: str, document: Any, status: int) -> Sample:
    headers = {"content-type": "application/json"}
    return Sample(url=url, status=status, headers=headers, body=msgspec.json.encode(document))


def _streamed(shape: Shape, content: Content, wire_format: str) -> Sample:
    if shape.stream is None:
        raise ConfigurationError("stream", True, f"False for {wire_format}")
    documents = shape.stream(content)
    kind = "application/x-ndjson" if shape.lines else "text/event-stream"
    body = _lines(documents) if shape.lines else _events(documents) + shape.end
    return Sample(url=shape.stream_url or shape.url, status=200, headers={"content-type": kind}, body=body)


def _lines(documents: Iterable[Any]) -> bytes:
    return b"".join(msgspec.json.encode(document) + b"\n" for document in documents)


def _events(documents: Iterable[Any]) -> bytes:
    return b"".join(map(_event, documents))


def _event(document: Any) -> bytes:
    name = f"event: {document['type']}\n".encode() if "type" in document else b""
    return name + b"data: " + msgspec.json.encode(document) + b"\n\n"
