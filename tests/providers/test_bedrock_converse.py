"""A conversation's stream may end in an error, with or without a document."""

from struct import pack
from zlib import crc32

import pytest

from taximeter.providers import endpoint_for, read_response
from wire_samples import FRAMES, aws_frame


def error_frame(code: str) -> bytes:
    """Return the frame of an error that is none of the modelled exceptions: only headers, no document."""
    headers = b"".join(
        bytes([len(name)]) + name + b"\x07" + pack(">H", len(value)) + value
        for name, value in ((b":error-code", code.encode()), (b":message-type", b"error"))
    )
    prelude = pack(">II", 16 + len(headers), len(headers))
    frame = prelude + pack(">I", crc32(prelude)) + headers
    return frame + pack(">I", crc32(frame))


@pytest.mark.parametrize("wire_format", ["bedrock.converse_stream", "bedrock.invoke_stream"])
@pytest.mark.parametrize("said", ["", "some text"])
def test_an_error_without_a_document_is_a_failure(wire_format: str, said: str) -> None:
    """Its code is the word, before and after the first output."""
    body = aws_frame("contentBlockDelta", {"delta": {"text": said}}) if said else b""
    facts = read_response(
        endpoint_for(wire_format), None, 200, FRAMES, body + error_frame("InternalServerException")
    )
    assert (facts.error_type, facts.error_retryable) == ("InternalServerException", True)
    assert not facts.truncated
