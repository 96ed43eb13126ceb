"""Gemini live sessions: websocket messages, one a line.

Each turn ends with a usage of its own, the whole context counted again, which is how a session is billed: their sum.
Documented (2026-11) at ai.google.dev/api/live#UsageMetadata, ai.google.dev/gemini-api/docs/pricing.
"""

from collections.abc import Mapping
from typing import Any, ClassVar

from taximeter.framing import Framing, JsonLines
from taximeter.providers.answer import Answer
from taximeter.providers.gemini_generate import read_usage
from taximeter.providers.values import as_mapping, as_text
from taximeter.usage import Usage


class LiveAnswer(Answer):
    """A session; the model that its setup names is what its turns are priced with."""

    framing: ClassVar[type[Framing]] = JsonLines

    def __init__(self, endpoint: Any) -> None:
        super().__init__(endpoint)
        self._model: str | None = None
        self._spent = Usage()
        self._usages: list[dict[str, Any]] = []

    def add(self, document: Mapping[str, Any]) -> None:
        """Take one message: itself, or a recorded frame that holds it under `data`."""
        if "direction" in document:
            document = as_mapping(document.get("data"))
        if model := as_text(as_mapping(document.get("setup")).get("model")):
            self._model = model.rpartition("/")[2]
        if "serverContent" in document:
            self.has_output = True
        if usage := as_mapping(document.get("usageMetadata")):
            self._spent += read_usage(usage)
            self._usages = [*self._usages[-31:], dict(usage)]  # a long session keeps its last ones

    def settle(self) -> None:
        """Add the session up."""
        if self._spent.is_empty:
            return
        self.complete = True
        self.facts.usage = self._spent
        self.facts.raw_usage = {"turns": self._usages}
        self.facts.charges = ((self._model, self._spent),)
