"""Anthropic messages, whole and streamed.

Documented (2026-11) at docs.anthropic.com/en/api/messages, /en/docs/build-with-claude/streaming,
/en/docs/build-with-claude/prompt-caching (the counts beside one another), /en/api/service-tiers.
"""

from collections.abc import Mapping
from typing import Any, ClassVar, TypedDict

import msgspec

from taximeter.providers.answer import Answer
from taximeter.providers.facts import RequestFacts
from taximeter.providers.openai_chat import reported_cost
from taximeter.providers.request import NamedTool, text_of, tool_names
from taximeter.providers.shape import Count, Object, Text, shaped
from taximeter.providers.values import (
    as_items,
    as_text,
    merged,
)
from taximeter.usage import Usage

_SERVER_TOOLS = ("server_tool_use", "mcp_tool_use")


class _Block(msgspec.Struct, gc=False):
    type: Any = None


class _Delta(msgspec.Struct, gc=False):
    stop_reason: Any = None


class _Start(msgspec.Struct, gc=False):
    id: Text = None
    model: Text = None
    usage: Object = None


class MessagesDocument(_Start, gc=False):
    """The fields of a message or of a stream event that are read."""

    type: Any = None
    content: list[_Block] | None = None
    stop_reason: Any = None
    message: _Start | None = None
    content_block: _Block | None = None
    delta: _Delta | None = None
    error: Any = None


class _CacheWrites(msgspec.Struct, gc=False):
    ephemeral_5m_input_tokens: Count = None
    ephemeral_1h_input_tokens: Count = None


class _OutputDetails(msgspec.Struct, gc=False):
    thinking_tokens: Count = None


class _ServerTools(msgspec.Struct, gc=False):
    web_search_requests: Count = None


class MessageCounts(msgspec.Struct, gc=False):
    """The counts of a usage."""

    input_tokens: Count = None
    cache_read_input_tokens: Count = None
    cache_creation_input_tokens: Count = None
    cache_creation: _CacheWrites | None = None
    output_tokens: Count = None
    output_tokens_details: _OutputDetails | None = None
    server_tool_use: _ServerTools | None = None


_NO_SPLIT, _NO_OUTPUT = _CacheWrites(), _OutputDetails()


class MessagesRequest(TypedDict, total=False):
    """The fields of a request that are read."""

    model: Any
    stream: Any
    service_tier: Any
    system: msgspec.Raw
    tools: list[NamedTool] | None


class MessagesAnswer(Answer):
    """A message; the counts of a later stream event replace the earlier ones, never add to them."""

    shape: ClassVar[Any] = MessagesDocument
    request_shape: ClassVar[Any] = MessagesRequest

    @staticmethod
    def read_request(body: Mapping[str, Any]) -> RequestFacts:
        """Return what the request tells."""
        return RequestFacts(
            model=as_text(body.get("model")),
            streaming=body.get("stream") is True,
            system_prompt=text_of(body.get("system")) or None,
            tool_names=tool_names(body.get("tools")),
            service_tier=as_text(body.get("service_tier")),
        )

    def is_plain(self, document: bytes) -> bool:
        """Whether the event is a piece of a block, which tells nothing but text."""
        return b'"content_block_delta"' in document[:64]

    def add(self, document: Any) -> None:
        """Take a message or one event of its stream."""
        if not isinstance(document, MessagesDocument):
            document = shaped(document, MessagesDocument)
        kind = document.type
        if kind == "message_start":
            self._start(document.message or _Start())
        elif kind == "content_block_start":
            self._add_block(document.content_block or _Block())
        elif kind == "content_block_delta":
            self.has_output = True
        elif kind == "message_delta":
            self._add_delta(document)
        elif kind == "message_stop":
            self.complete = True
        elif kind == "error" or document.error is not None:
            self.note_failure({"error": document.error})
        elif kind == "message" or document.content or document.usage is not None:
            self._add_message(document)
            self.usage_is_final = True

    def settle(self) -> None:
        """Work out usage and what moves the price."""
        facts = self.facts
        raw = facts.raw_usage
        if not raw:
            return
        facts.usage = read_usage(raw)
        facts.reported_cost_usd = reported_cost(raw)  # OpenRouter's, in this format too
        facts.service_tier = as_text(raw.get("service_tier"))
        context = {name: text for name in ("speed", "inference_geo") if (text := as_text(raw.get(name)))}
        facts.price_context = context or None
        if "iterations" in raw:
            facts.charges = read_charges(raw, facts.usage)

    def _start(self, message: _Start) -> None:
        """Take the empty message that a stream begins with; blocks and the stop reason have events of their own."""
        self.note_names(message.id, message.model)
        self._note_usage(message.usage)

    def _add_message(self, message: MessagesDocument) -> None:
        self.note_names(message.id, message.model)
        self.note_finish(0, message.stop_reason)
        for block in message.content or ():
            self._add_block(block)
            self.has_output = True
        self._note_usage(message.usage)

    def _add_block(self, block: _Block) -> None:
        kind = block.type
        if kind == "tool_use":
            self.facts.tool_call_count += 1
            self.has_output = True
        elif kind in _SERVER_TOOLS:
            self.facts.server_tool_call_count += 1

    def _add_delta(self, document: MessagesDocument) -> None:
        if document.delta is not None:
            self.note_finish(0, document.delta.stop_reason)
        if document.usage:
            self.usage_is_final = True
        self._note_usage(document.usage)

    def _note_usage(self, usage: dict[str, Any] | None) -> None:
        if usage:
            self.facts.raw_usage = merged(self.facts.raw_usage, usage)


def read_usage(raw: Mapping[str, Any]) -> Usage:
    """Return the usage of a message; its input count leaves cached tokens out, as ours does."""
    counts = shaped(raw, MessageCounts)
    write_5m, write_1h = _cache_writes(counts)
    return Usage(
        uncached_input_tokens=counts.input_tokens,
        cache_read_tokens=counts.cache_read_input_tokens,
        cache_write_5m_tokens=write_5m,
        cache_write_1h_tokens=write_1h,
        text_output_tokens=counts.output_tokens,
        reasoning_tokens=(counts.output_tokens_details or _NO_OUTPUT).thinking_tokens,
        units=_units(counts.server_tool_use),
    )


def read_charges(raw: Mapping[str, Any], usage: Usage) -> tuple[tuple[str | None, Usage], ...]:
    """Return what to price where several models or hidden turns were at work, else nothing.

    `iterations` lists each turn of a call: compaction and advisor turns are not in the top-level counts, and a
    fallback's or an advisor's turn names its own model.
    """
    iterations = as_items(raw.get("iterations"))
    if not iterations:
        return ()
    turns = tuple((as_text(turn.get("model")), read_usage(turn)) for turn in iterations)
    if usage.units:
        turns = (*turns, (None, Usage(units=usage.units)))
    return turns


def _units(tools: _ServerTools | None) -> dict[str, int] | None:
    return {"web_search": tools.web_search_requests} if tools and tools.web_search_requests else None


def _cache_writes(counts: MessageCounts) -> tuple[int | None, int | None]:
    """Split the cache writes by lifetime.

    The total is the newer number when a stream's end revises it and leaves the split as it was, so the split is only
    followed as far as the total goes.
    """
    total, split = counts.cache_creation_input_tokens, counts.cache_creation or _NO_SPLIT
    write_1h = split.ephemeral_1h_input_tokens
    if total is None:
        return split.ephemeral_5m_input_tokens, write_1h
    if write_1h is None:
        return total, None
    write_1h = min(write_1h, total)
    return total - write_1h, write_1h
