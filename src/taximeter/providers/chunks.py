"""Chunks: the items of a stream as SDKs hand them out: objects, dicts, bytes of the wire, or bare texts."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from typing import Any

import msgspec

from taximeter.framing import Document, Framing, JsonLines, choose_framing
from taximeter.providers.answer import Answer
from taximeter.providers.chat_message import is_chat_message
from taximeter.providers.directory import FORMATS, endpoint_for
from taximeter.providers.estimate import TextLength, add_estimate
from taximeter.providers.facts import Facts, RequestFacts
from taximeter.providers.payload import as_document, format_of, message_answer, provider_of
from taximeter.providers.reading import read_request
from taximeter.vocabulary import Operation

_KINDS = {
    "message_start": "anthropic.messages",
    "content_block_start": "anthropic.messages",
    "content_block_delta": "anthropic.messages",
    "message_delta": "anthropic.messages",
    "message-start": "cohere.chat_v2",
    "content-delta": "cohere.chat_v2",
    "message-end": "cohere.chat_v2",
}
"""What the `type` of an event says."""

_WIRE_STARTS = ("data:", "event:", ":", "{")
"""How texts begin that are lines of a stream and not what a model has said."""


class ChunkReading:
    """Reads one stream from its items; never raises, and keeps none of them.

    Args:
        provider: Who answers; None takes the one whose format it is.
        wire_format: The format's name; None looks at the first items.
        model: The model asked for.
        request: The request's decoded body; None where it is not known.
        hear: Is shown each document of the stream; None shows them to nobody.
    """

    def __init__(
        self,
        *,
        provider: str | None = None,
        wire_format: str | None = None,
        model: str | None = None,
        request: Mapping[str, Any] | None = None,
        hear: Callable[[Mapping[str, Any]], None] | None = None,
    ) -> None:
        self._provider = provider
        self._wire_format = wire_format
        self._model = model
        self._request = request
        self._hear = hear
        self._answer: Answer | None = None
        self._framing: Framing | None = None
        self._text = TextLength()
        self._has_text = False

    @property
    def request_body(self) -> Mapping[str, Any] | None:
        """The request's decoded body, where it is known."""
        return self._request

    @property
    def has_output(self) -> bool:
        """Whether generated content has been seen."""
        return self._has_text or (self._answer is not None and self._answer.has_output)

    @property
    def complete(self) -> bool:
        """Whether the stream's own end mark has been seen."""
        return self._answer is not None and self._answer.complete

    def add(self, chunk: Any) -> None:
        """Take the next item; one that nothing here understands is passed over."""
        try:
            if isinstance(chunk, str) and not (self._framing or chunk.startswith(_WIRE_STARTS)):
                self._add_text(chunk)
            else:
                for event, document in self._documents(chunk):
                    self._add_document(event, document)
        except Exception:  # whatever an SDK hands out, the application's own reading goes on
            return

    def finish(self, *, whole: bool) -> Facts:
        """Return the facts, what nobody has counted estimated.

        Args:
            whole: Whether the stream ended by itself.
        """
        self._take_rest()
        facts = self._settled()
        facts.streaming = True
        is_final = self._answer is not None and self._answer.usage_is_final
        facts.truncated = not facts.failed and not (self.complete or (whole and self._answer is None))
        facts.partial = facts.truncated and facts.usage is not None and not is_final
        if facts.usage is None or facts.partial:
            add_estimate(facts, self._text.in_bytes, self._request)
        facts.request = self._request_facts(facts)
        return facts

    def _settled(self) -> Facts:
        if self._answer is None:
            return Facts(
                wire_format="", operation=Operation.CHAT, provider=self._provider or "unknown", model=None
            )
        try:
            return self._answer.finish()
        except Exception:  # see `add`
            return self._answer.facts

    def _add_text(self, text: str) -> None:
        self._has_text = self._has_text or bool(text)
        self._text.note({"text": text})
        if self._hear is not None:
            self._hear({"text": text})

    def _documents(self, chunk: Any) -> Iterator[tuple[str, Mapping[str, Any]]]:
        if isinstance(chunk, str):
            chunk = f"{chunk}\n".encode()  # of lines without their ends
        if not isinstance(chunk, bytes | bytearray):
            yield "", self._unwrapped(as_document(chunk))
            return
        if self._framing is None:
            self._framing = choose_framing(bytes(chunk).lstrip()[:64] or b" ", "", JsonLines)
        yield from self._decoded(self._framing.feed(bytes(chunk)))

    def _decoded(self, documents: Iterable[Document]) -> Iterator[tuple[str, Mapping[str, Any]]]:
        for name, document in documents:
            if document.startswith(b"[DONE]"):
                self._end()
            else:
                yield name.decode("utf-8", "replace"), msgspec.json.decode(document)

    def _take_rest(self) -> None:
        """Take what the wire's bytes left unfinished; servers forget the last event's end."""
        if self._framing is not None:
            with suppress(Exception):  # see `add`
                for event, document in self._decoded(self._framing.finish()):
                    self._add_document(event, document)

    def _unwrapped(self, document: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the provider's own event: Mistral's SDK hands out its data, boto3 a chunk of bytes."""
        if isinstance(data := document.get("data"), Mapping) and "choices" in data:
            return data
        inner = document.get("chunk")
        if isinstance(inner, Mapping) and isinstance(inner.get("bytes"), bytes):
            self._wire_format = self._wire_format or "bedrock.invoke_stream"
            return msgspec.json.decode(inner["bytes"], type=dict[str, Any])
        return document

    def _add_document(self, event: str, document: Mapping[str, Any]) -> None:
        if not document:
            return
        if self._answer is None:
            self._answer = self._answer_to(document)
        self._answer.event = event
        self._text.note(document)
        self._answer.add(document)
        if self._hear is not None:
            self._hear(document)

    def _answer_to(self, document: Mapping[str, Any]) -> Answer:
        if is_chat_message(document):
            return message_answer(self._provider)
        name = self._wire_format if self._wire_format in FORMATS else _format_of(document, self._provider)
        provider = self._provider or provider_of(name)
        return FORMATS[name].answer(endpoint_for(name, provider=provider, model=self._model))

    def _end(self) -> None:
        if self._answer is not None:
            self._answer.complete = True

    def _request_facts(self, facts: Facts) -> RequestFacts:
        if self._request is None:
            return RequestFacts(model=self._model, streaming=True)
        endpoint = endpoint_for(
            facts.wire_format or "openai.chat", provider=facts.provider, model=self._model
        )
        request = read_request(endpoint, self._request)
        request.model = self._model or request.model
        return request


def _format_of(document: Mapping[str, Any], provider: str | None) -> str:
    kind = document.get("type")
    if isinstance(kind, str):
        if kind in _KINDS:
            return _KINDS[kind]
        if kind.startswith("response."):
            return "openai.responses"
    if document.keys() & {"messageStart", "contentBlockStart", "contentBlockDelta", "messageStop"}:
        return "bedrock.converse_stream"
    if "done" in document and "model" in document:
        return "ollama.chat"
    return format_of(document, provider)
