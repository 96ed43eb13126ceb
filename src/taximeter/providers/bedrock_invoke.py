"""Bedrock invoke and invoke-with-response-stream: every family has its own body.

What a family leaves out stands in the response's headers, or in `amazon-bedrock-invocationMetrics` in the last event
of a stream. Documented (2026-11) at docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_InvokeModel.html
(headers), API_runtime_InvokeModelWithResponseStream.html, docs.aws.amazon.com/bedrock/latest/userguide/
model-parameters.html (the bodies).
"""

from base64 import b64decode
from collections.abc import Mapping
from typing import Any, ClassVar

import msgspec

from taximeter.framing import AwsEventStream, Framing
from taximeter.providers.answer import Answer, UnreadableDocumentError
from taximeter.providers.anthropic_messages import MessagesAnswer
from taximeter.providers.bedrock_converse import (
    ConverseAnswer,
    names_failure,
    note_failure_event,
    read_usage,
)
from taximeter.providers.cohere import CohereAnswer
from taximeter.providers.facts import RequestFacts
from taximeter.providers.openai_chat import ChatAnswer
from taximeter.providers.request import system_text, text_of, tool_names
from taximeter.providers.text_completion import TextAnswer
from taximeter.providers.values import as_count, as_items, as_mapping, as_text, merged
from taximeter.usage import Usage

METRICS = "amazon-bedrock-invocationMetrics"

_HEADERS = {
    "x-amzn-bedrock-input-token-count": "inputTokenCount",
    "x-amzn-bedrock-output-token-count": "outputTokenCount",
    "x-amzn-bedrock-cache-read-input-token-count": "cacheReadInputTokenCount",
    "x-amzn-bedrock-cache-write-input-token-count": "cacheWriteInputTokenCount",
}
_CONVERSE_FIELDS = frozenset(
    {
        "contentBlockDelta",
        "contentBlockStart",
        "contentBlockStop",
        "messageStart",
        "messageStop",
        "metadata",
        "output",
    }
)


class ChoicesAnswer(ChatAnswer):
    """The choices of Mistral Large and DeepSeek, whose end has a name of its own (`stop_reason`)."""

    def add(self, document: Mapping[str, Any]) -> None:
        """Take a body or one event of a stream."""
        super().add(document)
        for choice in as_items(document.get("choices")):
            if "finish_reason" not in choice:  # beside it, vLLM's `stop_reason` is the string that was hit
                self.note_finish(as_count(choice.get("index")) or 0, choice.get("stop_reason"))


class InvokeAnswer(Answer):
    """A body of any family, read by the family's own rules, with what it lacks filled in by Bedrock's counts."""

    framing: ClassVar[type[Framing]] = AwsEventStream
    reads_headers: ClassVar[bool] = True

    def __init__(self, endpoint: Any) -> None:
        super().__init__(endpoint)
        self._family: Answer | None = None
        self._counts: Mapping[str, Any] = {}

    @staticmethod
    def read_request(body: Mapping[str, Any]) -> RequestFacts:
        """Return what the request tells; the model stands in the URL."""
        return RequestFacts(
            system_prompt=text_of(body.get("system")) or system_text(body.get("messages")),
            tool_names=tool_names(body.get("tools"))
            or tool_names(as_mapping(body.get("toolConfig")).get("tools")),
        )

    @classmethod
    def as_response(cls, document: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return *document*, or what only the headers or the metrics count as the metrics of a response."""
        told = {name.lower(): value for name, value in document.items()}
        if counts := {count: told[header] for header, count in _HEADERS.items() if header in told}:
            return {METRICS: counts}
        return {METRICS: document} if "inputTokenCount" in document else document

    def is_plain(self, document: bytes) -> bool:  # noqa: ARG002 - every format is asked with it
        """No event is: the frame of an error may be empty, with nothing but its name."""
        return False

    def add(self, document: Mapping[str, Any]) -> None:
        """Take a body, or one event of a stream, which holds the family's own event in base64."""
        if names_failure(self.event):
            return  # see settle
        if isinstance(encoded := document.get("bytes"), str):
            document = _decoded(encoded)
        if metrics := as_mapping(document.get(METRICS)):
            self._counts = metrics
        family = self._family = self._family or self._choose(document)
        family.add(document)
        self.has_output = family.has_output

    def see_headers(self, headers: Mapping[str, str]) -> None:
        """Take the counts in the headers where no event has told them."""
        counts = {count: headers[header] for header, count in _HEADERS.items() if header in headers}
        self._counts = merged(counts, self._counts)

    def settle(self) -> None:
        """Work out usage: the body's own counts first."""
        facts = self.facts
        note_failure_event(self)
        if self._family is not None:
            self._family.settle()
            self._finish_reasons = self._family._finish_reasons  # noqa: SLF001 - the same class, one level in
            self.complete = self.complete or self._family.complete or bool(self._finish_reasons)
            self.usage_is_final = self._family.usage_is_final
        rest = read_usage(self._counts)
        if not rest.is_empty:
            facts.usage = rest if facts.usage is None else _filled(facts.usage, rest)
            facts.raw_usage = merged(self._counts, facts.raw_usage or {})

    def _choose(self, document: Mapping[str, Any]) -> Answer:
        kind: type[Answer] = TextAnswer
        counts = as_mapping(document.get("usage"))
        if as_text(document.get("type")) not in {None, "completion"} or "input_tokens" in counts:
            kind = MessagesAnswer
        elif "choices" in document or "prompt_tokens" in counts:
            kind = ChoicesAnswer
        elif "event_type" in document or "generation_id" in document:
            kind = CohereAnswer
        elif _CONVERSE_FIELDS & document.keys() or "inputTokens" in counts:
            kind = ConverseAnswer
        family = kind(self.endpoint)
        family.facts = self.facts
        return family


def _decoded(encoded: str) -> Mapping[str, Any]:
    try:
        return as_mapping(msgspec.json.decode(b64decode(encoded)))
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise UnreadableDocumentError from error


def _filled(usage: Usage, rest: Usage) -> Usage:
    """Return *usage* with what it does not know at all taken from *rest*."""
    inputs = usage if usage.input_tokens is not None else rest
    outputs = usage if usage.output_tokens is not None else rest
    return Usage(
        uncached_input_tokens=inputs.uncached_input_tokens,
        cache_read_tokens=inputs.cache_read_tokens,
        cache_write_5m_tokens=inputs.cache_write_5m_tokens,
        cache_write_1h_tokens=inputs.cache_write_1h_tokens,
        audio_input_tokens=inputs.audio_input_tokens,
        text_output_tokens=outputs.text_output_tokens,
        audio_output_tokens=outputs.audio_output_tokens,
        reasoning_tokens=outputs.reasoning_tokens,
        units=usage.units,
    )
