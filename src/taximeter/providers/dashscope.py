"""Alibaba's own text and multimodal generation (DashScope), whole and streamed.

Documented (2026-11) at alibabacloud.com/help/en/model-studio/qwen-api-reference (DashScope).
"""

from collections.abc import Mapping
from typing import Any, ClassVar, TypedDict

from taximeter.providers.facts import RequestFacts
from taximeter.providers.openai_chat import ChatAnswer
from taximeter.providers.request import system_text, tool_names
from taximeter.providers.values import as_items, as_mapping, as_text

_UNFINISHED = "null"  # the word, in every event but the last


class GenerationDocument(TypedDict, total=False):
    """The fields of a response or of one event that are read."""

    request_id: Any
    output: Any
    usage: Any
    code: Any


class GenerationAnswer(ChatAnswer):
    """The choices stand in `output`, or a single one is the output; each event of a stream has a running usage."""

    shape: ClassVar[Any] = GenerationDocument
    request_shape: ClassVar[Any] = dict[str, Any]

    @staticmethod
    def read_request(body: Mapping[str, Any]) -> RequestFacts:
        """Return what the request tells; whether it streams stands in a header."""
        return RequestFacts(
            model=as_text(body.get("model")),
            system_prompt=system_text(as_mapping(body.get("input")).get("messages")),
            tool_names=tool_names(as_mapping(body.get("parameters")).get("tools")),
        )

    def add(self, document: Mapping[str, Any]) -> None:
        """Take a response or one event of its stream."""
        if as_text(document.get("code")):
            self.note_failure({"error": document})
            return
        output = as_mapping(document.get("output"))
        choices = [
            {**choice, "finish_reason": None} if choice.get("finish_reason") == _UNFINISHED else choice
            for choice in as_items(output.get("choices")) or [output]
        ]
        super().add({"id": document.get("request_id"), "choices": choices, "usage": document.get("usage")})
