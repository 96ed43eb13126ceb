"""Gemini interactions, whole and streamed.

Documented (2026-11) at ai.google.dev/api/interactions-api.
"""

from collections.abc import Mapping
from typing import Any

from taximeter.providers.answer import Answer
from taximeter.providers.counters import split_input, split_output, usage_of
from taximeter.providers.facts import RequestFacts
from taximeter.providers.gemini_generate import modalities
from taximeter.providers.request import text_of, tool_names
from taximeter.providers.values import (
    as_items,
    as_mapping,
    as_text,
    count_of,
    first_count,
    known_sum,
)
from taximeter.usage import Usage


class InteractionAnswer(Answer):
    """An interaction; the event that ends a stream holds it whole, the steps before hold running totals."""

    @staticmethod
    def read_request(body: Mapping[str, Any]) -> RequestFacts:
        """Return what the request tells."""
        return RequestFacts(
            model=as_text(body.get("model")) or as_text(body.get("agent")),
            streaming=body.get("stream") is True,
            system_prompt=text_of(body.get("system_instruction")) or None,
            tool_names=tool_names(body.get("tools")),
            service_tier=as_text(body.get("service_tier")),
        )

    def add(self, document: Mapping[str, Any]) -> None:
        """Take an interaction or one event of its stream."""
        self.note_failure(document)
        kind = as_text(document.get("event_type")) or self.event
        if kind in {"interaction.completed", "interaction.complete"}:
            self.complete = self.usage_is_final = True
            self._add_interaction(as_mapping(document.get("interaction")))
        elif kind:
            self.note_identity(as_mapping(document.get("interaction")))
            self._add_step(as_mapping(document.get("step") or document.get("content")))
            self._add_usage(as_mapping(document.get("metadata")).get("usage"))
            self.has_output = self.has_output or kind.endswith(".delta")
        else:
            self._add_interaction(document)

    def settle(self) -> None:
        """Work out usage."""
        if raw := self.facts.raw_usage:
            self.facts.usage = read_usage(raw)

    def _add_interaction(self, interaction: Mapping[str, Any]) -> None:
        facts = self.facts
        self.note_identity(interaction)
        self.note_finish(0, interaction.get("status"))
        facts.service_tier = as_text(interaction.get("service_tier"))
        steps = as_items(interaction.get("steps") or interaction.get("outputs"))
        if steps:
            facts.tool_call_count = facts.server_tool_call_count = 0
        for step in steps:
            self.has_output = True
            self._add_step(step)
        self._add_usage(interaction.get("usage"))

    def _add_step(self, step: Mapping[str, Any]) -> None:
        kind = as_text(step.get("type")) or ""
        if kind == "function_call":
            self.facts.tool_call_count += 1
        elif kind.endswith("_call"):
            self.facts.server_tool_call_count += 1

    def _add_usage(self, usage: Any) -> None:
        if isinstance(usage, Mapping) and usage:
            self.facts.raw_usage = dict(usage)


def read_usage(raw: Mapping[str, Any]) -> Usage:
    """Return the usage; thoughts stand beside the output and the tools' input beside the input."""
    inputs = modalities(raw.get("input_tokens_by_modality"))
    outputs = modalities(raw.get("output_tokens_by_modality"))
    thoughts = first_count(raw, "total_thought_tokens", "total_reasoning_tokens")
    return usage_of(
        split_input(
            known_sum(count_of(raw, "total_input_tokens"), count_of(raw, "total_tool_use_tokens")),
            cache_read=count_of(raw, "total_cached_tokens"),
            audio=inputs.get("AUDIO"),
            image=inputs.get("IMAGE"),
        ),
        split_output(
            known_sum(count_of(raw, "total_output_tokens"), thoughts),
            reasoning=thoughts,
            audio=outputs.get("AUDIO"),
            image=outputs.get("IMAGE"),
        ),
    )
