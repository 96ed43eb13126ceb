"""Estimate: the tokens of a stream that was cut before anyone counted them, from the length of its texts.

Four bytes of UTF-8 count as one token. OpenAI gives four characters a token for English
(help.openai.com/en/articles/4936856, read 2026-11); in bytes the rule also holds, roughly, for scripts of several bytes
a letter. It is a guess, and events that rest on it say so.
"""

from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

import msgspec

from taximeter.providers.answer import UNREADABLE
from taximeter.providers.facts import Facts
from taximeter.usage import Usage

BYTES_PER_TOKEN = 4

TEXT_FIELDS = frozenset(
    {
        "arguments",
        "content",
        "delta",
        "generated_text",
        "input",
        "outputText",
        "partial_json",
        "reasoning",
        "reasoning_content",
        "refusal",
        "response",
        "text",
        "thinking",
        "transcript",
    }
)
"""Fields that hold generated text, in one format or another."""

PROMPT_FIELDS = (
    "messages",
    "contents",
    "input",
    "prompt",
    "system",
    "systemInstruction",
    "system_instruction",
    "instructions",
    "preamble",
    "message",
)
"""Fields of a request that hold what the model reads."""

_DEPTH_LIMIT = 12
_UNREAD_LIMIT_BYTES = 64 * 1024
"""What is kept of a stream until someone asks for its length, or it gets too long."""

_REQUEST_LIMIT_BYTES = 2 * 1024 * 1024
"""Larger requests are mostly pictures, whose bytes say nothing."""


class TextLength:
    """Adds up how much text a stream has brought, and looks at as little of it as it can.

    Chunks that hold nothing but text differ from one another in their text alone. So the first one tells how many
    bytes of a chunk are none, and of the others only the size is noted.
    """

    __slots__ = ("_first", "_plain_bytes", "_plain_count", "_read_bytes", "_unread", "_unread_bytes")

    def __init__(self) -> None:
        self._first = b""
        self._plain_bytes = 0
        self._plain_count = 0
        self._read_bytes = 0
        self._unread: list[bytes] = []
        self._unread_bytes = 0

    def note_plain(self, document: bytes) -> None:
        """Take the next chunk that holds nothing but text, undecoded."""
        if not self._plain_count:
            self._first = document
        self._plain_bytes += len(document)
        self._plain_count += 1

    def note_passed(self, text_bytes: int) -> None:
        """Take chunks that nobody looked into, by the length of their texts."""
        self._read_bytes += text_bytes

    def note(self, document: Any) -> None:
        """Take any other chunk, decoded."""
        if not repeats(document):
            self._read_bytes += text_bytes(document)

    def note_json(self, document: bytes) -> None:
        """The same, undecoded: most streams are not cut, and nobody asks how long their texts were."""
        self._unread.append(document)
        self._unread_bytes += len(document)
        if self._unread_bytes > _UNREAD_LIMIT_BYTES:
            self._read()

    def _read(self) -> None:
        unread, self._unread, self._unread_bytes = self._unread, [], 0
        for document in unread:
            with suppress(*UNREADABLE):
                self.note(msgspec.json.decode(document))

    @property
    def in_bytes(self) -> int:
        """The text so far, in bytes of UTF-8, roughly."""
        self._read()
        return self._read_bytes + max(self._plain_bytes - self._plain_count * self._frame_bytes(), 0)

    def _frame_bytes(self) -> int:
        try:
            return len(self._first) - text_bytes(msgspec.json.decode(self._first or b"{}"))
        except UNREADABLE:
            return 0


def repeats(document: Any) -> bool:
    """Whether an event of OpenAI's responses tells again, as a whole, what came in pieces."""
    kind = document.get("type") if isinstance(document, Mapping) else None
    return isinstance(kind, str) and kind.startswith("response.") and not kind.endswith(".delta")


def _length(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode("utf-8", "replace"))


Measure = Callable[[str], int]
"""How long a text is."""


def text_bytes(value: Any, depth: int = _DEPTH_LIMIT, measure: Measure = _length) -> int:
    """Return how many bytes of text stand in a decoded chunk or answer, in fields that are known to hold text.

    Args:
        value: The chunk or answer.
        depth: How deep to look.
        measure: Counts something else than bytes.
    """
    if isinstance(value, Mapping):
        return sum(_field_bytes(name, item, depth, measure) for name, item in value.items())
    if isinstance(value, list | tuple) and depth:
        return sum(text_bytes(item, depth - 1, measure) for item in value)
    return 0


def _field_bytes(name: Any, item: Any, depth: int, measure: Measure) -> int:
    if isinstance(item, str):
        return measure(item) if name in TEXT_FIELDS else 0
    if isinstance(item, list | tuple) and name in TEXT_FIELDS:
        return sum(
            measure(part) if isinstance(part, str) else text_bytes(part, depth - 1, measure) for part in item
        )
    return text_bytes(item, depth - 1, measure) if depth else 0


def prompt_bytes(request: bytes | Mapping[str, Any] | None) -> int | None:
    """Return how many bytes of text a request holds, its tools included; None where it cannot be told."""
    if request is None or (isinstance(request, bytes) and len(request) > _REQUEST_LIMIT_BYTES):
        return None
    try:
        body = msgspec.json.decode(request) if isinstance(request, bytes) else request
        if not isinstance(body, Mapping):
            return None
        tools = body.get("tools")
        return sum(map(text_length, prompt_texts(body))) + (len(msgspec.json.encode(tools)) if tools else 0)
    except (*UNREADABLE, TypeError):
        return None


def prompt_texts(body: Mapping[str, Any]) -> list[Any]:
    """Return the fields of a request that hold what the model reads, tools left out."""
    return [body[name] for name in PROMPT_FIELDS if body.get(name)]


def text_length(value: Any, measure: Measure = _length) -> int:
    """Return how many bytes of text such a field holds, or how much of what is measured instead."""
    return measure(value) if isinstance(value, str) else text_bytes(value, measure=measure)


def tokens_of(length_bytes: int) -> int:
    """Return the tokens of so many bytes of text."""
    return -(-length_bytes // BYTES_PER_TOKEN)


def add_estimate(facts: Facts, output_bytes: int, request: bytes | Mapping[str, Any] | None) -> None:
    """Fill in what a cut stream leaves uncounted: its output, and its input where nobody has told that either.

    Args:
        facts: Of a stream without its end; what was counted in them is a lower bound.
        output_bytes: The text that has come.
        request: The request's body; None where it is not known.
    """
    usage = facts.usage or Usage()
    guess, counted = tokens_of(output_bytes), usage.text_output_tokens or 0
    output = max(guess, counted)
    taken = prompt_bytes(request) if usage.input_tokens is None else None
    # A count that says no more than the text does is the one that Anthropic's streams begin with.
    if not output or (taken is None and (not guess or guess < counted)):
        return
    facts.usage = msgspec.structs.replace(usage, text_output_tokens=output)
    if taken is not None:
        facts.usage = msgspec.structs.replace(facts.usage, uncached_input_tokens=tokens_of(taken))
    facts.charges, facts.partial, facts.estimated = (), False, True
