"""Privacy: what of an event may leave memory, by level, and the application's own hand on it."""

import re
from collections.abc import Callable, Mapping
from enum import StrEnum
from importlib import import_module
from inspect import iscoroutinefunction
from typing import Any

import msgspec

from taximeter.alarm import warn
from taximeter.errors import ConfigurationError, one_of
from taximeter.event import (
    EVENT_TYPES,
    CallContentEvent,
    CallFailedEvent,
    CallFinishedEvent,
    CallStartedEvent,
    Event,
    RunFinishedEvent,
    RunStartedEvent,
    TaskCompletionEvent,
)
from taximeter.usage import COUNTERS
from taximeter.vocabulary import CostSource, CostStatus, Operation, Outcome, UsageStatus

NOT_ALLOWED = "privacy"
REDACTED = "redacted"
REDACTION_FAILED = "redaction_failed"

CONTENT_LIMIT = 20_000
SLACK = 256
"""Characters beyond the limit that texts are kept with until secrets are out: a cut could make one look like none."""

_REDACT_ALLOWED = "a function, no coroutine, from an event to an event or None, its dotted name, or None"

Redact = Callable[[Event], Event | None]


class PrivacyLevel(StrEnum):
    """How much of a call is kept."""

    NONE = "none"
    METADATA = "metadata"
    FULL = "full"


_MOMENT = frozenset({"schema_version", "ts_us"})
KEPT_AT_NONE: dict[type[Any], frozenset[str]] = {
    TaskCompletionEvent: frozenset(
        {
            *("event_id", "schema_version", "started_at_us", "task_duration_ms", "time_to_first_token_ms"),
            *(
                "operation",
                "provider",
                "wire_format",
                "model",
                "requested_model",
                "streaming",
                "service_tier",
            ),
            *("outcome", "error_status", "error_retryable", "attempt", "retry_count"),
            *("tool_call_count", "server_tool_call_count", "usage_status", "billable_units"),
            *("actual_input_tokens", "actual_output_tokens", *COUNTERS),
            *("actual_cost_usd_micros", "actual_cost_usd_nanos", "cost_status", "cost_source"),
            *("reported_cost_usd_nanos", "price_version", "price_id", "price_context"),
            *("estimated_input_tokens", "estimated_output_tokens", "estimated_cost_usd_micros"),
            *("quality_gate_passed", "context_compactions", "context_rotations", "context_utilization_final"),
        }
    ),
    CallStartedEvent: _MOMENT | {"event_id", "payload"},
    CallFinishedEvent: _MOMENT | {"event_id", "payload"},
    CallFailedEvent: _MOMENT | {"event_id", "payload"},
    RunStartedEvent: _MOMENT | {"event_id"},
    RunFinishedEvent: _MOMENT | {"event_id", "payload"},
}
"""The fields that `none` keeps, by kind of event: what was called and when, how it ended, what it consumed and cost."""
_PAYLOAD_AT_NONE = frozenset(
    {
        *(
            "model",
            "temperature",
            "max_tokens",
            "latency_ms",
            "token_usage",
            "retryable",
            "outcome",
            "duration_ms",
        ),
        *("api_cost_usd_micros", "api_cost_usd_nanos", "cost_usd_nanos", "input_tokens", "output_tokens"),
        *("calls", "failed_calls", "cut_short_calls", "cache_read_tokens", "reasoning_tokens"),
        *("unpriced_calls", "estimated_calls", "unmetered_calls"),
    }
)
"""The same of the payloads of moments."""
_WORD = re.compile(r"\S{1,128}")


def _is_word(value: Any) -> bool:
    """Whether it is what a provider calls a tier, a unit or a price by, or a count; a sentence is none."""
    return type(value) is int or (isinstance(value, str) and _WORD.fullmatch(value) is not None)


_TEXTS_AT_NONE: dict[str, Callable[[Any], bool]] = {
    **dict.fromkeys(("wire_format", "service_tier", "price_id", "price_version"), _is_word),
    "operation": [*Operation].__contains__,  # events take any word, as those of a newer version may have one
    "outcome": [*Outcome].__contains__,
    "usage_status": [*UsageStatus].__contains__,
    "cost_status": [*CostStatus].__contains__,
    "cost_source": [*CostSource].__contains__,
}
"""What texts have to be, by field; others are left out. The provider and the models are kept as they are."""
_KEYS_AT_NONE: dict[str, Callable[[Any], bool]] = {
    "billable_units": _is_word,
    "price_context": frozenset(
        {"batch", "inference_geo", "processing", "region", "search_context_size", "speed", "traffic_type"}
    ).__contains__,
    "token_usage": frozenset(
        {
            *("input_tokens", "output_tokens", "total_tokens"),
            *("cache_read_tokens", "cache_write_tokens", "reasoning_tokens"),
        }
    ).__contains__,
}
"""The same of the keys of mappings."""


