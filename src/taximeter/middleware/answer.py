"""Answer: what the object that a wrapped method returned tells of the call."""

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from taximeter.middleware.adapter import Adapter, who_answered
from taximeter.providers import Facts, RequestFacts, read_payload
from taximeter.providers.payload import as_document
from taximeter.providers.request import SYSTEM_ROLES, system_text, tool_names
from taximeter.providers.values import as_text, count_of
from taximeter.usage import Usage
from taximeter.vocabulary import Operation

Read = Callable[[Any], Any]

_USAGE_NAMES = ("usage", "token_usage")
_RAW_NAMES = ("raw", "raw_response", "response")
_PROVIDER_ONLY = frozenset(
    {
        "cache_creation_input_tokens",
        "cache_read_input_tokens",
        "input_tokens_details",
        "input_token_details",
    }
)
"""Counters beside `input_tokens` by which a provider's own usage is known."""
_PROVIDER_TYPES = ("message", "response", "content_block")
"""How the types of responses and events begin that have one."""


def read_request(args: Sequence[Any], kwargs: Mapping[str, Any]) -> RequestFacts:
    """Return what the arguments of `invoke(messages, tools=None, **kwargs)` tell; the texts are for inference only."""
    messages = kwargs.get("messages", args[0] if args else None)
    tools = kwargs.get("tools", args[1] if len(args) > 1 else None)
    system = [_as_message(each) for each in messages] if isinstance(messages, list | tuple) else []
    return RequestFacts(system_prompt=system_text(system), tool_names=tool_names(tools))


def _as_message(message: Any) -> Any:
    """Return a message as a dict; one that is an object only if it is a system prompt, for the time that takes."""
    return as_document(message) if getattr(message, "role", None) in SYSTEM_ROLES else message


def read_answer(
    response: Any, adapters: Sequence[Adapter], request: RequestFacts, read: Read | None
) -> Facts:
    """Return the facts of a call, labelled by who has answered it.

    Args:
        response: What the method returned: a provider's answer, an SDK's object, or an object of the library's own
            with a `usage` (or `token_usage`) and, if it says so, a `provider` and a `model`.
        adapters: Who may have answered.
        request: What the call asked for; its `model` is filled in.
        read: The application's own way to read a response: to a `Usage`, a payload, or something like a response.
    """
    said = response if read is None else _said(response, read)
    document = as_document(response if isinstance(said, Usage) else said)
    facts = _facts_of(document)
    if isinstance(said, Usage):
        facts.usage, facts.charges = None if said.is_empty else said, ()
    model = as_text(document.get("model")) or as_text(document.get("model_name"))
    provider = as_text(document.get("provider")) or as_text(document.get("provider_name"))
    return labelled(facts, adapters, request, provider=provider, model=model)


def labelled(
    facts: Facts,
    adapters: Sequence[Adapter],
    request: RequestFacts,
    *,
    provider: str | None = None,
    model: str | None = None,
) -> Facts:
    """Return *facts* with the names of who has answered and of what was asked for.

    Args:
        facts: What was read.
        adapters: Who may have answered.
        request: What the call asked for.
        provider: What the answer says of the provider; None where it says nothing.
        model: What it says of the model, where the facts do not.
    """
    who = who_answered(adapters, provider, facts.model or model)
    is_nameless = not any(adapter.provider for adapter in adapters)
    facts.provider = who.provider or (facts.provider if is_nameless else "unknown")
    facts.model = who.model
    request.model = who.asked
    facts.request = request
    return facts


def _said(response: Any, read: Read) -> Any:
    """Return what the application's own function reads; one that fails costs the call its usage, not the event."""
    try:
        return read(response)
    except Exception:
        return Usage()


def is_counted(item: Any) -> bool:
    """Whether an item of a stream has a usage in a library's own words."""
    read = item.get if isinstance(item, Mapping) else functools.partial(getattr, item)
    usage = next((found for name in _USAGE_NAMES if (found := read(name, None)) is not None), None)
    return usage is not None and _is_neutral(as_document(item), as_document(usage))


def _facts_of(document: Mapping[str, Any]) -> Facts:
    usage = next((found for name in _USAGE_NAMES if (found := document.get(name)) is not None), None)
    counters = as_document(usage) if usage is not None else document
    if _is_neutral(document, counters):
        return _neutral_facts(document, counters)
    raw = next((found for name in _RAW_NAMES if (found := document.get(name)) is not None), None)
    if usage is None and raw is not None:
        return _facts_of(as_document(raw))
    return read_payload(document if usage is None else {**document, "usage": counters})


def _is_neutral(document: Mapping[str, Any], counters: Mapping[str, Any]) -> bool:
    """Whether the usage is in a library's own words and not in a provider's."""
    kind = str(document.get("type", ""))
    is_foreign = "object" in document or kind.startswith(_PROVIDER_TYPES) or _PROVIDER_ONLY & counters.keys()
    return not is_foreign and "input_tokens" in counters


def _neutral_facts(document: Mapping[str, Any], counters: Mapping[str, Any]) -> Facts:
    """Read the counters that libraries agree on; what is read from or written to a cache is not in `input_tokens`."""
    usage = Usage(
        uncached_input_tokens=count_of(counters, "input_tokens"),
        cache_read_tokens=count_of(counters, "cache_read_tokens"),
        cache_write_5m_tokens=count_of(counters, "cache_write_tokens"),
        text_output_tokens=count_of(counters, "output_tokens"),
        reasoning_tokens=count_of(counters, "reasoning_tokens"),
    )
    stop = as_text(document.get("stop_reason")) or as_text(document.get("finish_reason"))
    calls = document.get("tool_calls")
    return Facts(
        wire_format="",
        operation=Operation.CHAT,
        provider="unknown",
        response_id=as_text(document.get("id")),
        usage=None if usage.is_empty else usage,
        raw_usage={name: count for name, count in counters.items() if isinstance(count, int | float | str)},
        finish_reasons=(stop,) if stop else (),
        tool_call_count=len(calls) if isinstance(calls, list | tuple) else 0,
    )
