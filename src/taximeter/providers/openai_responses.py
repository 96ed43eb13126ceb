"""OpenAI Responses: created, streamed, compacted, or fetched later when it ran in the background.

Documented (2026-11) at platform.openai.com/docs/api-reference/responses (object, compact), /responses-streaming,
/docs/guides/background, docs.x.ai/docs/api-reference#create-new-response.
"""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, TypedDict

import msgspec

from taximeter.providers.answer import LIMIT, Answer, nested
from taximeter.providers.counters import split_input, split_output, usage_of
from taximeter.providers.facts import RequestFacts
from taximeter.providers.openai_chat import OutputDetails, reported_cost
from taximeter.providers.request import TypedTool, system_text, tool_names
from taximeter.providers.shape import Count, Object, Text, shaped
from taximeter.providers.values import (
    as_mapping,
    as_text,
    count_of,
)
from taximeter.usage import Usage

ENDED = frozenset(
    {"response.completed", "response.incomplete", "response.failed", "response.cancelled", "response.done"}
)
"""Events that hold the response as it ended."""

CLIENT_CALLS = frozenset(
    {
        "apply_patch_call",
        "computer_call",
        "custom_tool_call",
        "function_call",
        "local_shell_call",
        "shell_call",
    }
)
"""Items that ask the client to run something."""


_SEARCHING = (None, "search")

UNNAMED_IMAGE_MODEL = "image_generation"
"""Stands for the model behind the image generation tool where the response does not name it; it has no price."""

_NOTHING: dict[str, Any] = {}


class _Reason(msgspec.Struct, gc=False):
    reason: Any = None


class _Action(msgspec.Struct, gc=False):
    type: Text = None


class _Tool(msgspec.Struct, gc=False):
    type: Text = None
    model: Text = None


class Item(msgspec.Struct, gc=False):
    """What is kept of an output item: never its content."""

    type: Text = None
    call_id: Text = None
    execution: Text = None
    action: _Action | None = None


class Response(msgspec.Struct, gc=False):
    """The fields of a response that are read."""

    id: Text = None
    model: Text = None
    status: Any = None
    incomplete_details: _Reason | None = None
    output: list[Item] | None = None
    usage: Object = None
    tool_usage: Any = None
    tools: list[_Tool] | None = None
    service_tier: Text = None
    error: Any = None


class ResponsesDocument(Response, gc=False):
    """A response, or the fields of a stream event that are read."""

    type: Text = None
    code: Any = None
    response: Response | None = None
    item: Item | None = None


class ResponsesRequest(TypedDict, total=False):
    """The fields of a request that are read."""

    model: Any
    stream: Any
    service_tier: Any
    instructions: Any
    input: msgspec.Raw
    tools: list[TypedTool] | None


class _InputDetails(msgspec.Struct, gc=False):
    cached_tokens: Count = None
    cache_write_tokens: Count = None
    audio_tokens: Count = None
    image_tokens: Count = None


class ResponseCounts(msgspec.Struct, gc=False):
    """The counts of a usage."""

    input_tokens: Count = None
    input_tokens_details: _InputDetails | None = None
    output_tokens: Count = None
    output_tokens_details: OutputDetails | None = None


_NO_INPUT_DETAILS, _NO_OUTPUT_DETAILS = _InputDetails(), OutputDetails()