class Privacy:
    """Decides on the background thread what of an event goes on to journal and sinks.

    Args:
        level: How much of a call is kept.
        redact: Changes an event, or drops it by returning None; None leaves events as they are.
        content_limit: Characters of each text that `full` keeps.
    """

    def __init__(
        self,
        level: PrivacyLevel = PrivacyLevel.METADATA,
        redact: Redact | None = None,
        content_limit: int = CONTENT_LIMIT,
    ) -> None:
        self.level = level
        self.content_limit = content_limit
        self._redact = redact
        self._has_warned = False

    @property
    def keeps_content(self) -> bool:
        """Whether prompts and answers are kept."""
        return self.level is PrivacyLevel.FULL

    def allowed(self, event: Event) -> Event | str:
        """Return what of the event may be kept, or the reason why nothing; never raises.

        The application's function comes first, so that what the level leaves out stays out whatever it returns.
        """
        given: Any = event if self._redact is None else self._redacted(self._redact, event)
        if isinstance(given, str):
            return given
        if isinstance(given, CallContentEvent) and not self.keeps_content:
            return NOT_ALLOWED
        return _counted(given) if self.level is PrivacyLevel.NONE else given

    def cut(self, event: CallContentEvent) -> CallContentEvent:
        """Return the event with its texts cut to the limit, once secrets have been taken out of them."""
        said = event.payload
        cut = {
            "prompt": self._cut(said.prompt, said.prompt_characters),
            "answer": self._cut(said.answer, said.answer_characters),
        }
        return msgspec.structs.replace(event, payload=msgspec.structs.replace(said, **cut))

    def _cut(self, text: str | None, characters: int | None) -> str | None:
        if text is None:
            return None
        if (
            characters is not None and characters > self.content_limit + SLACK
        ):  # it was cut before, maybe in a secret
            last_space = max(text.rfind(" "), text.rfind("\n"))
            text = text[: max(last_space, len(text) - SLACK, 0)]
        return text[: self.content_limit]

    def _redacted(self, redact: Redact, event: Event) -> Event | str:
        try:
            given = redact(event)
        except BaseException as error:  # it runs on our thread, which has to outlive whatever it raises
            return self._failed(f"raised {type(error).__name__}")
        if given is None:
            return REDACTED
        return given if isinstance(given, EVENT_TYPES) else self._failed(f"returned {type(given).__name__}")

    def _failed(self, what: str) -> str:
        if not self._has_warned:
            self._has_warned = True
            warn(f"redact {what}: events are dropped as {REDACTION_FAILED} and not stored unredacted")
        return REDACTION_FAILED


METADATA_ONLY = Privacy()


def privacy_from(privacy: Any, redact: Any, content_limit: Any) -> Privacy:
    """Return what the options of `taximeter.start` mean.

    Raises:
        ConfigurationError: There is no such level, the function cannot be had, or the limit is none.
    """
    if privacy not in tuple(PrivacyLevel):
        raise ConfigurationError("privacy", privacy, one_of(privacy, map(str, PrivacyLevel)))
    if type(content_limit) is not int or content_limit < 1:
        raise ConfigurationError("content_limit", content_limit, "a whole number of at least 1")
    return Privacy(PrivacyLevel(privacy), _function(redact), content_limit)


def _function(redact: Any) -> Redact | None:
    """Return the function, found by its name where it is one: `package.module:name` or `package.module.name`."""
    found = _found(redact) if isinstance(redact, str) else redact
    if found is not None and (not callable(found) or iscoroutinefunction(found)):
        raise ConfigurationError("redact", redact, _REDACT_ALLOWED)
    return found  # type: ignore[no-any-return]  # what it takes and returns is checked with each event


def _found(redact: str) -> Any:
    module, _, name = redact.partition(":") if ":" in redact else redact.rpartition(".")
    try:
        return getattr(import_module(module), name)
    except Exception as error:  # whatever a module of the application raises when it loads
        raise ConfigurationError("redact", redact, f"{_REDACT_ALLOWED} ({type(error).__name__})") from error


def _counted(event: Event) -> Event:
    """Return what `none` keeps of an event: no name, word or id that could lead to a person or a text."""
    kind = next(kind for kind in EVENT_TYPES if isinstance(event, kind))
    reduced: Event = _reduced(event, kind, KEPT_AT_NONE[kind])
    return reduced


def _reduced(struct: Any, kind: Any, names: frozenset[str]) -> Any:
    """Return those fields of a struct, and of the texts among them those that can be what they should be."""
    kept = {name: getattr(struct, name) for name in kind.__struct_fields__ if name in names}
    for name, is_fit in _TEXTS_AT_NONE.items():
        if kept.get(name) is not None and not is_fit(kept[name]):
            del kept[name]
    for name, is_known in _KEYS_AT_NONE.items():
        if isinstance(held := kept.get(name), Mapping):
            kept[name] = {key: item for key, item in held.items() if is_known(key) and _is_word(item)}
    if "payload" in kept:
        kept["payload"] = _reduced(kept["payload"], type(kept["payload"]), _PAYLOAD_AT_NONE)
    return kind(**kept)
