"""Cloudflare Workers AI's own `run`: the answer of any model, in an envelope.

Documented (2026-11) at developers.cloudflare.com/workers-ai/get-started/rest-api and /workers-ai/models.
"""

from collections.abc import Mapping
from typing import Any, ClassVar, TypedDict

from taximeter.providers.openai_chat import ChatAnswer
from taximeter.providers.values import as_items, as_mapping


class RunDocument(TypedDict, total=False):
    """The fields of a response or of one event that are read."""

    result: Any
    response: Any
    choices: Any
    usage: Any
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
        self.has_output = self.has_output or bool(answer.get("response"))
        self._add_tool_calls(0, answer)
        super().add(answer)
