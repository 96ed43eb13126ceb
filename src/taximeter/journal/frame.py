"""Frame: one record of a journal, with its length, its place in the order and its checksum; to bytes and back.

Layout, little-endian: mark (3 bytes), kind (1), length of the payload (4), sequence (8), CRC-32 of all of that and of
the payload (4), payload. The mark begins with 0xFF, which no UTF-8 text contains, so a reader that has met damage finds
the next frame by looking for it.
"""

from enum import IntEnum
from struct import Struct
from typing import NamedTuple
from zlib import crc32

_MARK = b"\xffTX"
_HEAD = Struct("<3sBIQ")
_SUMMED_HEAD = Struct("<3sBIQI")

HEAD_BYTES = _SUMMED_HEAD.size
"""What a frame adds to its payload."""
MAX_PAYLOAD_BYTES = 1 << 26


class Kind(IntEnum):
    """What a frame holds. Its sequence is the event's own number, and that of the next event in all other kinds."""

    BEGIN = 0
    """The first frame of a segment: who writes it."""
    EVENT = 1
    """One event as a line of JSON."""
    LOSSES = 2
    """What its process has refused so far, by reason, in one JSON object."""
    CURSOR = 3
    """A cursor file's only frame."""


class Frame(NamedTuple):
    """A frame as it was read."""

    kind: Kind
    sequence: int
    payload: bytes


class Scan(NamedTuple):
    """What was found in a piece of a segment."""

    frames: list[Frame]
    damage: list[tuple[int, int]]
    """Where bytes are that are no frame: start and end."""
    end: int
    """Up to where the piece has been read; what follows is not complete yet, or more than was asked for."""


def frame(kind: Kind, sequence: int, payload: bytes) -> bytes:
    """Return the payload as a frame.

    Raises:
        ValueError: The payload is longer than `MAX_PAYLOAD_BYTES`.
    """
    if len(payload) > MAX_PAYLOAD_BYTES:
        raise ValueError(f"a frame holds {MAX_PAYLOAD_BYTES} bytes at most")
    head = _HEAD.pack(_MARK, kind, len(payload), sequence)
    return _SUMMED_HEAD.pack(_MARK, kind, len(payload), sequence, crc32(payload, crc32(head))) + payload


def scan(data: bytes, *, whole: bool, max_frames: int) -> Scan:
    """Read the frames of a piece, stepping over what is damaged.

    Args:
        data: Bytes of a segment, from the start of a frame on.
        whole: Whether nothing will ever follow; an incomplete end is damage then.
        max_frames: When to stop.
    """
    frames: list[Frame] = []
    damage: list[tuple[int, int]] = []
    at = 0
    while at < len(data) and len(frames) < max_frames:
        found = _frame_at(data, at)
        if found is not None:
            frames.append(found)
            at += HEAD_BYTES + len(found.payload)
            continue
        following = _next_frame(data, at + 1)
        if following is None and not whole:
            break
        damage.append((at, len(data) if following is None else following))
        at = damage[-1][1]
    return Scan(frames, damage, at)


def _frame_at(data: bytes, at: int) -> Frame | None:
    start = at + HEAD_BYTES
    if len(data) < start:
        return None
    mark, kind, length, sequence, expected = _SUMMED_HEAD.unpack_from(data, at)
    end = start + length
    if mark != _MARK or length > MAX_PAYLOAD_BYTES or end > len(data):
        return None
    payload = data[start:end]
    if crc32(payload, crc32(data[at : at + _HEAD.size])) != expected or kind not in _KINDS:
        return None
    return Frame(_KINDS[kind], sequence, payload)


def _next_frame(data: bytes, start: int) -> int | None:
    at = data.find(_MARK, start)
    while at >= 0:
        if _frame_at(data, at) is not None:
            return at
        at = data.find(_MARK, at + 1)
    return None


_KINDS = {kind.value: kind for kind in Kind}
