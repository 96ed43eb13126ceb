"""Mistral conversations: started, continued and restarted, whole and streamed.

Documented (2026-11) at docs.mistral.ai/api/#tag/beta.conversations (ConversationResponse, ConversationUsageInfo,
conversation.response.done).
"""

from collections.abc import Mapping
from typing import Any

from taximeter.providers.answer import Answer
from taximeter.providers.counters import split_input, split_output, usage_of
from taximeter.providers.values import as_items, as_mapping, as_text, count_of, known_sum
from taximeter.usage import Usage

_STARTED = "conversation.response.started"
_DONE = "conversation.response.done"
_FAILED = "conversation.response.error"


class ConversationAnswer(Answer):
    """The entries that a conversation has got; a stream's usage stands in the event that ends it."""

    def add(self, document: Mapping[str, Any]) -> None:
        """Take a response or one event of its stream."""
        self.note_failure(document)
        self.note_identity(document, "conversation_id")
        kind = as_text(document.get("type")) or ""
        if kind == _DONE:
            self.complete = self.usage_is_final = True
        elif kind == _FAILED:
            self.note_failure({"error": {"code": document.get("code")}})
        elif kind and kind != _STARTED:
            self.has_output = True
        for entry in as_items(document.get("outputs")):
            self._add_entry(entry)
        if usage := as_mapping(document.get("usage")):
            self.facts.raw_usage = dict(usage)

    def settle(self) -> None:
        """Work out usage."""
        if raw := self.facts.raw_usage:
            self.facts.usage = read_usage(raw)

    def _add_entry(self, entry: Mapping[str, Any]) -> None:
        self.has_output = True
        self.note_identity(entry, "conversation_id")
        if entry.get("type") == "function.call":
            self.facts.tool_call_count += 1
        elif entry.get("type") == "tool.execution":
            self.facts.server_tool_call_count += 1


def read_usage(raw: Mapping[str, Any]) -> Usage:
    """Return the usage; what connectors fed in counts beside the prompt where the total says so."""
    prompt, output = count_of(raw, "prompt_tokens"), count_of(raw, "completion_tokens")
    fed = known_sum(prompt, count_of(raw, "connector_tokens"))
    is_beside = count_of(raw, "total_tokens") == known_sum(fed, output)
    return usage_of(split_input(fed if is_beside else prompt), split_output(output))
