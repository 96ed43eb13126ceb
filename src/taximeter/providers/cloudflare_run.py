"""Cloudflare Workers AI's own `run`: the answer of any model, in an envelope.

Documented (2026-11) at developers.cloudflare.com/workers-ai/get-started/rest-api and /workers-ai/models.
"""

from collections.abc import Mapping
from typing import Any, ClassVar, TypedDict

from taximeter.providers.openai_chat import ChatAnswer, ChatMessage
from taximeter.providers.shape import shaped
from taximeter.providers.values import as_items, as_mapping
from taximeter.vocabulary import Operation

_SIGNS = {
    "shape": Operation.EMBEDDINGS,
    "pooling": Operation.EMBEDDINGS,
    "image": Operation.IMAGE,
    "audio": Operation.SPEECH,
    "vtt": Operation.TRANSCRIPTION,
    "word_count": Operation.TRANSCRIPTION,
}
"""What a result of each kind of model has that no other has."""


class RunDocument(TypedDict, total=False):
    """The fields of a response or of one event that are read."""

    result: Any
    response: Any
    choices: Any
    usage: Any
    shape: Any
    pooling: Any
    image: Any
    audio: Any
    vtt: Any
    word_count: Any
    tool_calls: Any
    error: Any
    errors: Any


class RunAnswer(ChatAnswer):
    """A text with its usage, or the chat completion that newer models answer with."""

    shape: ClassVar[Any] = RunDocument

    def add(self, document: Mapping[str, Any]) -> None:
        """Take a response, out of its envelope, or one event of a stream, which has none."""
        for error in as_items(document.get("errors"))[:1]:
            self.note_failure({"error": error})
        answer = as_mapping(document.get("result")) or document
        self.facts.operation = _operation(answer) or self.facts.operation
        self.has_output = self.has_output or bool(answer.get("response"))
        self._add_tool_calls(0, shaped(answer, ChatMessage))
        super().add(answer)


def _operation(answer: Mapping[str, Any]) -> Operation | None:
    """Return what kind of call it was; the address is the same for all, and most are texts."""
    if any("score" in item for item in as_items(answer.get("response"))[:1]):
        return Operation.RERANK
    return next((operation for sign, operation in _SIGNS.items() if sign in answer), None)
