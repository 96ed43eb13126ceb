"""Chat message: LangChain's, which any provider's answer becomes there, whole or in pieces that add up.

Source: langchain_core/messages/ai.py, `UsageMetadata` and `AIMessage` (langchain-core 1.7, read 2026-11).
"""

from collections.abc import Mapping
from typing import Any

from taximeter.providers.answer import Answer, nested
from taximeter.providers.counters import split_input, split_output, usage_of
from taximeter.providers.values import as_count, as_items, as_mapping, as_text

_PROVIDERS = {
    "amazon_bedrock": "bedrock",
    "azure_openai": "azure",
    "bedrock_converse": "bedrock",
    "google_genai": "google",
    "google_vertexai": "vertex",
    "mistralai": "mistral",
}
"""LangChain's words for those that are called otherwise here."""

_REASONS = ("finish_reason", "stop_reason", "done_reason", "stopReason")
_MODELS = ("model_name", "model", "model_id")
_COUNTERS = ("input_tokens", "output_tokens")


def is_chat_message(document: Mapping[str, Any]) -> bool:
    """Whether a decoded object is one of LangChain's messages."""
    return "response_metadata" in document and "content" in document


class MessageAnswer(Answer):
    """A message, or the pieces of one, whose counts add up as LangChain's own do."""

    def __init__(self, endpoint: Any) -> None:
        super().__init__(endpoint)
        self.facts.wire_format = ""
        self._counts: dict[str, int] = {}
        self._calls: set[Any] = set()

    def add(self, document: Any) -> None:
        """Take a message or the next piece of one."""
        facts, told = self.facts, as_mapping(document.get("response_metadata"))
        if facts.provider == "unknown" and (provider := as_text(told.get("model_provider"))):
            facts.provider = _PROVIDERS.get(provider, provider)
        self.note_names(as_text(told.get("id")), _first_text(told, _MODELS))
        facts.service_tier = as_text(told.get("service_tier")) or facts.service_tier
        reason = _first_text(told, _REASONS)
        self.note_finish(0, reason)
        self.complete = self.complete or reason is not None or document.get("chunk_position") == "last"
        self.has_output = self.has_output or bool(document.get("content") or document.get("tool_calls"))
        self._calls.update(
            call.get("id") for call in as_items(document.get("tool_calls")) if call.get("name")
        )
        self._add_counts(as_mapping(document.get("usage_metadata")))

    def settle(self) -> None:
        """Work the counters out; LangChain's totals hold all their details."""
        facts, counts = self.facts, self._counts
        facts.tool_call_count = len(self._calls) or facts.tool_call_count
        if not counts:
            return
        facts.raw_usage = dict(counts)
        hour = counts.get("input.ephemeral_1h_input_tokens")
        brief = counts.get("input.ephemeral_5m_input_tokens")
        facts.usage = usage_of(
            split_input(
                counts.get("input_tokens"),
                cache_read=counts.get("input.cache_read"),
                cache_write_5m=brief or counts.get("input.cache_creation"),
                cache_write_1h=hour,
                audio=counts.get("input.audio"),
            ),
            split_output(
                counts.get("output_tokens"),
                reasoning=counts.get("output.reasoning"),
                audio=counts.get("output.audio"),
            ),
        )

    def _add_counts(self, usage: Mapping[str, Any]) -> None:
        counts = {name: usage.get(name) for name in _COUNTERS}
        for side in ("input", "output"):
            details = nested(usage, f"{side}_token_details")
            counts |= {f"{side}.{name}": count for name, count in details.items()}
        for name, value in counts.items():
            if (count := as_count(value)) is not None and len(name) < 50:
                self._counts[name] = self._counts.get(name, 0) + count


def _first_text(values: Mapping[str, Any], names: tuple[str, ...]) -> str | None:
    return next((text for name in names if (text := as_text(values.get(name)))), None)
