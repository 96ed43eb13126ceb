"""AWS event stream: binary frames with two checksums, as Bedrock streams.

Documented (2026-11) at docs.aws.amazon.com/transcribe/latest/dg/streaming-setting-up.html#streaming-event-stream and
smithy.io/2.0/aws/amazon-eventstream.html. A frame is: total length, headers' length, CRC-32 of those two, headers,
payload, CRC-32 of everything before.
"""

from collections.abc import Iterator, Sequence
from functools import lru_cache
from struct import Struct, error
from zlib import crc32

from taximeter.framing.document import DOCUMENT_LIMIT_BYTES, Document

_PRELUDE = Struct(">III")
_CRC_BYTES = 4
_FIXED_BYTES = {0: 0, 1: 0, 2: 1, 3: 2, 4: 4, 5: 8, 8: 8, 9: 16}  # of a header's value, by its type
_USUAL_BYTES = 256  # what is remembered of headers must not fill the memory
_COUNTED = (6, 7)  # bytes and text: two bytes of length first


class AwsEventStream:
    """Cuts frames out of a body; a document's name is the frame's event or exception type.

    A frame whose checksum is wrong is passed over; where the lengths themselves cannot be trusted, the rest of the
    body is, because nothing says where the next frame begins.

    Args:
        limit_bytes: A longer frame is passed over and counted as unparsed.
    """

    __slots__ = ("_buffer", "_damaged", "_limit_bytes", "_skip_bytes", "_wanted_bytes", "unparsed")

    def __init__(self, limit_bytes: int = DOCUMENT_LIMIT_BYTES) -> None:
        self.unparsed = 0
        self._limit_bytes = limit_bytes
        self._buffer = bytearray()
        self._wanted_bytes = _PRELUDE.size
        self._skip_bytes = 0
        self._damaged = False

    def feed(self, data: bytes, /) -> Sequence[Document]:
        """Take the next bytes and return the frames that they complete."""
        if self._skip_bytes:
            skipped = min(self._skip_bytes, len(data))
            self._skip_bytes -= skipped
            data = data[skipped:]
        if self._damaged:
            return ()
        self._buffer += data
        if len(self._buffer) < self._wanted_bytes:
            return ()
        return [document for frame in self._frames() if (document := self._document(frame)) is not None]

    def finish(self) -> Sequence[Document]:
        """Return nothing: a frame without its end is no document."""
        return ()

    def _frames(self) -> Iterator[bytes]:
        start, buffer = 0, self._buffer
        while len(buffer) - start >= _PRELUDE.size:
            total_bytes, headers_bytes, checksum = _PRELUDE.unpack_from(buffer, start)
            smallest = _PRELUDE.size + headers_bytes + _CRC_BYTES
            if crc32(buffer[start : start + 8]) != checksum or total_bytes < smallest:
                self._give_up()
                return
            if total_bytes > self._limit_bytes:
                self.unparsed += 1
                self._skip_bytes = max(0, total_bytes - (len(buffer) - start))
                start += total_bytes
                continue
            if len(buffer) - start < total_bytes:
                self._wanted_bytes = total_bytes
                break
            yield bytes(buffer[start : start + total_bytes])
            start += total_bytes
            self._wanted_bytes = _PRELUDE.size
        del buffer[:start]

    def _give_up(self) -> None:
        self.unparsed += 1
        self._damaged = True
        self._buffer.clear()

    def _document(self, frame: bytes) -> Document | None:
        end = len(frame) - _CRC_BYTES
        headers_end = _PRELUDE.size + int.from_bytes(frame[4:8], "big")
        if crc32(frame[:end]) != int.from_bytes(frame[end:], "big"):
            self.unparsed += 1
            return None
        try:
            name = _name_of(frame[_PRELUDE.size : headers_end])
        except (error, IndexError, KeyError):
            self.unparsed += 1
            return None
        return name, frame[headers_end:end]


def _name_of(data: bytes) -> bytes:
    """Return the name that a frame's headers give it; all frames of one kind have the same headers."""
    return _usual_name(data) if len(data) <= _USUAL_BYTES else _name_in(data)


def _name_in(data: bytes) -> bytes:
    headers = dict(_headers(data))
    return (
        headers.get(b":event-type") or headers.get(b":exception-type") or headers.get(b":error-code") or b""
    )


_usual_name = lru_cache(maxsize=64)(_name_in)


def _headers(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = 0
    while at < len(data):
        name = data[at + 1 : at + 1 + data[at]]
        at += 1 + data[at]
        kind = data[at]
        at += 1
        if kind in _COUNTED:
            length = int.from_bytes(data[at : at + 2], "big")
            at += 2
        else:
            length = _FIXED_BYTES[kind]
        yield name, data[at : at + length]
        at += length