class ResponsesAnswer(Answer):
    """A response; a stream carries its usage in the event that ends it."""

    shape: ClassVar[Any] = ResponsesDocument
    request_shape: ClassVar[Any] = ResponsesRequest

    def __init__(self, endpoint: Any) -> None:
        super().__init__(endpoint)
        self._items: list[Item] = []
        self._image_model: str | None = None

    @staticmethod
    def read_request(body: Mapping[str, Any]) -> RequestFacts:
        """Return what the request tells."""
        texts = (as_text(body.get("instructions")), system_text(body.get("input")))
        return RequestFacts(
            model=as_text(body.get("model")),
            streaming=body.get("stream") is True,
            system_prompt="\n".join(filter(None, texts)) or None,
            tool_names=tool_names(body.get("tools")),
            service_tier=as_text(body.get("service_tier")),
        )

    def is_plain(self, document: bytes) -> bool:
        """Whether the event is a piece of an item, which tells nothing but text."""
        return b'.delta"' in document[:96]

    def add(self, document: Any) -> None:
        """Take a response or one event of its stream."""
        if not isinstance(document, ResponsesDocument):
            document = shaped(document, ResponsesDocument)
        kind = document.type or self.event
        if kind in ENDED:
            self._add_response(document.response or Response())
            self.complete = True
        elif kind == "response.output_item.done":
            if document.item is not None:
                self._items = [*self._items, document.item][:LIMIT]
        elif kind.endswith(".delta"):
            self.has_output = True
        elif kind == "error":
            itself = {"code": document.code, "status": document.status}
            self.note_failure({"error": document.error or itself})
        elif kind.startswith("response."):
            self._begin(document.response or Response())
        else:
            self._add_response(document)

    def settle(self) -> None:
        """Work out usage and tool calls."""
        facts = self.facts
        facts.tool_call_count, facts.server_tool_call_count = count_calls(self._items)
        if raw := facts.raw_usage:
            facts.usage = read_usage(raw, self._items if facts.server_tool_call_count else ())
            if "tool_usage" in raw:
                facts.charges = read_charges(raw, facts.usage, self._image_model)
            facts.reported_cost_usd = reported_cost(raw)

    def _begin(self, response: Response) -> None:
        self.note_names(response.id, response.model)
        self.facts.service_tier = response.service_tier or self.facts.service_tier

    def _add_response(self, response: Response) -> None:
        facts = self.facts
        facts.response_id = response.id or facts.response_id
        self._begin(response)
        if response.error is not None:
            self.note_failure({"error": response.error})
        incomplete = response.incomplete_details
        self.note_finish(0, (incomplete and incomplete.reason) or response.status)
        if response.output:
            self._items = response.output[:LIMIT]
            self.has_output = True
        if response.tools:
            self._image_model = read_image_model(response.tools) or self._image_model
        if response.usage:
            facts.raw_usage = dict(response.usage)
            if response.tool_usage:  # beside the usage on the wire, inside it as we keep it
                facts.raw_usage["tool_usage"] = response.tool_usage


def read_usage(raw: Mapping[str, Any], items: Sequence[Item] = ()) -> Usage:
    """Return the usage of a response; cached tokens and reasoning are part of the totals."""
    counts = shaped(raw, ResponseCounts)
    inputs = counts.input_tokens_details or _NO_INPUT_DETAILS
    outputs = counts.output_tokens_details or _NO_OUTPUT_DETAILS
    billed = raw.get("tool_usage")
    return usage_of(
        split_input(
            counts.input_tokens,
            cache_read=inputs.cached_tokens,
            cache_write_5m=inputs.cache_write_tokens,
            audio=inputs.audio_tokens,
            image=inputs.image_tokens,
        ),
        split_output(
            counts.output_tokens,
            reasoning=outputs.reasoning_tokens,
            audio=outputs.audio_tokens,
            image=outputs.image_tokens,
        ),
        units=count_units(items, as_mapping(billed)) if items or billed else _NOTHING,
    )


def read_charges(
    raw: Mapping[str, Any], usage: Usage, image_model: str | None
) -> tuple[tuple[str | None, Usage], ...]:
    """Return what to price when pictures were made on the way: their tokens are another model's and not in the usage."""
    pictures = nested(raw, "tool_usage", "image_gen")
    if not pictures:
        return ()
    drawn = read_usage({name: value for name, value in pictures.items() if name != "tool_usage"})
    if not (drawn.input_tokens or drawn.output_tokens):
        return ()
    return ((None, usage), (image_model or UNNAMED_IMAGE_MODEL, drawn))


def read_image_model(tools: Sequence[_Tool]) -> str | None:
    """Return the model that the image generation tool was set to."""
    models = (tool.model for tool in tools if tool.type == "image_generation")
    return next(filter(None, models), None)


def count_calls(items: Sequence[Item]) -> tuple[int, int]:
    """Return how many calls the client must run and how many tools the provider ran.

    A call whose output stands beside it was run by the provider, whatever its kind.
    """
    asked: list[str | None] = []
    answered: set[str] = set()
    hosted = 0
    for item in items:
        kind = item.type or ""
        if kind in CLIENT_CALLS or (kind == "tool_search_call" and item.execution == "client"):
            asked.append(item.call_id)
        elif kind.endswith("_call"):
            hosted += 1
        elif item.call_id and kind.endswith("_output"):
            answered.add(item.call_id)
    unanswered = [call_id for call_id in asked if call_id not in answered] if answered else asked
    return len(unanswered), hosted + len(asked) - len(unanswered)


def count_units(items: Sequence[Item], tool_usage: Mapping[str, Any] = _NOTHING) -> dict[str, int]:
    """Return the hosted tools that are billed by the call, in the provider's own count where it gives one.

    Without it each search counts; opening a found page is part of its search.
    """
    searches = files = 0
    for item in items:
        if item.type == "web_search_call":
            searches += item.action is None or item.action.type in _SEARCHING
        elif item.type == "file_search_call":
            files += 1
    billed = count_of(as_mapping(tool_usage.get("web_search")), "num_requests")
    return {"web_search": searches if billed is None else billed, "file_search": files}
