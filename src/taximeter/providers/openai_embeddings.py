"""OpenAI embeddings, and the same shape elsewhere: Mistral, Voyage (which names only a total), vLLM and others.

Documented (2026-11) at platform.openai.com/docs/api-reference/embeddings, docs.mistral.ai/api/#tag/embeddings,
docs.voyageai.com/reference/embeddings-api and /reranker-api.
"""

from collections.abc import Mapping
from typing import Any, ClassVar, TypedDict

from taximeter.providers.answer import Answer
from taximeter.providers.counters import split_input, usage_of
from taximeter.providers.openai_chat import reported_cost
from taximeter.providers.values import (
    as_mapping,
    as_text,
    count_of,
    first_count,
)


class EmbeddingsDocument(TypedDict, total=False):
    """The fields of a response that are read; the vectors are skipped, which saves most of the work."""

    id: Any
    model: Any
    usage: Any
    error: Any
    detail: Any


class EmbeddingsAnswer(Answer):
    """A list of vectors, or of rankings: only the input counts."""

    shape: ClassVar[Any] = EmbeddingsDocument

    def add(self, document: Mapping[str, Any]) -> None:
        """Take the response."""
        self.note_failure(document)
        self.note_identity(document)
        self.has_output = True
        if usage := as_mapping(document.get("usage")):
            self.facts.raw_usage = dict(usage)

    def settle(self) -> None:
        """Work out usage and reported cost."""
        if raw := self.facts.raw_usage:
            total = first_count(raw, "prompt_tokens", "input_tokens", "total_tokens")
            self.facts.usage = usage_of(split_input(total, image=count_of(raw, "image_tokens")))
            self.facts.reported_cost_usd = reported_cost(raw)
            self.facts.service_tier = as_text(raw.get("service_tier"))
