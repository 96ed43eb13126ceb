"""Expectations: what a call will probably consume, from what calls of its kind have consumed."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self, TypedDict

from taximeter.store import open_store

CHARACTERS_PER_TOKEN = 4  # of English text; a tokenizer knows better


class Expected(TypedDict, total=False):
    """Fields of the event. What nothing tells is left out, never zero."""

    estimated_input_tokens: int
    estimated_output_tokens: int


class Expectations:
    """Mean output tokens by task type, model and complexity.

    Args:
        means: What is known.
    """

    def __init__(self, means: Mapping[tuple[str | None, ...], int]) -> None:
        self._means = means

    @classmethod
    def of_store(cls, path: Path) -> Self:
        """Learn from the calls in a store; where there is none yet, nothing is expected."""
        if not path.exists():
            return cls({})
        with open_store(path) as store:
            groups = store.totals(["task_type", "model", "complexity"])
        return cls({group.key: group.totals.output_tokens // group.totals.calls for group in groups})

    def expect(self, request: Mapping[str, Any], task_type: str, complexity: str) -> Expected:
        """Return what a request will probably consume."""
        texts = [str(message["content"]) for message in request.get("messages", ())]
        texts += request.get("input", ())
        expected: Expected = {"estimated_input_tokens": sum(map(len, texts)) // CHARACTERS_PER_TOKEN + 1}
        mean = self._means.get((task_type, request["model"], complexity))
        if mean is not None:
            expected["estimated_output_tokens"] = mean
        return expected
