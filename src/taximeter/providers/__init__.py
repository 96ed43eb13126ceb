"""One file per wire format, and the table from URL to format."""

from taximeter.providers.directory import FORMATS, endpoint_for, identify
from taximeter.providers.endpoint import Endpoint
from taximeter.providers.facts import Facts, RequestFacts
from taximeter.providers.likeness import Likeness
from taximeter.providers.payload import read_payload
from taximeter.providers.reading import Reading, read_response
from taximeter.providers.usage_request import ask_for_usage, is_usage_only

__all__ = [
    "FORMATS",
    "Endpoint",
    "Facts",
    "Likeness",
    "Reading",
    "RequestFacts",
    "ask_for_usage",
    "endpoint_for",
    "identify",
    "is_usage_only",
    "read_payload",
    "read_response",
]
