"""OpenAI chat completions, the format that most other providers and local servers speak too.

Documented (2026-11) at platform.openai.com/docs/api-reference/chat (object, streaming), docs.x.ai/docs/api-reference,
console.groq.com/docs/api-reference, openrouter.ai/docs/use-cases/usage-accounting, docs.perplexity.ai/api-reference,
api-docs.deepseek.com/api/create-chat-completion, ai.google.dev/gemini-api/docs/openai.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, ClassVar, TypedDict

import msgspec

from taximeter.providers.answer import LIMIT, UNREADABLE, Answer, nested
from taximeter.providers.counters import split_input, split_output, usage_of
from taximeter.providers.facts import RequestFacts
from taximeter.providers.pieces import BILLERS, note_pieces
from taximeter.providers.request import Message, TypedTool, system_text, tool_names
from taximeter.providers.shape import Count, Object, Text, shaped
from taximeter.providers.values import (
    as_count,
    as_items,
    as_mapping,
    as_text,
    as_usd,
    first_known,
    known_sum,
    merged,
    ticks_as_usd,
)
from taximeter.usage import Usage

_CALLS = frozenset({"tool_calls", "function_call", "tool_use_id"})
_AMOUNTS = frozenset({"cost", "cost_in_usd_ticks", "pydantic_ai_gateway"})
_TIMED = ("prompt_n", "cache_n", "predicted_n")
_GOOGLE = frozenset({"google", "vertex"})


class _Function(msgspec.Struct, gc=False):
    name: Text = None


class _ToolCall(msgspec.Struct, gc=False):
    index: Count = None
    id: Text = None
    function: _Function | None = None


class ChatMessage(msgspec.Struct, gc=False):
    """What a model said: the fields that hold output, and those that ask for a call."""

    content: Any = None
    reasoning_content: Any = None
    reasoning: Any = None
    refusal: Any = None
    audio: Any = None
    tool_calls: list[_ToolCall] | None = None
    function_call: Any = None
    tool_use_id: Text = None


class ChatChoice(msgspec.Struct, gc=False):
    """The fields of a choice that are read."""

    index: Count = None
    finish_reason: Any = None
    message: ChatMessage | None = None
    delta: Object = None
    text: Any = None
    usage: Object = None
    error: Any = None


class ChatDocument(msgspec.Struct, gc=False):
    """The fields of a completion or of one chunk that are read."""

    id: Text = None
    model: Text = None
    choices: list[ChatChoice] | None = None
    usage: Object = None
    service_tier: Text = None
    x_groq: Object = None
    usage_breakdown: Object = None
    timings: Object = None
    error: Any = None
    type: Any = None
    code: Any = None
    status: Any = None


class _Delta(msgspec.Struct, gc=False):
    tool_calls: Any = None
    function_call: Any = None
    tool_use_id: Any = None


class _Choice(msgspec.Struct, gc=False):
    finish_reason: Any = None
    usage: Any = None
    delta: _Delta | None = None


class _Chunk(msgspec.Struct, gc=False):
    """What decides whether a chunk tells more than text; finding it so is faster than searching the bytes for it."""

    choices: list[_Choice]
    usage: Any = None
    error: Any = None
    x_groq: Any = None


_glance = msgspec.json.Decoder(_Chunk)


class _InputDetails(msgspec.Struct, gc=False):
    cached_tokens: Count = None
    cache_write_tokens: Count = None
    cache_creation_tokens: Count = None
    cache_creation_input_tokens: Count = None
    audio_tokens: Count = None
    image_tokens: Count = None


class OutputDetails(msgspec.Struct, gc=False):
    """What a usage of OpenAI's shapes tells of its output."""

    reasoning_tokens: Count = None
    audio_tokens: Count = None
    image_tokens: Count = None


class ChatCounts(msgspec.Struct, gc=False):
    """The counts of a usage, under all the names that the servers have for them."""

    prompt_tokens: Count = None
    input_tokens: Count = None
    completion_tokens: Count = None
    output_tokens: Count = None
    total_tokens: Count = None
    reasoning_tokens: Count = None
    cached_tokens: Count = None
    prompt_cache_hit_tokens: Count = None
    num_cached_tokens: Count = None
    cache_read_input_tokens: Count = None
    cache_creation_input_tokens: Count = None
    prompt_tokens_details: _InputDetails | None = None
    prompt_token_details: _InputDetails | None = None
    input_tokens_details: _InputDetails | None = None
    completion_tokens_details: OutputDetails | None = None
    completion_token_details: OutputDetails | None = None
    output_tokens_details: OutputDetails | None = None


