"""Gemini generateContent and streamGenerateContent, on Google AI and on Vertex.

Documented (2026-11) at ai.google.dev/api/generate-content (UsageMetadata, FinishReason),
cloud.google.com/vertex-ai/generative-ai/docs/reference/rest/v1/GenerateContentResponse.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, TypedDict

import msgspec

from taximeter.framing import Framing, JsonArray
from taximeter.providers.answer import LIMIT, UNREADABLE, Answer
from taximeter.providers.counters import split_input, split_output, usage_of
from taximeter.providers.endpoint import Endpoint
from taximeter.providers.facts import RequestFacts
from taximeter.providers.request import text_of, tool_names
from taximeter.providers.shape import Count, Object, Text, shaped
from taximeter.providers.values import (
    as_items,
    as_mapping,
    as_text,
    known_sum,
)
from taximeter.usage import Usage

FINISH_REASONS = (
    "FINISH_REASON_UNSPECIFIED",
    "STOP",
    "MAX_TOKENS",
    "SAFETY",
    "RECITATION",
    "OTHER",
    "BLOCKLIST",
    "PROHIBITED_CONTENT",
    "SPII",
    "MALFORMED_FUNCTION_CALL",
)
"""Vertex's enum by number, as a proxy that writes protobuf's integers sends it (aiplatform's content.proto, 2026-11)."""

GOOGLE_FINISH_REASONS = (*FINISH_REASONS[:6], "LANGUAGE", *FINISH_REASONS[6:], "IMAGE_SAFETY")
"""The same of Google AI, which counts a language in between (generativelanguage's generative_service.proto)."""

_NO_MODALITIES: dict[str, int] = {}
_BY_PROMPT = re.compile(r"(?:.*/)?gemini-(?:1|2|flash-1|pro-1)\b")
_MODALITIES = ("MODALITY_UNSPECIFIED", "TEXT", "IMAGE", "VIDEO", "AUDIO", "DOCUMENT")


class _Call(msgspec.Struct, gc=False):
    name: Any = None


class _Part(msgspec.Struct, gc=False, rename="camel"):
    function_call: _Call | None = None
    executable_code: Any = None
    tool_call: Any = None


class _Content(msgspec.Struct, gc=False):
    parts: list[_Part] | None = None


class _Candidate(msgspec.Struct, gc=False, rename="camel"):
    index: Count = None
    content: _Content | None = None
    finish_reason: Any = None
    grounding_metadata: Object = None


class _Feedback(msgspec.Struct, gc=False, rename="camel"):
    block_reason: Any = None


class GenerateDocument(msgspec.Struct, gc=False, rename="camel"):
    """The fields of a response or of one chunk that are read."""

    candidates: list[_Candidate] | None = None
    prompt_feedback: _Feedback | None = None
    usage_metadata: Object = None
    model_version: Text = None
    response_id: Text = None
    error: Any = None


class _Chunk(msgspec.Struct, gc=False):
    """What decides whether a chunk tells more than text and a running total."""

    candidates: list[_Candidate]
    error: Any = None


_glance = msgspec.json.Decoder(_Chunk)


class _Modality(msgspec.Struct, gc=False, rename="camel"):
    modality: Any = None
    token_count: Count = None
    tokens: Count = None


class GenerateCounts(msgspec.Struct, gc=False, rename="camel"):
    """The counts of a usage."""

    prompt_token_count: Count = None
    tool_use_prompt_token_count: Count = None
    cached_content_token_count: Count = None
    candidates_token_count: Count = None
    response_token_count: Count = None
    thoughts_token_count: Count = None
    total_token_count: Count = None
    prompt_tokens_details: list[_Modality] | None = None
    cache_tokens_details: list[_Modality] | None = None
    candidates_tokens_details: list[_Modality] | None = None
    response_tokens_details: list[_Modality] | None = None


class GenerateRequest(TypedDict, total=False):
    """The fields of a request that are read; the SDKs write either spelling."""

    systemInstruction: Any
    system_instruction: Any
    tools: Any
    serviceTier: Any


class GenerateAnswer(Answer):
    """A response; in a stream the usage of the last chunk counts, because it is the running total."""

    shape: ClassVar[Any] = GenerateDocument
    request_shape: ClassVar[Any] = GenerateRequest
    framing: ClassVar[type[Framing]] = JsonArray
    usage_name: ClassVar[str] = "usageMetadata"

    def __init__(self, endpoint: Endpoint) -> None:
        super().__init__(endpoint)
        self._searches: dict[int, int] = {}  # by candidate; what a chunk lists is all so far
        self._maps: set[int] = set()

    @staticmethod
    def read_request(body: Mapping[str, Any]) -> RequestFacts:
        """Return what the request tells; the model stands in the URL."""
        system = as_mapping(body.get("systemInstruction") or body.get("system_instruction"))
        return RequestFacts(
            system_prompt=text_of(system.get("parts")) or None,
            tool_names=tool_names(body.get("tools")),
            service_tier=as_text(body.get("serviceTier")),
        )

    def is_plain(self, document: bytes) -> bool:
        """Whether the chunk holds only more text."""
        return b'TokenCount"' not in document and _is_text(document)

    def is_passing(self, document: bytes) -> bool:
        """Whether the chunk holds more text and a running total, as nearly all do."""
        return b'TokenCount"' in document and _is_text(document)

    def add(self, document: Any) -> None:
        """Take a response or one chunk of it."""
        if not isinstance(document, GenerateDocument):
            document = shaped(document, GenerateDocument)
        if document.error is not None:
            self.note_failure({"error": document.error})
        self.note_names(document.response_id, document.model_version)
        for position, candidate in enumerate(document.candidates or ()):
            self._add_candidate(position if candidate.index is None else candidate.index, candidate)
        if document.prompt_feedback is not None and document.prompt_feedback.block_reason:
            self.complete = True  # a refused prompt has no candidate that could end
        if document.usage_metadata and _has_counts(document.usage_metadata):
            self.facts.raw_usage = dict(document.usage_metadata)

    def settle(self) -> None:
        """Work out usage and tier."""
        facts = self.facts
        self.complete = self.complete or bool(self._finish_reasons)
        if raw := facts.raw_usage:
            facts.usage = read_usage(raw)
            if (self._searches or self._maps) and (pieces := self._billed_pieces()):
                facts.usage = msgspec.structs.replace(facts.usage, units=pieces)
            facts.service_tier = as_text(raw.get("serviceTier"))
            if traffic := as_text(raw.get("trafficType")):
                facts.price_context = {"traffic_type": traffic}

    def _billed_pieces(self) -> dict[str, int]:
        """Return the searches on Google: up to Gemini 2 an answer that rests on some is billed, since then each search.

        Documented (2026-11) at ai.google.dev/gemini-api/docs/pricing, under "Grounding with Google Search" and "Maps".
        """
        searches = sum(self._searches.values())
        if searches and _BY_PROMPT.match(self.facts.model or self.endpoint.model or ""):
            searches = 1
        pieces = {"web_search": searches, "map_search": len(self._maps)}
        return {name: count for name, count in pieces.items() if count}

    def _note_grounding(self, index: int, grounding: Mapping[str, Any]) -> None:
        queries = grounding.get("webSearchQueries")
        if isinstance(queries, list) and index < LIMIT:
            self._searches[index] = max(len(queries), self._searches.get(index, 0))
        if index < LIMIT and any("maps" in chunk for chunk in as_items(grounding.get("groundingChunks"))):
            self._maps.add(index)

    def _add_candidate(self, index: int, candidate: _Candidate) -> None:
        reason = candidate.finish_reason
        if isinstance(reason, int):
            reason = self._word_of(reason)
        self.note_finish(index, reason)
        if candidate.grounding_metadata:
            self._note_grounding(index, candidate.grounding_metadata)
        for part in (candidate.content and candidate.content.parts) or ():
            self.has_output = True
            # Arguments may be streamed too: only the first part of such a call has its name.
            if part.function_call is not None and part.function_call.name:
                self.facts.tool_call_count += 1
            if part.executable_code or part.tool_call:
                self.facts.server_tool_call_count += 1

    def _word_of(self, reason: int) -> str | int:
        words = GOOGLE_FINISH_REASONS if self.endpoint.provider == "google" else FINISH_REASONS
        return words[reason] if 0 <= reason < len(words) else reason


def _has_counts(usage: Mapping[str, Any]) -> bool:
    """Whether there is more than a traffic type, which is all that Vertex's first chunks have."""
    for name in usage:  # noqa: SIM110 - `any` costs as much again where the first name decides
        if "TokenCount" in name:
            return True
    return False


def _is_text(document: bytes) -> bool:
    try:
        chunk = _glance.decode(document)
    except UNREADABLE:
        return False
    for candidate in chunk.candidates:  # a loop: `all` costs as much again for the one candidate there is
        if not _is_open(candidate):
            return False
    return chunk.error is None


def _is_open(candidate: _Candidate) -> bool:
    if candidate.finish_reason is not None or candidate.content is None or candidate.grounding_metadata:
        return False
    for part in candidate.content.parts or ():
        if part.function_call is not None or part.executable_code is not None or part.tool_call is not None:
            return False
    return True


def read_usage(raw: Mapping[str, Any]) -> Usage:
    """Return the usage; thinking stands beside the candidates and the tools' prompt beside the prompt."""
    counts = shaped(raw, GenerateCounts)
    prompts, cached = _by_modality(counts.prompt_tokens_details), _by_modality(counts.cache_tokens_details)
    outputs = _by_modality(counts.candidates_tokens_details or counts.response_tokens_details)
    prompt, thoughts = counts.prompt_token_count, counts.thoughts_token_count
    output = counts.candidates_token_count
    if output is None:
        output = counts.response_token_count
    if thoughts:
        output = known_sum(output, thoughts)
    if counts.tool_use_prompt_token_count is not None:
        prompt = known_sum(prompt, counts.tool_use_prompt_token_count)
    if output is None and counts.prompt_token_count == counts.total_token_count is not None:
        output = 0  # protobuf leaves zeros out
    return usage_of(
        split_input(
            prompt,
            cache_read=counts.cached_content_token_count,
            audio=prompts.get("AUDIO"),
            cached_audio=cached.get("AUDIO"),
            image=prompts.get("IMAGE"),
        ),
        split_output(
            output,
            reasoning=thoughts,
            audio=outputs.get("AUDIO"),
            image=outputs.get("IMAGE"),
        ),
    )


def modalities(details: Any) -> Mapping[str, int]:
    """Return tokens by modality."""
    return _by_modality([shaped(raw, _Modality) for raw in as_items(details)])


def _by_modality(details: Sequence[_Modality] | None) -> Mapping[str, int]:
    if not details:
        return _NO_MODALITIES
    counts: dict[str, int] = {}
    for detail in details:
        modality, count = detail.modality, detail.token_count
        if isinstance(modality, int) and 0 <= modality < len(_MODALITIES):
            modality = _MODALITIES[modality]
        if count is None:
            count = detail.tokens
        if isinstance(modality, str) and count is not None:
            name = modality.upper()
            counts[name] = counts.get(name, 0) + count
    return counts
