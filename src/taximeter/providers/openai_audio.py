"""OpenAI audio: transcriptions, translations and speech; Mistral's and other compatible ones too.

Documented (2026-11) at platform.openai.com/docs/api-reference/audio (createTranscription, transcript.text.done,
createSpeech, speech.audio.done), docs.mistral.ai/api/#tag/audio.
"""

from collections.abc import Mapping
from typing import Any, ClassVar

from taximeter.providers.answer import Answer
from taximeter.providers.counters import split_input, split_output, usage_of
from taximeter.providers.openai_chat import read_usage, reported_cost
from taximeter.providers.pieces import note_pieces
from taximeter.providers.values import (
    as_mapping,
    as_text,
    count_of,
)
from taximeter.usage import Usage


class AudioAnswer(Answer):
    """A transcript or spoken text: counted in tokens by the newer models, in seconds by the older ones.

    Who asks for text or subtitles gets nothing else, so those have no usage.
    """

    text_types: ClassVar[frozenset[str]] = frozenset(
        {"application/x-subrip", "text/plain", "text/srt", "text/vtt"}
    )

    def add(self, document: Mapping[str, Any]) -> None:
        """Take a response or one event of its stream."""
        self.note_failure(document)
        self.note_identity(document)
        self.note_finish(0, document.get("finish_reason"))
        self.has_output = True
        if (as_text(document.get("type")) or "").endswith(".done"):
            self.complete = self.usage_is_final = True
        if usage := as_mapping(document.get("usage")):
            self.facts.raw_usage = dict(usage)
        elif "duration" in document:  # Whisper's longest form has had it since before there was a usage
            self.facts.raw_usage = {"type": "duration", "seconds": document["duration"]}

    def settle(self) -> None:
        """Work out usage."""
        if not (raw := self.facts.raw_usage):
            return
        self.facts.reported_cost_usd = reported_cost(raw)
        self.facts.service_tier = as_text(raw.get("service_tier"))
        if "prompt_tokens" in raw:
            self.facts.usage = read_usage(raw, self.endpoint.provider)
            note_pieces(self.facts, raw)
        elif raw.get("type") == "duration":
            self.facts.usage = _duration(raw.get("seconds"))
        else:
            self.facts.usage = _tokens(raw)


def _tokens(raw: Mapping[str, Any]) -> Usage:
    inputs = as_mapping(raw.get("input_token_details") or raw.get("input_tokens_details"))
    outputs = as_mapping(raw.get("output_token_details") or raw.get("output_tokens_details"))
    return usage_of(
        split_input(count_of(raw, "input_tokens"), audio=count_of(inputs, "audio_tokens")),
        split_output(count_of(raw, "output_tokens"), audio=count_of(outputs, "audio_tokens")),
    )


def _duration(seconds: Any) -> Usage | None:
    if isinstance(seconds, str):  # as OpenAI's reference shows it
        seconds = float(seconds) if seconds.replace(".", "", 1).isdecimal() else None
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 <= seconds < 1e9:
        return None
    return Usage(units={"audio_ms": round(seconds * 1000)})
