"""Said: the texts of a call, in plain, for those who ask for them with the privacy level `full`."""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any

import msgspec

from taximeter.event import CallContentEvent, CallContentPayload
from taximeter.privacy import SLACK, Privacy
from taximeter.providers.answer import UNREADABLE
from taximeter.providers.estimate import PROMPT_FIELDS, TEXT_FIELDS, repeats
from taximeter.providers.payload import as_document

_MORE_PROMPT_FIELDS = ("query", "question", "documents", "texts", "inputs", "inputText")
_ARGUMENTS = frozenset({"input", "args", "arguments"})
_DEPTH_LIMIT = 16

Text = tuple[str, str]
"""The name of the field that a text stands in, and the text."""


class Said(msgspec.Struct, frozen=True):
    """What was said in a call: the prompt, and the beginning of the answer with its whole length."""

    prompt: str | None = None
    answer: str | None = None
    answer_characters: int | None = None

    def event(self, event_id: str, limit: int) -> CallContentEvent:
        """Return it as an event beside that of the call.

        Args:
            event_id: Of the call's event.
            limit: How many characters of each text are kept.
        """
        payload = CallContentPayload(
            call_event_id=event_id,
            prompt=_clipped(self.prompt, limit),
            answer=_clipped(self.answer, limit),
            prompt_characters=None if self.prompt is None else len(self.prompt),
            answer_characters=self.answer_characters or (None if self.answer is None else len(self.answer)),
        )
        return CallContentEvent(payload=payload)


def _clipped(text: str | None, limit: int) -> str | None:
    """Return as much of a text as `Privacy.cut` wants to see."""
    return None if text is None else text[: limit + SLACK]


class AnswerText:
    """Puts together what an answer says, document by document; keeps its beginning and how long it is.

    Args:
        limit: How many characters anybody keeps.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit + SLACK
        self._parts: list[str] = []
        self._kept = 0
        self._last = ""
        self.characters = 0
        """How long it is so far."""

    @property
    def text(self) -> str | None:
        """Its beginning; None where nothing was said."""
        return "".join(self._parts) or None

    def add(self, document: Any, *, is_whole: bool = False) -> None:
        """Take the next event of a stream, or the one document that is the whole answer."""
        if repeats(document) and not is_whole:
            return
        kind = document.get("type") if isinstance(document, Mapping) else None
        for name, text in texts_of(document):
            place = f"{kind} {name}"
            is_apart = self.characters and (is_whole or place != self._last)
            self._last = place
            self._put(f"\n{text}" if is_apart else text)

    def _put(self, text: str) -> None:
        self.characters += len(text)
        if self._kept < self._limit:
            self._parts.append(text[: self._limit - self._kept])
            self._kept += len(self._parts[-1])


def content_limit_of(tracker: Any) -> int:
    """Return how many characters of a prompt and an answer a tracker keeps; 0 where it keeps neither."""
    privacy: Privacy | None = getattr(tracker, "privacy", None)
    return privacy.content_limit if privacy is not None and privacy.keeps_content else 0


def text_of(given: Any) -> str | None:
    """Return what an application gives as a prompt or an output as text: messages a line each, bytes as UTF-8."""
    if isinstance(given, str):
        return given
    if isinstance(given, bytes | bytearray):
        return bytes(given).decode("utf-8", "replace")
    if isinstance(given, list | tuple):
        return prompt_of({"messages": given})
    return "\n".join(text for _, text in texts_of(given)) or None


def answer_of(response: Any) -> str | None:
    """Return what a provider's whole answer says: an SDK's object, a mapping, or its JSON; None for anything else."""
    if isinstance(response, str | bytes | bytearray):
        with suppress(*UNREADABLE):
            response = msgspec.json.decode(response)
    texts = [] if isinstance(response, str | bytes | bytearray) else texts_of(as_document(response))
    return "\n".join(text for _, text in texts) or None


def prompt_of(request: bytes | Mapping[str, Any] | None) -> str | None:
    """Return what a request says to the model, a message a line, each after its role; None where there is nothing.

    Args:
        request: Its body, as sent or decoded. Pictures, sounds and the descriptions of tools are left out.
    """
    body: Any = request
    if isinstance(request, bytes):
        with suppress(*UNREADABLE):
            body = msgspec.json.decode(request)
    if not isinstance(body, Mapping):
        return None
    named = ((name, body.get(name)) for name in (*PROMPT_FIELDS, *_MORE_PROMPT_FIELDS))
    return "\n".join(line for name, value in named if value for line in _lines(name, value)) or None


def _lines(name: str, value: Any) -> Iterator[str]:
    head = "system: " if name in {"system", "systemInstruction", "system_instruction", "instructions"} else ""
    for item in value if isinstance(value, list | tuple) else [value]:
        said = [item] if isinstance(item, str) else [text for _, text in texts_of(item)]
        role = item.get("role") if isinstance(item, Mapping) else None
        if said:
            yield (f"{role}: " if isinstance(role, str) else head) + "\n".join(said)


def texts_of(value: Any, depth: int = _DEPTH_LIMIT) -> Iterator[Text]:
    """Yield the texts of a decoded document, of the fields that hold any, in their order."""
    if isinstance(value, Mapping):
        for name, item in value.items():
            yield from _texts_in(str(name), item, depth)
    elif isinstance(value, list | tuple) and depth:
        for item in value:
            yield from texts_of(item, depth - 1)


def _texts_in(name: str, item: Any, depth: int) -> Iterator[Text]:
    if isinstance(item, str):
        if (name in TEXT_FIELDS or name == "message") and item:
            yield name, item
    elif isinstance(item, Mapping) and name in _ARGUMENTS:
        yield name, msgspec.json.encode(item, enc_hook=str).decode()
    elif isinstance(item, list | tuple) and name in TEXT_FIELDS and depth:
        for part in item:
            yield from [(name, part)] if isinstance(part, str) else texts_of(part, depth - 1)
    elif depth:
        yield from texts_of(item, depth - 1)
