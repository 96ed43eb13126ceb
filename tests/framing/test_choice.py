"""How a body is framed is read from its first byte first."""

import pytest

from taximeter.framing import (
    AwsEventStream,
    BinaryBody,
    Framing,
    JsonArray,
    JsonLines,
    ServerSentEvents,
    WholeBody,
    choose_framing,
)

EVENTS, JSON, LINES, NONE = "text/event-stream", "application/json", "application/x-ndjson", ""


@pytest.mark.parametrize(
    ("head", "media_type", "usual", "expected"),
    [
        (b"{", JSON, ServerSentEvents, WholeBody),
        (b"{", EVENTS, ServerSentEvents, WholeBody),
        (b"{", NONE, ServerSentEvents, WholeBody),
        (b"{", "application/octet-stream", ServerSentEvents, WholeBody),
        (b"data: 1", EVENTS, ServerSentEvents, ServerSentEvents),
        (b"d", NONE, ServerSentEvents, ServerSentEvents),
        (b": ping", "text/plain", ServerSentEvents, ServerSentEvents),
        (b"\xef\xbb\xbfdata", JSON, ServerSentEvents, ServerSentEvents),
        (b"<html>", "text/html", ServerSentEvents, WholeBody),
        (b"[", JSON, JsonArray, JsonArray),
        (b"[", JSON, ServerSentEvents, WholeBody),
        (b"data: 1", EVENTS, JsonArray, ServerSentEvents),
        (b"{", LINES, ServerSentEvents, JsonLines),
        (b"{", NONE, JsonLines, JsonLines),
        (b"{", JSON, JsonLines, WholeBody),
        (b"\0", NONE, AwsEventStream, AwsEventStream),
        (b"\0", "application/vnd.amazon.eventstream", ServerSentEvents, AwsEventStream),
        (b"{", JSON, AwsEventStream, WholeBody),
        (b"ID3", "audio/mpeg", ServerSentEvents, BinaryBody),
        (b"data:", "application/octet-stream", ServerSentEvents, ServerSentEvents),
        (b"event:", "application/octet-stream", ServerSentEvents, ServerSentEvents),
        (b"dat\0a:", "application/octet-stream", ServerSentEvents, BinaryBody),
        (b"data: 1", EVENTS, JsonLines, ServerSentEvents),
        (b"data: 1", LINES, JsonLines, ServerSentEvents),
        (b"{", EVENTS, JsonLines, JsonLines),
        (b'{"', NONE, JsonLines, JsonLines),
        (b"{\n", NONE, JsonLines, WholeBody),
        (b"{\r\n", LINES, JsonLines, WholeBody),
        (b"{\n", EVENTS, JsonLines, WholeBody),
    ],
)
def test_bytes_count_more_than_labels(
    head: bytes, media_type: str, usual: type[Framing], expected: type[Framing]
) -> None:
    """A stream labelled as JSON is a stream, an error body labelled as a stream is a body."""
    assert type(choose_framing(head, media_type, usual)) is expected
