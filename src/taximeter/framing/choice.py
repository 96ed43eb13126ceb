"""Choice: how a body is framed, by its first bytes; the content type only helps, because servers mislabel."""

from taximeter.framing.aws_event_stream import AwsEventStream
from taximeter.framing.binary_body import BinaryBody
from taximeter.framing.document import Framing
from taximeter.framing.json_array import JsonArray
from taximeter.framing.json_lines import JsonLines
from taximeter.framing.server_sent_events import ServerSentEvents
from taximeter.framing.whole_body import WholeBody

_JSON = "application/json"
_EVENTS = "text/event-stream"
_FRAMES = "application/vnd.amazon.eventstream"
_LINES = frozenset(
    {"application/x-ndjson", "application/ndjson", "application/jsonl", "application/stream+json"}
)
_BINARY = ("audio/", "image/", "video/", "application/octet-stream")
_FIELDS = (b"data:", b"event:")  # what no sound or picture begins with
_BOM = b"\xef"  # its first byte
_PRETTY = (b"{\n", b"{\r")  # what no JSON line begins with
_EVENT_STARTS = b"deir:"  # data, event, id, retry, a comment


def head_bytes(media_type: str) -> int:
    """Return how many bytes, white space left off, `choose_framing` wants to see of a longer body."""
    return len(_FIELDS[1]) if media_type.startswith(_BINARY) else len(_PRETTY[0])


def choose_framing(head: bytes, media_type: str, usual: type[Framing]) -> Framing:
    """Return a fresh framing for a body.

    Args:
        head: The first bytes, white space left off; as many as `head_bytes` says, fewer when the body is shorter.
        media_type: The content type without parameters, empty where there is none.
        usual: How the format streams.
    """
    first = head[:1]
    if first == b"{" and (media_type == _JSON or head.startswith(_PRETTY)):  # as most answers are
        return WholeBody()
    if first not in b"{[" and media_type.startswith(_BINARY):
        return ServerSentEvents() if head.startswith(_FIELDS) else BinaryBody()
    return _framing_of(first, media_type, usual)()


def _framing_of(first: bytes, media_type: str, usual: type[Framing]) -> type[Framing]:
    is_json = first in b"{["
    if media_type == _FRAMES or (first == b"\0" and usual is AwsEventStream):
        return AwsEventStream
    if first == b"[" and usual is JsonArray:
        return JsonArray
    if first in _EVENT_STARTS and usual is JsonLines:
        return ServerSentEvents
    if media_type in _LINES or (usual is JsonLines and media_type != _JSON):
        return JsonLines
    return (
        ServerSentEvents
        if not is_json and (media_type == _EVENTS or first in _EVENT_STARTS + _BOM)
        else WholeBody
    )
