"""Request: what the bodies of several formats have in common; texts are decoded only where inference reads them."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TypedDict

import msgspec

from taximeter.providers.values import as_items, as_mapping, as_text

SYSTEM_ROLES = ("system", "developer")


class Message(TypedDict, total=False):
    """One message; its content stays bytes until somebody asks, because prompts can be megabytes."""

    role: Any
    content: msgspec.Raw


def plain(value: Any) -> Any:
    """Return *value*, decoded when it was kept as bytes."""
    if isinstance(value, msgspec.Raw):
        return msgspec.json.decode(value) if memoryview(value) else None
    return value


def text_of(content: Any) -> str:
    """Return the text of a content: a string, or a list of strings and parts with a `text`."""
    content = plain(content)
    if isinstance(content, str):
        return content
    if isinstance(content, Mapping):
        return as_text(content.get("text")) or ""
    if isinstance(content, list | tuple):
        return "\n".join(
            text for part in content if (text := text_of(part) if not isinstance(part, list) else "")
        )
    return ""


def system_text(messages: Any) -> str | None:
    """Return what the system and developer messages say, None when there are none."""
    if not messages:
        return None
    texts = [
        text_of(message.get("content"))
        for message in as_items(messages)
        if message.get("role") in SYSTEM_ROLES
    ]
    return "\n".join(filter(None, texts)) or None


def tool_names(tools: Any) -> tuple[str, ...]:
    """Return the names of the tools offered, in OpenAI's, Anthropic's or Gemini's way of writing them."""
    return tuple(_names(as_items(plain(tools)))) if tools else ()


def _names(tools: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    for tool in tools:
        function = as_mapping(tool.get("function")) or as_mapping(tool.get("toolSpec"))
        if name := as_text(function.get("name")) or as_text(tool.get("name")):
            yield name
        elif declared := tool.get("functionDeclarations") or tool.get("function_declarations"):
            yield from _names(as_items(declared))
        elif kind := as_text(tool.get("type")) or next(iter(tool), None):
            yield str(kind)
