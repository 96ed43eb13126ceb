"""xAI's gRPC chat, written as JSON: one message, or one a line when streamed.

Documented (2026-11) at github.com/xai-org/xai-proto (xai/api/v1/chat.proto, usage.proto), docs.x.ai/docs/guides/tools.
Fields may be spelled as in the .proto file or in camelCase, as protobuf's own JSON has them:
https://protobuf.dev/programming-guides/json/ (2026-11).
"""

import re
from collections.abc import Mapping
from typing import Any, ClassVar

from taximeter.framing import Framing, JsonLines
from taximeter.providers.answer import LIMIT, Answer
from taximeter.providers.counters import split_input, split_output, usage_of
from taximeter.providers.facts import RequestFacts
from taximeter.providers.request import text_of, tool_names
from taximeter.providers.values import (
    as_count,
    as_items,
    as_mapping,
    as_text,
    count_of,
    known_sum,
    ticks_as_usd,
)
from taximeter.usage import Usage

_CLIENT_SIDE = "TOOL_CALL_TYPE_CLIENT_SIDE_TOOL"
_SYSTEM = "ROLE_SYSTEM"
_CAPITAL = re.compile("[A-Z]")
_TELLING = tuple(
    f'"{name}"'.encode() for name in ["tool_calls", "toolCalls", "finish_reason", "finishReason", "error"]
)


class GrpcChatAnswer(Answer):
    """A completion; each chunk of a stream holds the running usage."""

    framing: ClassVar[type[Framing]] = JsonLines

    def __init__(self, endpoint: Any) -> None:
        super().__init__(endpoint)
        self._message_count = 0
        self._client_calls: set[str] = set()
        self._server_calls: set[str] = set()

    @staticmethod
    def read_request(body: Mapping[str, Any]) -> RequestFacts:
        """Return what the request tells."""
        texts = [
            text_of(message.get("content"))
            for message in as_items(body.get("messages"))
            if message.get("role") == _SYSTEM
        ]
        return RequestFacts(
            model=as_text(body.get("model")),
            system_prompt="\n".join(filter(None, texts)) or None,
            tool_names=tool_names(body.get("tools")),
        )

    def is_passing(self, document: bytes) -> bool:
        """Whether the chunk holds more text and a running total."""
        return b'"usage"' in document and not any(name in document for name in _TELLING)

    def add(self, document: Mapping[str, Any]) -> None:
        """Take a completion or one chunk of it."""
        self._message_count += 1
        self.note_failure(document)
        self.note_identity(document)
        for output in map(_snake_case, as_items(document.get("outputs"))):
            self.note_finish(as_count(output.get("index")) or 0, output.get("finish_reason"))
            message = _snake_case(as_mapping(output.get("message")) or as_mapping(output.get("delta")))
            self.has_output = self.has_output or any(value for key, value in message.items() if key != "role")
            for call in as_items(message.get("tool_calls")):
                self._add_call(call)
        if usage := as_mapping(document.get("usage")):
            self.facts.raw_usage = dict(usage)

    def settle(self) -> None:
        """Work out usage, cost and tool calls."""
        facts = self.facts
        facts.tool_call_count = len(self._client_calls)
        facts.server_tool_call_count = len(self._server_calls)
        # Every chunk has a usage, so that it ends nothing, except in a single message: a unary answer looks so too.
        alone = self._message_count == 1 and facts.raw_usage is not None and not self.is_torn
        self.complete = self.complete or alone or any(self._finish_reasons.values())
        if raw := facts.raw_usage:
            facts.usage = read_usage(raw)
            facts.reported_cost_usd = ticks_as_usd(_snake_case(raw).get("cost_in_usd_ticks"))

    def _add_call(self, call: Mapping[str, Any]) -> None:
        client_side = as_text(call.get("type")) in {None, _CLIENT_SIDE}
        calls = self._client_calls if client_side else self._server_calls
        if len(calls) < LIMIT:
            calls.add(as_text(call.get("id")) or f"#{len(calls)}")  # a chunk holds a call whole, id or not


def read_usage(raw: Mapping[str, Any]) -> Usage:
    """Return the usage; reasoning stands beside the completion, 64-bit numbers may be strings."""
    raw = _snake_case(raw)
    reasoning = count_of(raw, "reasoning_tokens")
    return usage_of(
        split_input(
            count_of(raw, "prompt_tokens"),
            cache_read=count_of(raw, "cached_prompt_text_tokens"),
            image=count_of(raw, "prompt_image_tokens"),
        ),
        split_output(known_sum(count_of(raw, "completion_tokens"), reasoning), reasoning=reasoning),
    )


def _snake_case(message: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a message with its fields spelled as in the .proto file; what is inside of them stays as it is."""
    return {
        _CAPITAL.sub(lambda capital: f"_{capital[0].lower()}", name): value for name, value in message.items()
    }