_NO_INPUT_DETAILS, _NO_OUTPUT_DETAILS = _InputDetails(), OutputDetails()


class ChatRequest(TypedDict, total=False):
    """The fields of a request that are read."""

    model: Any
    stream: Any
    service_tier: Any
    messages: list[Message]
    tools: list[TypedTool] | None
    n: Any


class ChatAnswer(Answer):
    """A chat completion, or a completion of the older kind."""

    shape: ClassVar[Any] = ChatDocument
    request_shape: ClassVar[Any] = ChatRequest

    def __init__(self, endpoint: Any) -> None:
        super().__init__(endpoint)
        self._tool_calls: dict[tuple[int, int | str], tuple[set[str], set[str]]] = {}
        self._timings: Mapping[str, Any] = {}

    @staticmethod
    def read_request(body: Mapping[str, Any]) -> RequestFacts:
        """Return what the request tells."""
        return RequestFacts(
            model=as_text(body.get("model")),
            streaming=body.get("stream") is True,
            system_prompt=system_text(body.get("messages")),
            tool_names=tool_names(body.get("tools")),
            service_tier=as_text(body.get("service_tier")),
            choices=as_count(body.get("n")) or 1,
        )

    def is_plain(self, document: bytes) -> bool:
        """Whether the chunk holds only more text: no end, no usage, no tool call, no error."""
        try:
            chunk = _glance.decode(document)
        except UNREADABLE:
            return False
        if chunk.usage is not None or chunk.error is not None or chunk.x_groq is not None:
            return False
        for choice in chunk.choices:  # noqa: SIM110 - `all` costs as much again for the one choice there is
            if not _is_open(choice):
                return False
        return True

    def add(self, document: Any) -> None:
        """Take a completion or one chunk of it."""
        if not isinstance(document, ChatDocument):
            document = shaped(document, ChatDocument)
        facts = self.facts
        told = document.error is not None and self.note_failure({"error": document.error})
        if self.event == "error" and not told:  # some servers name the event instead
            self.note_failure(
                {"error": {"type": document.type, "status": document.status, "code": document.code}}
            )
        self.note_names(document.id, document.model)
        facts.service_tier = document.service_tier or facts.service_tier
        for choice in document.choices or ():
            self._add_choice(choice)
        if document.usage:
            facts.raw_usage = merged(facts.raw_usage, document.usage)
            if document.choices is not None and not document.choices and self.has_output:
                self.usage_is_final = bool(document.usage.get("completion_tokens"))
        if document.timings is not None:
            self._timings = document.timings
        if document.x_groq is not None or document.usage_breakdown is not None:
            self._add_groq(document.x_groq or {}, document.usage_breakdown)

    def settle(self) -> None:
        """Work out usage, reported cost and tool calls."""
        facts = self.facts
        # Not every compatible server writes [DONE]: a choice that says why it ended has ended, and the counts of the
        # whole come last, from Snowflake even without such a reason.
        reasons = self._finish_reasons
        have_ended = len(reasons) >= self.choices and all(reasons.values())
        self.complete = self.complete or self.usage_is_final or have_ended
        if self._tool_calls:
            facts.tool_call_count = sum(len(ids or names) or 1 for ids, names in self._tool_calls.values())
        if facts.raw_usage is None and self._timings:
            facts.raw_usage = {"timings": {name: self._timings.get(name) for name in _TIMED}}
            facts.usage = read_timings(self._timings)
        elif facts.raw_usage:
            facts.usage = read_usage(facts.raw_usage, facts.provider)
            if "usage_breakdown" in facts.raw_usage:
                facts.charges = read_charges(facts.raw_usage, facts.provider)
            facts.reported_cost_usd = reported_cost(facts.raw_usage)
            facts.paid_elsewhere_usd = paid_elsewhere(facts.raw_usage)
            if facts.provider in BILLERS:
                note_pieces(facts, facts.raw_usage)

    def _add_groq(self, groq: Mapping[str, Any], breakdown: Mapping[str, Any] | None) -> None:
        """Take what only Groq has: a usage in a place of its own, and the models of a compound system."""
        self.note_failure(groq)
        if usage := as_mapping(groq.get("usage")):
            self.facts.raw_usage = merged(usage, self.facts.raw_usage or {})
        for parts in (breakdown, groq.get("usage_breakdown")):
            if as_mapping(parts).get("models"):  # kept with the usage, as it explains it
                self.facts.raw_usage = merged(self.facts.raw_usage, {"usage_breakdown": parts})

    def _add_choice(self, choice: ChatChoice) -> None:
        index = choice.index or 0
        self.note_finish(index, choice.finish_reason)
        if choice.error is not None:
            self.note_failure({"error": choice.error})
        if choice.usage:  # Moonshot's streams have it here
            self.facts.raw_usage = merged(self.facts.raw_usage, choice.usage)
        if choice.text:
            self.has_output = True
        if choice.message is not None:
            self.has_output = self.has_output or _is_output(choice.message)
            self._add_tool_calls(index, choice.message)
        if delta := choice.delta:
            self.has_output = self.has_output or _says_something(delta)
            if not _CALLS.isdisjoint(delta):
                self._add_tool_calls(index, shaped(delta, ChatMessage))

    def _add_tool_calls(self, choice: int, message: ChatMessage) -> None:
        if len(self._tool_calls) >= LIMIT:
            return
        for position, call in enumerate(message.tool_calls or ()):
            ids, names = self._call_at(choice, position if call.index is None else call.index)
            if call.id and len(ids) < LIMIT:
                ids.add(call.id)
            elif call.function is not None and call.function.name and len(names) < LIMIT:
                names.add(call.function.name)
        if message.function_call:
            self._call_at(choice, "function_call")
        if message.tool_use_id:
            self._call_at(choice, message.tool_use_id)  # Snowflake's delta is the call itself

    def _call_at(self, choice: int, place: int | str) -> tuple[set[str], set[str]]:
        """Return the ids and the names without id that have been seen at a place; there may be several calls at one."""
        return self._tool_calls.setdefault((choice, place), (set(), set()))


