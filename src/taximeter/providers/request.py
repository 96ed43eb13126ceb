"""Request: what the bodies of several formats have in common; texts are decoded only where inference reads them."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import msgspec

from taximeter.providers.values import as_items, as_mapping, as_text

SYSTEM_ROLES = ("system", "developer")


class Message(msgspec.Struct, gc=False):
    """One message; its content stays bytes until somebody asks, because prompts can be megabytes."""

    role: Any = None
    content: msgspec.Raw = msgspec.Raw()


class _Named(msgspec.Struct, gc=False):
    name: str


class TypedTool(msgspec.Struct, gc=False):
    """A tool as OpenAI's formats have it, its parameters passed over; any other is read with all its fields."""

    type: str
    name: str | None = None
    function: _Named | None = None


class NamedTool(msgspec.Struct, gc=False):
    """A tool as Anthropic's format has it; the same holds."""

    name: str


_message_list = msgspec.json.Decoder(list[Message])


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
    """Return what the system and developer messages say, None when there are none.

    Args:
        messages: A list of `Message` or of what JSON gives for one, or the bytes of such a list.
    """
    return "\n".join(filter(None, map(text_of, _system_contents(messages)))) or None


def _system_contents(messages: Any) -> Sequence[Any]:
    if isinstance(messages, msgspec.Raw):
        messages = _messages_in(messages)
    if not messages or not isinstance(messages, list | tuple):
        return ()
    if isinstance(messages[0], Message):
        return [message.content for message in messages if message.role in SYSTEM_ROLES]
    return [message.get("content") for message in as_items(messages) if message.get("role") in SYSTEM_ROLES]


def _messages_in(raw: msgspec.Raw) -> Any:
    try:
        return _message_list.decode(raw)
    except msgspec.ValidationError:
        return plain(raw)


def tool_names(tools: Any) -> tuple[str, ...]:
    """Return the names of the tools offered, in OpenAI's, Anthropic's or Gemini's way of writing them."""
    tools = plain(tools)
    if not tools or not isinstance(tools, list | tuple):
        return ()
    if isinstance(tools[0], TypedTool):
        return tuple((tool.function.name if tool.function else tool.name) or tool.type for tool in tools)
    if isinstance(tools[0], NamedTool):
        return tuple(tool.name for tool in tools if tool.name)
    return tuple(_names(as_items(tools)))


def _names(tools: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    for tool in tools:
        function = as_mapping(tool.get("function")) or as_mapping(tool.get("toolSpec"))
        if name := as_text(function.get("name")) or as_text(tool.get("name")):
            yield name
        elif declared := tool.get("functionDeclarations") or tool.get("function_declarations"):
            yield from _names(as_items(declared))
        elif kind := as_text(tool.get("type")) or next(iter(tool), None):
            yield str(kind)
