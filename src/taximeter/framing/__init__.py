"""Bytes to JSON documents, incrementally: any split at any byte gives the same documents, in linear time."""

from taximeter.framing.aws_event_stream import AwsEventStream
from taximeter.framing.binary_body import BinaryBody
from taximeter.framing.choice import choose_framing, head_bytes
from taximeter.framing.document import BODY_LIMIT_BYTES, DOCUMENT_LIMIT_BYTES, Document, Framing
from taximeter.framing.json_array import JsonArray
from taximeter.framing.json_lines import JsonLines
from taximeter.framing.server_sent_events import ServerSentEvents
from taximeter.framing.whole_body import WholeBody

__all__ = [
    "BODY_LIMIT_BYTES",
    "DOCUMENT_LIMIT_BYTES",
    "AwsEventStream",
    "BinaryBody",
    "Document",
    "Framing",
    "JsonArray",
    "JsonLines",
    "ServerSentEvents",
    "WholeBody",
    "choose_framing",
    "head_bytes",
]
