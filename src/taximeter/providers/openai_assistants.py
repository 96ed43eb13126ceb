"""OpenAI assistants: a run, whose usage is null until it ends.

Documented (2026-11) at platform.openai.com/docs/api-reference/runs and /assistants-streaming.
"""

from collections.abc import Mapping
from typing import Any

from taximeter.providers.answer import Answer, nested
from taximeter.providers.openai_chat import read_usage
from taximeter.providers.values import as_items, as_mapping, as_text


class RunAnswer(Answer):
    """A run; its steps carry the same tokens once more, so only the run counts."""

    def add(self, document: Mapping[str, Any]) -> None:
        """Take a run or one event of its stream."""
        self.note_failure(document)
        kind = as_text(document.get("object"))
        if kind == "thread.message.delta":
            self.has_output = True
        if kind == "thread.run":
            self._add_run(document)

    def settle(self) -> None:
        """Work out usage."""
        if raw := self.facts.raw_usage:
            self.facts.usage = read_usage(raw, self.endpoint.provider)

    def _add_run(self, run: Mapping[str, Any]) -> None:
        facts = self.facts
        self.note_identity(run)
        self.note_finish(0, run.get("status"))
        calls = nested(run, "required_action", "submit_tool_outputs").get("tool_calls")
        facts.tool_call_count = len(as_items(calls))
        if error := as_mapping(run.get("last_error")):
            self.note_failure({"error": error})
        if usage := as_mapping(run.get("usage")):
            facts.raw_usage = dict(usage)
