"""Cohere: chat, generate, embed and rerank, versions 1 and 2.

`tokens` is what was processed, `billed_units` what is charged. Documented (2026-11) at docs.cohere.com/reference/chat,
/reference/chat-stream, /v1/reference/chat, /reference/embed, /reference/rerank, docs.cohere.com/docs/how-does-cohere-
pricing-work.
"""

from collections.abc import Mapping
from typing import Any, ClassVar, TypedDict

from taximeter.framing import Framing, JsonLines
from taximeter.providers.answer import Answer
from taximeter.providers.counters import split_input, split_output, usage_of
from taximeter.providers.facts import RequestFacts
from taximeter.providers.request import Message, system_text, tool_names
from taximeter.providers.values import (
    as_items,
    as_mapping,
    as_text,
    count_of,
    known_sum,
)
from taximeter.usage import Usage


class CohereDocument(TypedDict, total=False):
    """The fields of a response or of a stream event that are read."""

    id: Any
    response_id: Any
    generation_id: Any
    type: Any
    event_type: Any
    delta: Any
    message: Any
    response: Any
    generations: Any
    text: Any
    tool_calls: Any
    finish_reason: Any
    usage: Any
    meta: Any


class CohereRequest(TypedDict, total=False):
    """The fields of a request that are read."""

    model: Any
    stream: Any
    preamble: Any
    messages: list[Message]
    tools: Any


class CohereAnswer(Answer):
    """A response of version 2, whose stream is made of server-sent events."""

    shape: ClassVar[Any] = CohereDocument
    request_shape: ClassVar[Any] = CohereRequest

    @staticmethod
    def read_request(body: Mapping[str, Any]) -> RequestFacts:
        """Return what the request tells."""
        return RequestFacts(
            model=as_text(body.get("model")),
            streaming=body.get("stream") is True,
            system_prompt=as_text(body.get("preamble")) or system_text(body.get("messages")),
            tool_names=tool_names(body.get("tools")),
        )

    def is_plain(self, document: bytes) -> bool:
        """Whether the event is a piece of text."""
        return b'"content-delta"' in document or b'"text-generation"' in document

    def add(self, document: Mapping[str, Any]) -> None:
        """Take a response or one event of its stream."""
        kind = as_text(document.get("type")) or as_text(document.get("event_type")) or ""
        if kind.endswith(("-delta", "-generation")):
            self.has_output = True
        if kind == "message-start":
            self.note_identity(document)
        elif kind == "message-end":
            self._end(as_mapping(document.get("delta")))
        elif kind == "tool-call-start":
            self.facts.tool_call_count += 1
        elif kind == "stream-start":
            self.note_identity(document, "generation_id")
        elif kind == "stream-end":
            self._add_response(
                {**as_mapping(document.get("response")), "finish_reason": document.get("finish_reason")}
            )
            self.complete = True
        elif (
            kind not in {"tool-calls-generation", "citation-generation", "search-results"} and "-" not in kind
        ):
            self._add_response(document)
            self.complete = True

    def settle(self) -> None:
        """Work out usage, and what is charged where that is something else."""
        facts = self.facts
        if not (raw := facts.raw_usage):
            return
        tokens, billed = as_mapping(raw.get("tokens")), as_mapping(raw.get("billed_units"))
        units = {
            "search_unit": count_of(billed, "search_units") or 0,
            "classification": count_of(billed, "classifications") or 0,
            "image": count_of(billed, "images") or 0,
        }
        facts.usage = _usage(tokens or billed, count_of(raw, "cached_tokens"), units)
        charged = _usage(billed, None, units)
        if tokens and billed and charged != facts.usage:
            facts.charges = ((None, charged),)

    def _end(self, delta: Mapping[str, Any]) -> None:
        self.complete = self.usage_is_final = True
        self.note_finish(0, delta.get("finish_reason"))
        self.note_failure(delta)
        if usage := as_mapping(delta.get("usage")):
            self.facts.raw_usage = dict(usage)

    def _add_response(self, response: Mapping[str, Any]) -> None:
        message = response.get("message")
        if isinstance(message, str):  # an error; its id is the request's
            return
        self.has_output = True
        for name in ("generation_id", "id", "response_id"):
            self.note_identity(response, name)
        self.note_finish(0, response.get("finish_reason"))
        for index, generation in enumerate(as_items(response.get("generations"))):
            self.note_finish(index, generation.get("finish_reason"))
        calls = as_mapping(message).get("tool_calls") or response.get("tool_calls")
        self.facts.tool_call_count += len(as_items(calls))
        usage = as_mapping(response.get("usage")) or as_mapping(response.get("meta"))
        if "tokens" in usage or "billed_units" in usage:
            self.facts.raw_usage = {key: value for key, value in usage.items() if key in _USAGE_FIELDS}


class CohereLinesAnswer(CohereAnswer):
    """A response of version 1, whose stream is made of JSON lines."""

    framing: ClassVar[type[Framing]] = JsonLines


_USAGE_FIELDS = frozenset({"tokens", "billed_units", "cached_tokens"})


def _usage(counts: Mapping[str, Any], cached: int | None, units: dict[str, int]) -> Usage:
    image = count_of(counts, "image_tokens")
    return usage_of(
        split_input(known_sum(count_of(counts, "input_tokens"), image), cache_read=cached, image=image),
        split_output(count_of(counts, "output_tokens"), reasoning=count_of(counts, "reasoning_tokens")),
        units=units,
    )
