"""Kinds of calls: what a call has in common with earlier ones, from much to little."""

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

from taximeter.event import TaskCompletionEvent
from taximeter.pricing.spelling import spellings, stems
from taximeter.vocabulary import Complexity, Operation, TaskType

Group = tuple[int | str, ...]
"""Calls that are alike: the level at which they are, and what they have in common there."""

LEVELS = (
    "agent, task, model, complexity and size of input",
    "agent, task, model and complexity",
    "task and model",
    "agent and task",
    "task",
    "model",
    "family of models",
    "operation",
)
"""What calls of one group have in common, the most first. What a call does not say makes no group."""

ANY = "*"
"""What is left open: all agents, all tasks."""

WRITES_TEXT = "text"
_OPERATIONS = dict.fromkeys(
    (Operation.CHAT, Operation.COMPLETION, Operation.RESPONSES, Operation.UNKNOWN), WRITES_TEXT
)
_VENDOR = re.compile(r"^(?:anthropic|amazon|meta|mistral|cohere|ai21|deepseek|qwen|openai|google)[./]")
_FAMILY = re.compile(r"[a-z]+")
_KINDS = 4_096
"""How many kinds are remembered; names that somebody makes up must not fill the memory."""


class Kind(NamedTuple):
    """What is known of a call before it is made; None and `unknown` where it is not known."""

    model: str | None = None
    operation: str = Operation.UNKNOWN
    task_type: str = TaskType.UNKNOWN
    complexity: str = Complexity.UNKNOWN
    agent: str | None = None

    def groups(self, input_tokens: int | None = None) -> tuple[Group, ...]:
        """Return the groups of such a call, the ones that have most in common first."""
        return _groups(self, None if input_tokens is None else input_size(input_tokens))

    @property
    def writes_text(self) -> bool:
        """Whether such a call generates text, as far as is known."""
        return self.operation in _OPERATIONS


def input_size(tokens: int) -> int:
    """Return the class of an input: each is four times as large as the one before."""
    return tokens.bit_length() // 2


def kind_of(event: TaskCompletionEvent) -> Kind:
    """Return what could be known of a call before it was made."""
    model = event.model if event.requested_model is None else event.requested_model
    return Kind(model, event.operation, event.task_type, event.complexity, event.agent)


@lru_cache(_KINDS)
def model_stem(model: str) -> str:
    """Return the model without the date and the region, which change nothing of how much it writes."""
    *_, name = spellings(model[:200], "")
    *_, stem = stems(_VENDOR.sub("", name.rsplit("/", 1)[-1]))
    return stem


def family_of(stem: str) -> str:
    """Return the family of a model, such as `claude`: the first word of its name."""
    found = _FAMILY.search(stem)
    return found[0] if found else stem


@lru_cache(_KINDS)
def _groups(kind: Kind, size: int | None) -> tuple[Group, ...]:
    work = _OPERATIONS.get(Operation(kind.operation), str(kind.operation))
    return tuple((level, work, *(str(part) for part in parts)) for level, parts in _levels(kind, size))


def _levels(kind: Kind, size: int | None) -> Iterator[tuple[int, tuple[object, ...]]]:
    """Yield what the call has in common with others at each level, as far as it says."""
    agent, task, complexity = kind.agent, kind.task_type, kind.complexity
    stem = None if kind.model is None else model_stem(kind.model)
    if ANY not in (agent, task):
        if size is not None:
            yield 0, (agent, task, stem, complexity, size)
        yield 1, (agent, task, stem, complexity)
    if task not in (ANY, TaskType.UNKNOWN):
        yield 2, (task, stem)
        if agent != ANY:
            yield 3, (agent, task)
        yield 4, (task,)
    if stem is not None:
        yield from ((5, (stem,)), (6, (family_of(stem),)))
    yield 7, ("all",)