def _is_open(choice: _Choice) -> bool:
    delta = choice.delta
    if choice.finish_reason is not None or choice.usage is not None:
        return False
    return delta is None or (delta.tool_calls is delta.function_call is delta.tool_use_id is None)


def _is_output(message: ChatMessage) -> bool:
    return bool(
        message.content
        or message.reasoning_content
        or message.reasoning
        or message.refusal
        or message.audio
        or message.tool_calls
        or message.function_call
    )


def _says_something(delta: Mapping[str, Any]) -> bool:
    """Whether there is output in a delta, under whatever name a server has for it."""
    for name in delta:  # noqa: SIM110 - `any` costs as much again for the one field there is
        if delta[name] and name != "role":
            return True
    return False


def read_usage(raw: Mapping[str, Any], provider: str) -> Usage:
    """Return the usage of a chat or text completion; cached and audio tokens are part of the totals."""
    counts = shaped(raw, ChatCounts)
    inputs = (
        counts.prompt_tokens_details
        or counts.prompt_token_details
        or counts.input_tokens_details
        or _NO_INPUT_DETAILS
    )
    outputs = (
        counts.completion_tokens_details
        or counts.completion_token_details
        or counts.output_tokens_details
        or _NO_OUTPUT_DETAILS
    )
    prompt, completion, reasoning = counts.prompt_tokens, counts.completion_tokens, outputs.reasoning_tokens
    if prompt is None:
        prompt = counts.input_tokens
    if completion is None:
        completion = counts.output_tokens
    if reasoning is None:
        reasoning = counts.reasoning_tokens
    if reasoning or provider in _GOOGLE:
        completion = _with_hidden_reasoning(prompt, completion, reasoning, counts.total_tokens, provider)
    if inputs.audio_tokens and provider == "mistral":
        prompt = _with_audio_beside(prompt, completion, inputs.audio_tokens, counts.total_tokens)
    return usage_of(
        split_input(
            prompt,
            cache_read=_cache_read(counts, inputs),
            cache_write_5m=_cache_write(counts, inputs),
            audio=inputs.audio_tokens,
            image=inputs.image_tokens,
        ),
        split_output(completion, reasoning=reasoning, audio=outputs.audio_tokens, image=outputs.image_tokens),
    )


