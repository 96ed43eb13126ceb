"""Bedrock converse and converse-stream, and the Nova models' own format, which is the same.

Documented (2026-11) at docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html,
API_runtime_ConverseStream.html, API_runtime_TokenUsage.html; docs.aws.amazon.com/nova/latest/userguide/
complete-request-schema.html.
"""

from collections.abc import Mapping
from typing import Any, ClassVar, TypedDict

import msgspec

from taximeter.framing import AwsEventStream, Framing
from taximeter.providers.answer import Answer, nested
from taximeter.providers.facts import RequestFacts
from taximeter.providers.failure import failure_of
from taximeter.providers.request import text_of, tool_names
from taximeter.providers.shape import Count, shaped
from taximeter.providers.values import (
    as_items,
    as_mapping,
    as_text,
    first_known,
    merged,
)
from taximeter.usage import Usage


class ConverseRequest(TypedDict, total=False):
    """The fields of a request that are read."""

    system: msgspec.Raw
    toolConfig: Any
    serviceTier: Any


class _CacheWrite(msgspec.Struct, gc=False, rename="camel"):
    ttl: Any = None
    input_tokens: Count = None


class ConverseCounts(msgspec.Struct, gc=False, rename="camel"):
    """The counts of a usage, under both names that they have."""

    input_tokens: Count = None
    input_token_count: Count = None
    output_tokens: Count = None
    output_token_count: Count = None
    cache_read_input_tokens: Count = None
    cache_read_input_token_count: Count = None
    cache_write_input_tokens: Count = None
    cache_write_input_token_count: Count = None
    cache_details: list[_CacheWrite] | None = None


class ConverseAnswer(Answer):
    """A conversation's next message; a stream's usage comes in the `metadata` event after the message's end."""

    request_shape: ClassVar[Any] = ConverseRequest
    framing: ClassVar[type[Framing]] = AwsEventStream

    @staticmethod
    def read_request(body: Mapping[str, Any]) -> RequestFacts:
        """Return what the request tells; the model stands in the URL."""
        return RequestFacts(
            system_prompt=text_of(body.get("system")) or None,
            tool_names=tool_names(as_mapping(body.get("toolConfig")).get("tools")),
            service_tier=as_text(as_mapping(body.get("serviceTier")).get("type")),
        )

    def is_plain(self, document: bytes) -> bool:
        """Whether the event is a piece of text; the frame of an error may be empty, with nothing but its name."""
        return b'"delta":{"text":' in document  # no text can hold these bytes: quotes in it are escaped

    def add(self, document: Mapping[str, Any]) -> None:
        """Take a response or one event of its stream, which the frame names."""
        if names_failure(self.event):
            return  # see settle
        events = {self.event: document} if self.event else document
        if "output" in events:
            self._add_message(nested(events, "output", "message"))
        if "contentBlockStart" in events:
            self._add_block(nested(events, "contentBlockStart", "start"))
        if "contentBlockDelta" in events:
            self.has_output = True
        self.note_finish(0, events.get("stopReason"))
        self._note_usage(events)
        if "messageStop" in events:
            self.note_finish(0, as_mapping(events["messageStop"]).get("stopReason"))
        if "metadata" in events:
            self._note_usage(as_mapping(events["metadata"]))

    def settle(self) -> None:
        """Work out usage, and whether the stream ended in an error, whose frame may hold no document."""
        facts = self.facts
        note_failure_event(self)
        self.complete = self.complete or bool(self._finish_reasons)
        if raw := facts.raw_usage:
            facts.usage = read_usage(raw)

    def _add_message(self, message: Mapping[str, Any]) -> None:
        for block in as_items(message.get("content")):
            self._add_block(block)
            self.has_output = True

    def _add_block(self, block: Mapping[str, Any]) -> None:
        tool = as_mapping(block.get("toolUse"))
        if tool.get("type") == "server_tool_use":
            self.facts.server_tool_call_count += 1
        elif tool:
            self.facts.tool_call_count += 1

    def _note_usage(self, holder: Mapping[str, Any]) -> None:
        if usage := as_mapping(holder.get("usage")):
            self.facts.raw_usage = merged(self.facts.raw_usage, usage)
            self.usage_is_final = True
        if "serviceTier" in holder and (tier := as_text(as_mapping(holder["serviceTier"]).get("type"))):
            self.facts.service_tier = tier


def note_failure_event(answer: Answer) -> None:
    """Keep the error that the name of the last event tells of, if it does."""
    if names_failure(answer.event):
        facts = answer.facts
        facts.error_type, facts.error_status, facts.error_retryable = failure_of(answer.event, None)


def names_failure(event: str) -> bool:
    """Return whether a frame's name is an exception's or an error code; events begin with a small letter."""
    return event.endswith("Exception") or event[:1].isupper()


def read_usage(raw: Mapping[str, Any]) -> Usage:
    """Return the usage; the input count leaves cached tokens out, as ours does.

    The cache counts come under two names that mean the same; the writes may be listed by lifetime.
    """
    counts = shaped(raw, ConverseCounts)
    write = first_known(counts.cache_write_input_tokens, counts.cache_write_input_token_count)
    write_1h = sum(detail.input_tokens or 0 for detail in counts.cache_details or () if detail.ttl == "1h")
    write_1h = min(write_1h, write or 0)
    return Usage(
        uncached_input_tokens=first_known(counts.input_tokens, counts.input_token_count),
        cache_read_tokens=first_known(counts.cache_read_input_tokens, counts.cache_read_input_token_count),
        cache_write_5m_tokens=None if write is None else write - write_1h,
        cache_write_1h_tokens=write_1h or None,
        text_output_tokens=first_known(counts.output_tokens, counts.output_token_count),
    )
