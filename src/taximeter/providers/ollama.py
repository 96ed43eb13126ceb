"""Ollama's own API: chat, generate, embed and the older embeddings.

Documented (2026-11) at github.com/ollama/ollama/blob/main/docs/api.md.
"""

from collections.abc import Mapping
from typing import Any, ClassVar, TypedDict

import msgspec

from taximeter.framing import Framing, JsonLines
from taximeter.providers.answer import UNREADABLE, Answer
from taximeter.providers.facts import RequestFacts
from taximeter.providers.request import Message, system_text, tool_names
from taximeter.providers.values import (
    as_items,
    as_mapping,
    as_text,
    count_of,
)
from taximeter.usage import Usage

_COUNTS = ("prompt_eval_count", "eval_count")


class OllamaDocument(TypedDict, total=False):
    """The fields of a response or of one line of it that are read."""

    model: Any
    message: Any
    response: Any
    thinking: Any
    done: Any
    done_reason: Any
    prompt_eval_count: Any
    eval_count: Any
    error: Any


class _Message(msgspec.Struct, gc=False):
    tool_calls: Any = None


class _Line(msgspec.Struct, gc=False):
    """What decides whether a line tells more than text."""

    done: Any = None
    error: Any = None
    message: _Message | None = None


_glance = msgspec.json.Decoder(_Line)


class OllamaRequest(TypedDict, total=False):
    """The fields of a request that are read."""

    model: Any
    stream: Any
    system: Any
    messages: list[Message]
    tools: Any


class OllamaAnswer(Answer):
    """A response; the last line of a stream says `done` and holds the counts.

    A prompt that was in the cache as a whole has no count, which is unknown, not zero.
    """

    shape: ClassVar[Any] = OllamaDocument
    request_shape: ClassVar[Any] = OllamaRequest
    framing: ClassVar[type[Framing]] = JsonLines

    @staticmethod
    def read_request(body: Mapping[str, Any]) -> RequestFacts:
        """Return what the request tells; Ollama streams unless told not to."""
        return RequestFacts(
            model=as_text(body.get("model")),
            streaming=body.get("stream") is not False and "input" not in body,
            system_prompt=as_text(body.get("system")) or system_text(body.get("messages")),
            tool_names=tool_names(body.get("tools")),
        )

    @classmethod
    def as_response(cls, document: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return *document*: the counts stand in the response itself."""
        return document

    def is_plain(self, document: bytes) -> bool:
        """Whether the line holds only more text."""
        try:
            line = _glance.decode(document)
        except UNREADABLE:
            return False
        message = line.message
        return line.done is False and line.error is None and (message is None or message.tool_calls is None)

    def add(self, document: Mapping[str, Any]) -> None:
        """Take a response or one line of it."""
        self.note_failure(document)
        self.note_identity(document)
        self.note_finish(0, document.get("done_reason"))
        message = as_mapping(document.get("message"))
        self.facts.tool_call_count += len(as_items(message.get("tool_calls")))
        if (
            document.get("response")
            or document.get("thinking")
            or any(v for k, v in message.items() if k != "role")
        ):
            self.has_output = True
        if document.get("done") is True:
            self.complete = True
        counts = {name: document[name] for name in _COUNTS if document.get(name) is not None}
        if counts:
            self.facts.raw_usage = counts

    def settle(self) -> None:
        """Work out usage."""
        if raw := self.facts.raw_usage:
            self.facts.usage = Usage(
                uncached_input_tokens=count_of(raw, "prompt_eval_count"),
                text_output_tokens=count_of(raw, "eval_count"),
            )


class OllamaEmbedAnswer(OllamaAnswer):
    """Vectors; only the prompt counts."""

    def add(self, document: Mapping[str, Any]) -> None:
        """Take the response."""
        super().add(document)
        self.has_output = True
