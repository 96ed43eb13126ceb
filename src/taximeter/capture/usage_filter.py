"""Usage filter: takes out of a stream what came only because we asked for the usage.

That is one event without choices before the end mark, and a `"usage": null` in all others.
"""

import re
from collections.abc import Callable

import msgspec

from taximeter.framing import ServerSentEvents
from taximeter.providers import Endpoint

HELD_LIMIT_BYTES = 1024 * 1024  # a longer event is no usage; it is passed on as it comes

# Two line ends in a row. A CR that is the last byte is none yet: an LF may follow that belongs to it.
_EVENT_END = re.compile(rb"(?>\r\n|\n|\r)(?>\r\n|\n|\r(?=.))", re.DOTALL)
_NO_CHOICES = re.compile(rb'"choices"\s*:\s*\[\s*\]')
_NULL = b',"usage":null'  # as OpenAI, Azure and DeepSeek write it; quotes inside a JSON string are escaped
_LF = 0x0A
_BLANK_BYTES = len(b"\n\n")
_END_BYTES = len(b"}\n\n")
_ANY_NULL = re.compile(
    rb',[ \t]*"usage"[ \t]*:[ \t]*null(?=[ \t]*[,}])|(?<=\{)[ \t]*"usage"[ \t]*:[ \t]*null[ \t]*,[ \t]*'
)
_fields_decoder = msgspec.json.Decoder(dict[str, msgspec.Raw])

_ADDING_NULLS = frozenset({"azure", "deepseek", "openai"})


def adds_nulls(endpoint: Endpoint) -> bool:
    """Whether a server writes `"usage": null` into the chunks of those who ask, and of nobody else.

    OpenAI's reference says so (platform.openai.com/docs/api-reference/chat/create, 2026-11), and recordings of it, of
    Azure and of DeepSeek show it. Servers with an address of their own mostly do as OpenAI, but for the completions of
    vLLM, which have the field in any case.
    """
    return endpoint.provider in _ADDING_NULLS or (
        endpoint.provider == "openai-compatible" and endpoint.wire_format == "openai.chat"
    )


class UsageFilter:
    """Passes a stream of server-sent events on, byte by byte the same, but for what asking has added.

    What completes an event leaves at once; only the beginning of an unfinished event is held back.

    Args:
        is_usage_only: Whether an event's data is the one to take out.
        takes_nulls: Whether a `"usage": null` is to be taken out of the others.
    """

    def __init__(self, is_usage_only: Callable[[bytes], bool], *, takes_nulls: bool = False) -> None:
        self._is_usage_only = is_usage_only
        self._takes_nulls = takes_nulls
        self._held = b""

    def feed(self, data: bytes) -> bytes:
        """Take the next bytes and return those that go on to the application."""
        if self._held or data.find(b"\n") != len(data) - _BLANK_BYTES:
            return self._cut(data)
        if data[-1] != _LF or data.find(b"\r") >= 0:
            return self._cut(data)
        return self.left_of(data)  # a chunk is one event, as nearly all are

    def _cut(self, data: bytes) -> bytes:
        scan_from = max(0, len(self._held) - 3)
        data = self._held + data
        kept, begin = [], 0
        for end in _EVENT_END.finditer(data, scan_from):
            kept.append(self.left_of(data[begin : end.end()]))
            begin = end.end()
        self._held = data[begin:]
        if len(self._held) > HELD_LIMIT_BYTES:
            kept.append(self.release())
        return b"".join(kept)

    def finish(self) -> bytes:
        """Return what is left when the stream has ended; servers forget the last event's end."""
        return self.left_of(self.release())

    def release(self) -> bytes:
        """Return what is held back, unread."""
        held, self._held = self._held, b""
        return held

    def left_of(self, event: bytes) -> bytes:
        """Return what goes on of one event, given whole."""
        if self._takes_nulls and (left := _without_null(event)) is not event:
            return left
        if b'"usage"' not in event:
            return event
        if _NO_CHOICES.search(event) and any(map(self._is_usage_only, _documents(event))):
            return b""
        return event


def _without_null(event: bytes) -> bytes:
    """Return the event without the field in its outermost object; the same event where there is none."""
    at = event.rfind(_NULL)
    # Where a single brace is left, it is the one that ends the outermost object.
    if at >= 0 and event.find(b"}", at) == len(event) - _END_BYTES:
        return event[:at] + event[at + len(_NULL) :]
    if b'"usage"' in event and len(_ANY_NULL.findall(event)) == 1 and any(map(_has_null, _documents(event))):
        return _ANY_NULL.sub(b"", event)
    return event


def _has_null(document: bytes) -> bool:
    try:
        return bytes(_fields_decoder.decode(document).get("usage", b"")) == b"null"
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return False


def _documents(event: bytes) -> list[bytes]:
    events = ServerSentEvents()
    return [data for _, data in (*events.feed(event), *events.finish())]
