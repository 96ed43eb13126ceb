"""Inference: what a call was for, when nobody said so.

Who said it explicitly wins, then the scope (both in the builder), then the rules here, in this order:

1. The operation, where it leaves no choice: embeddings, rerank, images, sound, documents.
2. The system prompt: the first phrase of the table below within its first 2,000 characters. Prompts name the role
   first ("You are a code reviewer. ..."), so the leftmost phrase speaks loudest.
3. The names of the tools on offer.
4. `unknown`.

Texts are read in memory and nothing of them is kept. Any function with `infer_task_type`'s signature can take its
place: `taximeter.start(..., infer=my_rules)`.
"""

import re
from collections.abc import Callable

import msgspec

from taximeter.vocabulary import Operation, TaskType


class CallContext(msgspec.Struct, frozen=True):
    """What is known of a call before its answer; None or empty where nothing is."""

    operation: Operation = Operation.UNKNOWN
    system_prompt: str | None = None
    tool_names: tuple[str, ...] = ()


Infer = Callable[[CallContext], TaskType]

_BY_OPERATION = {
    Operation.EMBEDDINGS: TaskType.EMBEDDING,
    Operation.RERANK: TaskType.RETRIEVAL,
    Operation.IMAGE: TaskType.MEDIA,
    Operation.SPEECH: TaskType.MEDIA,
    Operation.TRANSCRIPTION: TaskType.MEDIA,
    Operation.OCR: TaskType.EXTRACTION,
}

_PROMPT_PHRASES = {
    TaskType.CODE_REVIEW: r"code[- ]review\w*|review(?:er|ing|s)?\b[^.\n]{0,40}\b(?:code|diff|pull request|patch|changes?)",
    TaskType.TESTING: r"(?:writ|generat|creat)\w*\b[^.\n]{0,30}\btests?|test engineer|tester",
    TaskType.DEBUGGING: r"debug\w*|(?:find|fix|diagnos)\w*\b[^.\n]{0,30}\b(?:bugs?|errors?|failures?)|root cause",
    TaskType.REFACTORING: r"refactor\w*",
    TaskType.DOCUMENTATION: r"(?:writ|generat|creat)\w*\b[^.\n]{0,30}\b(?:documentation|docs|docstrings?)|technical writer",
    TaskType.PLANNING: r"plan(?:s|ner|ning)?|roadmap|architect\w*|break\b[^.\n]{0,30}\binto (?:steps|tasks|subtasks)",
    TaskType.SUMMARIZATION: r"summar(?:y|ies|i[sz]\w*)",
    TaskType.TRANSLATION: r"translat\w+",
    TaskType.EXTRACTION: r"extract\w*",
    TaskType.CLASSIFICATION: r"classif\w+|categori[sz]\w+|label\w*\b[^.\n]{0,30}\b(?:text|message|document|ticket)s?",
    TaskType.IMPLEMENTATION: (
        r"implement\w*|(?:writ|generat|edit)\w*\b[^.\n]{0,30}\bcode"
        r"|coding (?:agent|assistant)|(?:software|senior) (?:engineer|developer)|programmer"
    ),
}

_TOOL_WORDS = {
    TaskType.TESTING: r"(?:run|execute)_?tests?|pytest",
    TaskType.IMPLEMENTATION: r"(?:edit|write|create|replace|patch)_?(?:file|text|code)|apply_?patch|str_?replace\w*",
    TaskType.PLANNING: r"(?:write|update|create)_?(?:plan|todos?|tasks?)",
    TaskType.RETRIEVAL: r"(?:file|web|vector|document|knowledge)_?search|retriev\w+",
}

PROMPT_LIMIT = 2_000
TOOL_LIMIT = 64


def _one_pattern(phrases: dict[TaskType, str], left: str, right: str) -> re.Pattern[str]:
    """Join the phrases so that one search finds the leftmost, and the group's name is the task type."""
    groups = (f"(?P<{task_type.value}>{phrase})" for task_type, phrase in phrases.items())
    return re.compile(f"{left}(?:{'|'.join(groups)}){right}", re.IGNORECASE)


_PROMPT = _one_pattern(_PROMPT_PHRASES, r"\b", r"\b")
_TOOL = _one_pattern(_TOOL_WORDS, r"(?<![a-z])", r"(?![a-z])")


def infer_task_type(context: CallContext) -> TaskType:
    """Return what the call was most likely for; `unknown` when nothing speaks."""
    if (by_operation := _BY_OPERATION.get(context.operation)) is not None:
        return by_operation
    match = _PROMPT.search((context.system_prompt or "")[:PROMPT_LIMIT])
    match = match or _TOOL.search(" ".join(context.tool_names[:TOOL_LIMIT])[:PROMPT_LIMIT])
    return TaskType(match.lastgroup or TaskType.UNKNOWN) if match else TaskType.UNKNOWN


def remembering(infer: Infer, *, limit: int = 1024) -> Infer:
    """Return *infer* with its last answers kept, by the hash of what it read: services ask with few prompts, often.

    Args:
        infer: A rule set that answers by the first `PROMPT_LIMIT` characters of the prompt and the first tools.
        limit: Answers kept; when full, all are forgotten.
    """
    answers: dict[int, TaskType] = {}

    def infer_once(context: CallContext) -> TaskType:
        prompt = (context.system_prompt or "")[:PROMPT_LIMIT]
        key = hash((context.operation, prompt, context.tool_names[:TOOL_LIMIT]))
        if (answer := answers.get(key)) is None:
            if len(answers) >= limit:
                answers.clear()
            answer = answers[key] = infer(context)
        return answer

    return infer_once
