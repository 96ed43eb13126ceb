"""OpenAI images: generations, edits and variations, whole and streamed.

Documented (2026-11) at platform.openai.com/docs/api-reference/images and /images-streaming.
"""

from collections.abc import Mapping
from typing import Any, ClassVar, TypedDict

import msgspec

from taximeter.providers.answer import Answer
from taximeter.providers.openai_chat import reported_cost
from taximeter.providers.openai_responses import read_usage
from taximeter.providers.values import as_mapping, as_text
from taximeter.usage import Usage


class ImagesDocument(TypedDict, total=False):
    """The fields of a response or of a stream event that are read; the pictures are only counted."""

    type: Any
    model: Any
    data: list[msgspec.Raw]
    usage: Any
    svg_usage: Any
    error: Any


class ImagesAnswer(Answer):
    """Pictures: counted in tokens by the newer models and by the piece by the older ones."""

    shape: ClassVar[Any] = ImagesDocument

    def __init__(self, endpoint: Any) -> None:
        super().__init__(endpoint)
        self._images = 0

    def add(self, document: Mapping[str, Any]) -> None:
        """Take a response or one event of its stream."""
        self.note_failure(document)
        self.note_identity(document)
        data = document.get("data")
        self._images += len(data) if isinstance(data, list) else 0
        kind = as_text(document.get("type")) or ""
        self.has_output = self.has_output or bool(self._images or kind)
        if kind.endswith(".completed"):
            self.complete = self.usage_is_final = True
        if usage := as_mapping(document.get("usage")):
            self.facts.raw_usage = dict(usage)
            if drawing := as_mapping(document.get("svg_usage")):
                self.facts.raw_usage["svg_usage"] = drawing

    def settle(self) -> None:
        """Work out usage."""
        if raw := self.facts.raw_usage:
            self.facts.usage = read_usage(raw)
            if not raw.get("output_tokens_details"):
                self.facts.usage = _all_drawn(self.facts.usage)
            if drawing := as_mapping(raw.get("svg_usage")):  # written by a text model of its own
                self.facts.charges = (
                    (None, self.facts.usage),
                    (as_text(drawing.get("model")), read_usage(drawing)),
                )
            self.facts.reported_cost_usd = reported_cost(raw)
        elif self._images:
            self.facts.usage = Usage(units={"image": self._images})


def _all_drawn(usage: Usage) -> Usage:
    """Return the usage with its output as a picture, which it is here unless the details say otherwise."""
    return msgspec.structs.replace(
        usage, text_output_tokens=None, image_output_tokens=usage.text_output_tokens
    )