def read_charges(raw: Mapping[str, Any], provider: str) -> tuple[tuple[str | None, Usage], ...]:
    """Return what each model of one of Groq's compound systems used; nothing for a single model's answer."""
    parts = as_items(nested(raw, "usage_breakdown").get("models"))
    return tuple(
        (as_text(part.get("model")), read_usage(as_mapping(part.get("usage")), provider)) for part in parts
    )


def _cache_read(counts: ChatCounts, inputs: _InputDetails) -> int | None:
    if inputs.cached_tokens is not None:  # as in most calls
        return inputs.cached_tokens
    return first_known(
        counts.cached_tokens,
        counts.prompt_cache_hit_tokens,
        counts.num_cached_tokens,
        counts.cache_read_input_tokens,
    )


def _cache_write(counts: ChatCounts, inputs: _InputDetails) -> int | None:
    return first_known(
        inputs.cache_write_tokens,
        inputs.cache_creation_tokens,
        inputs.cache_creation_input_tokens,
        counts.cache_creation_input_tokens,
    )


def _with_hidden_reasoning(
    prompt: int | None, completion: int | None, reasoning: int | None, total: int | None, provider: str
) -> int | None:
    """Return all output, reasoning included.

    xAI counts reasoning beside the completion, whatever its total says; hosts of its models show it by theirs, and
    Perplexity's deep research has more of it than of completion. Google's compatible endpoint does not name its thinking at all; only the total holds it.
    """
    seen = known_sum(prompt, completion)
    if reasoning and completion is not None:
        beside = (
            provider == "xai"
            or total == known_sum(seen, reasoning)
            or (provider == "perplexity" and reasoning > completion)
        )
        return completion + reasoning if beside else completion
    if provider in _GOOGLE and total is not None and seen is not None and prompt is not None and total > seen:
        return total - prompt
    return completion


def _with_audio_beside(
    prompt: int | None, completion: int | None, audio: int, total: int | None
) -> int | None:
    """Return all input: Mistral counts audio beside the prompt, which its total shows."""
    beside = known_sum(prompt, audio)
    return beside if total == known_sum(beside, completion) else prompt


def read_timings(timings: Mapping[str, Any]) -> Usage | None:
    """Return the usage of a llama.cpp stream that nobody asked for one: prompt_n is what was not in the cache.

    Source: llama.cpp, tools/server/README.md, "timings" (read 2026-11).
    """
    fresh, cached, generated = (as_count(timings.get(name)) for name in _TIMED)
    if fresh is None and generated is None:
        return None
    return usage_of(split_input(known_sum(fresh, cached), cache_read=cached), split_output(generated))


def reported_cost(raw: Mapping[str, Any]) -> Decimal | None:
    """Return what the provider says the call cost, in US dollars: OpenRouter, Perplexity, xAI."""
    if _AMOUNTS.isdisjoint(raw):
        return None
    cost = raw.get("cost")
    if isinstance(cost, dict):
        return as_usd(cost.get("total_cost"))
    if cost is not None:
        return as_usd(cost)
    if (ticks := raw.get("cost_in_usd_ticks")) is not None:
        return ticks_as_usd(ticks)
    gateway = raw.get("pydantic_ai_gateway")  # what Pydantic's gateway adds to a provider's usage
    return as_usd(gateway.get("cost_estimate")) if isinstance(gateway, dict) else None


def paid_elsewhere(raw: Mapping[str, Any]) -> Decimal | None:
    """Return what a call with the user's own key costs at the host behind OpenRouter, which charges less or nothing.

    Documented (2026-11) at openrouter.ai/docs/use-cases/usage-accounting: `is_byok`, `upstream_inference_cost`.
    """
    if raw.get("is_byok") is not True:
        return None
    return as_usd(as_mapping(raw.get("cost_details")).get("upstream_inference_cost"))
