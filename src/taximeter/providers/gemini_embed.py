"""Gemini embeddings, and Vertex's predict for embedding models.

Documented (2026-11) at ai.google.dev/api/embeddings, cloud.google.com/vertex-ai/generative-ai/docs/model-reference/
text-embeddings-api.
"""

from collections.abc import Mapping
from typing import Any, ClassVar, TypedDict

from taximeter.providers.answer import Answer, nested
from taximeter.providers.counters import split_input, usage_of
from taximeter.providers.gemini_generate import modalities
from taximeter.providers.values import (
    as_items,
    as_mapping,
    count_of,
    known_sum,
)


class EmbedDocument(TypedDict, total=False):
    """The fields of a response that are read; the vectors are skipped."""

    usageMetadata: Any
    error: Any


class EmbedAnswer(Answer):
    """Vectors; many answers say nothing of their usage."""

    shape: ClassVar[Any] = EmbedDocument
    usage_name: ClassVar[str] = "usageMetadata"

    def add(self, document: Mapping[str, Any]) -> None:
        """Take the response."""
        self.note_failure(document)
        self.has_output = True
        if usage := as_mapping(document.get("usageMetadata")):
            self.facts.raw_usage = dict(usage)

    def settle(self) -> None:
        """Work out usage."""
        if raw := self.facts.raw_usage:
            parts = modalities(raw.get("promptTokenDetails") or raw.get("promptTokensDetails"))
            self.facts.usage = usage_of(
                split_input(
                    count_of(raw, "promptTokenCount"), audio=parts.get("AUDIO"), image=parts.get("IMAGE")
                )
            )


class Statistics(TypedDict, total=False):
    """What a prediction says of itself."""

    statistics: Any


class Prediction(TypedDict, total=False):
    """The fields of one prediction that are read."""

    embeddings: Statistics


class PredictDocument(TypedDict, total=False):
    """The fields of a response that are read; the vectors are skipped."""

    predictions: list[Prediction]
    metadata: Any
    error: Any


class PredictAnswer(Answer):
    """Predictions, each of which counts its own tokens."""

    shape: ClassVar[Any] = PredictDocument

    def add(self, document: Mapping[str, Any]) -> None:
        """Take the response."""
        self.note_failure(document)
        self.has_output = True
        counts = [
            count_of(nested(prediction, "embeddings", "statistics"), "token_count")
            for prediction in as_items(document.get("predictions"))
        ]
        total = known_sum(*counts)
        characters = count_of(as_mapping(document.get("metadata")), "billableCharacterCount")
        if total is not None:
            self.facts.raw_usage = {"token_count": total}
            self.facts.usage = usage_of({"uncached_input_tokens": total})
        if characters is not None:
            self.facts.raw_usage = {**(self.facts.raw_usage or {}), "billableCharacterCount": characters}
