"""Mistral OCR: charged by the page.

Documented (2026-11) at docs.mistral.ai/api/#tag/ocr.
"""

from collections.abc import Mapping
from typing import Any, ClassVar, TypedDict

from taximeter.providers.answer import Answer
from taximeter.providers.values import (
    as_mapping,
    count_of,
)
from taximeter.usage import Usage


class OcrDocument(TypedDict, total=False):
    """The fields of a response that are read."""

    model: Any
    usage_info: Any
    error: Any


class OcrAnswer(Answer):
    """Pages of text."""

    shape: ClassVar[Any] = OcrDocument
    usage_name: ClassVar[str] = "usage_info"

    def add(self, document: Mapping[str, Any]) -> None:
        """Take the response."""
        self.note_failure(document)
        self.note_identity(document)
        self.has_output = True
        if usage := as_mapping(document.get("usage_info")):
            self.facts.raw_usage = dict(usage)

    def settle(self) -> None:
        """Work out usage."""
        pages = count_of(self.facts.raw_usage or {}, "pages_processed")
        if pages:
            self.facts.usage = Usage(units={"page": pages})
