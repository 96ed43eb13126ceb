"""The words events use.

Each vocabulary is an open enum: a word of another version is accepted, kept and written back as it came, so an
older reader loses nothing. Members are strings and compare equal to them.
"""

from enum import StrEnum
from typing import Self


class Vocabulary(StrEnum):
    """Base of all vocabularies; `Vocabulary("new word")` makes a member-like value instead of failing."""

    @classmethod
    def _missing_(cls, value: object) -> Self | None:
        if not isinstance(value, str):
            return None
        word = str.__new__(cls, value)
        word._name_ = value
        word._value_ = value
        return word

    # Equal to its text, so it must be found under it too; an enum's own hash is of the name, and slower.
    __hash__ = str.__hash__

    def __reduce_ex__(self, _protocol: object) -> tuple[type[Self], tuple[str]]:  # unknown words pickle too
        return type(self), (str(self.value),)


class Operation(Vocabulary):
    """What kind of call it was."""

    CHAT = "chat"
    COMPLETION = "completion"
    RESPONSES = "responses"
    EMBEDDINGS = "embeddings"
    RERANK = "rerank"
    IMAGE = "image"
    SPEECH = "speech"
    TRANSCRIPTION = "transcription"
    OCR = "ocr"
    REALTIME = "realtime"
    UNKNOWN = "unknown"


class Outcome(Vocabulary):
    """How the call ended, as far as the wire tells.

    `partial` is a stream that stopped before its end mark, `cancelled` one that the application left, `failure` an
    error answer or exception, `timeout` an exception that says the time ran out.
    """

    SUCCESS = "success"
    PARTIAL = "partial"
    CANCELLED = "cancelled"
    FAILURE = "failure"
    TIMEOUT = "timeout"


class UsageStatus(Vocabulary):
    """How far the token counters can be trusted.

    `reported` by the provider, in full; `partial`: reported, but only a lower bound; `estimated` by us; `missing`:
    the provider said nothing, so every counter is null.
    """

    REPORTED = "reported"
    PARTIAL = "partial"
    ESTIMATED = "estimated"
    MISSING = "missing"


class CostStatus(Vocabulary):
    """What a cost is worth.

    `reported` by the provider; `priced` from rates; `partial`: some non-zero quantity had no rate, the cost is a
    lower bound; `free` by rule; `unknown`: the cost is null, never zero.
    """

    REPORTED = "reported"
    PRICED = "priced"
    PARTIAL = "partial"
    FREE = "free"
    UNKNOWN = "unknown"


class CostSource(Vocabulary):
    """Where a rate or an amount came from, strongest first."""

    OVERRIDE = "override"
    PROVIDER = "provider"
    OVERLAY = "overlay"
    TABLE = "table"
    RULE = "rule"
    NONE = "none"


class TaskType(Vocabulary):
    """What the call was for. Applications add words of their own."""

    CHAT = "chat"
    PLANNING = "planning"
    IMPLEMENTATION = "implementation"
    CODE_REVIEW = "code_review"
    TESTING = "testing"
    DEBUGGING = "debugging"
    REFACTORING = "refactoring"
    DOCUMENTATION = "documentation"
    SUMMARIZATION = "summarization"
    EXTRACTION = "extraction"
    CLASSIFICATION = "classification"
    TRANSLATION = "translation"
    EMBEDDING = "embedding"
    RETRIEVAL = "retrieval"
    MEDIA = "media"
    UNKNOWN = "unknown"


class Complexity(Vocabulary):
    """How hard the task was, in the application's own judgement."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"
    UNKNOWN = "unknown"
