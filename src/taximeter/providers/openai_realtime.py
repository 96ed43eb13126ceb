"""OpenAI realtime sessions, also Azure's and xAI's: websocket messages, one a line.

Each `response.done` has a usage of its own; a session is their sum. Documented (2026-11) at
platform.openai.com/docs/api-reference/realtime-server-events/response/done, docs.x.ai/docs/guides/voice.
"""

from collections.abc import Mapping
from typing import Any, ClassVar

from taximeter.framing import Framing, JsonLines
from taximeter.providers.answer import Answer
from taximeter.providers.counters import split_input, split_output, usage_of
from taximeter.providers.values import (
    as_items,
    as_mapping,
    as_text,
    count_of,
)
from taximeter.usage import Usage

_TRANSCRIBED = "conversation.item.input_audio_transcription.completed"


class RealtimeAnswer(Answer):
    """A session, answered by the model that it was opened with."""

    framing: ClassVar[type[Framing]] = JsonLines

    def __init__(self, endpoint: Any) -> None:
        super().__init__(endpoint)
        self._transcription_model: str | None = None
        self._spent = Usage()
        self._transcribed = Usage()
        self._usages: list[dict[str, Any]] = []

    def add(self, document: Mapping[str, Any]) -> None:
        """Take one message: the event itself, or a recorded frame that holds it under `data`."""
        if "direction" in document:
            if document["direction"] != "received":
                return
            document = as_mapping(document.get("data"))
        kind = as_text(document.get("type")) or ""
        if kind in {"session.created", "session.updated"}:
            self._add_session(as_mapping(document.get("session")))
        elif kind == "response.done":
            self._add_response(document)
        elif kind == _TRANSCRIBED and (usage := as_mapping(document.get("usage"))):
            self._transcribed += read_usage(usage)
        elif kind.endswith(".delta"):
            self.has_output = True
        elif kind == "error":
            self.note_failure(document)
        elif not kind:  # no message: a response that somebody kept, or what we keep of a session
            for usage in as_items(document.get("responses")) or as_items([document.get("usage")]):
                self._add_usage(usage)

    def settle(self) -> None:
        """Add the session up."""
        facts = self.facts
        if self._spent.is_empty:
            return
        self.complete = True
        facts.usage = self._spent
        facts.raw_usage = {"responses": self._usages}
        if not self._transcribed.is_empty:
            facts.charges = ((None, self._spent), (self._transcription_model, self._transcribed))

    def _add_session(self, session: Mapping[str, Any]) -> None:
        self.facts.model = as_text(session.get("model")) or self.facts.model
        audio = as_mapping(as_mapping(session.get("audio")).get("input"))
        for holder in (session.get("input_audio_transcription"), audio.get("transcription")):
            self._transcription_model = as_text(as_mapping(holder).get("model")) or self._transcription_model

    def _add_response(self, document: Mapping[str, Any]) -> None:
        response = as_mapping(document.get("response"))
        usage = as_mapping(response.get("usage")) or as_mapping(document.get("usage"))
        self._add_usage(usage)
        if not usage and response.get("status") == "failed":
            self.note_failure(as_mapping(response.get("status_details")))

    def _add_usage(self, usage: Mapping[str, Any]) -> None:
        if usage:
            self._spent += read_usage(usage)
            self._usages = [*self._usages[-31:], dict(usage)]  # a long session keeps its last ones


def read_usage(raw: Mapping[str, Any]) -> Usage:
    """Return the usage of one response; the details are part of the totals."""
    inputs = as_mapping(raw.get("input_token_details"))
    outputs = as_mapping(raw.get("output_token_details"))
    cached = as_mapping(inputs.get("cached_tokens_details"))
    return usage_of(
        split_input(
            count_of(raw, "input_tokens"),
            cache_read=count_of(inputs, "cached_tokens"),
            audio=count_of(inputs, "audio_tokens"),
            cached_audio=count_of(cached, "audio_tokens"),
            image=count_of(inputs, "image_tokens"),
        ),
        split_output(
            count_of(raw, "output_tokens"),
            reasoning=count_of(outputs, "reasoning_tokens"),
            audio=count_of(outputs, "audio_tokens"),
        ),
    )
