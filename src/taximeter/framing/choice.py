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
_EVENT_STARTS = b"deir:\xef"  # data, event, id, retry, a comment, a byte order mark


def choose_framing(head: bytes, media_type: str, usual: type[Framing]) -> Framing:
    """Return a fresh framing for a body.

    Args:
        head: The first bytes, white space left off; one is enough.
        media_type: The content type without parameters, empty where there is none.
        usual: How the format streams.
    """
    first = head[:1]
    if first == b"{" and media_type == _JSON:  # as most answers are
        return WholeBody()
    return _framing_of(first, media_type, usual)()


def _framing_of(first: bytes, media_type: str, usual: type[Framing]) -> type[Framing]:
    is_json = first in b"{["
    if media_type.startswith(_BINARY) and not is_json:
        return BinaryBody
    if media_type == _FRAMES or (first == b"\0" and usual is AwsEventStream):
        return AwsEventStream
    if first == b"[" and usual is JsonArray:
        return JsonArray
    if media_type in _LINES or (usual is JsonLines and media_type != _JSON):
        return JsonLines
    return (
        ServerSentEvents if not is_json and (media_type == _EVENTS or first in _EVENT_STARTS) else WholeBody
    )
