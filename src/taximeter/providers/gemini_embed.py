"""Gemini embeddings, and Vertex's predict for embedding models.

Documented (2026-11) at ai.google.dev/api/embeddings, cloud.google.com/vertex-ai/generative-ai/docs/model-reference/
text-embeddings-api.
"""

from collections.abc import Mapping
from typing import Any, ClassVar, TypedDict

from taximeter.providers.answer import Answer, nested
from taximeter.providers.counters import split_input, split_output, usage_of
from taximeter.providers.gemini_generate import modalities
from taximeter.providers.values import (
    as_items,
    as_mapping,
    count_of,
    known_sum,
)
from taximeter.usage import Usage


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


class TextPrediction(TypedDict, total=False):
    """The fields of an answer of text or pictures that are read."""

    predictions: Any
    metadata: Any
    error: Any


class PredictTextAnswer(Answer):
    """A prediction of the PaLM models, such as text-bison, whose tokens are counted for all of it.

    Documented (2026-11) at cloud.google.com/vertex-ai/generative-ai/docs/model-reference/text.
    """

    shape: ClassVar[Any] = TextPrediction

    def add(self, document: Mapping[str, Any]) -> None:
        """Take the response."""
        self.note_failure(document)
        self.has_output = True
        if counts := nested(document, "metadata", "tokenMetadata"):
            self.facts.raw_usage = dict(counts)

    def settle(self) -> None:
        """Work out usage."""
        if raw := self.facts.raw_usage:
            self.facts.usage = usage_of(
                split_input(count_of(nested(raw, "inputTokenCount"), "totalTokens")),
                split_output(count_of(nested(raw, "outputTokenCount"), "totalTokens")),
            )


class PredictImageAnswer(Answer):
    """Imagen's pictures, which are counted by the piece; filtered ones are left out of the answer.

    Documented (2026-11) at cloud.google.com/vertex-ai/generative-ai/docs/model-reference/imagen-api.
    """

    shape: ClassVar[Any] = TextPrediction

    def add(self, document: Mapping[str, Any]) -> None:
        """Take the response."""
        self.note_failure(document)
        pictures = [item for item in as_items(document.get("predictions")) if "mimeType" in item]
        if pictures:
            self.has_output = True
            self.facts.usage = Usage(units={"image": len(pictures)})


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
            self.facts.usage = Usage(uncached_input_tokens=total)
        if characters is not None:
            self.facts.raw_usage = {**(self.facts.raw_usage or {}), "billableCharacterCount": characters}
