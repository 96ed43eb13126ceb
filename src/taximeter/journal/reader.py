"""Reader: one writer's events in their order, from a position on, across segments and over what is damaged."""

import errno
import os
from bisect import bisect_right
from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from taximeter.journal.cursor import Position
from taximeter.journal.folder import NOT_OURS, Folder
from taximeter.journal.frame import HEAD_BYTES, MAX_PAYLOAD_BYTES, Frame, Kind, Scan, scan
from taximeter.journal.segment import SegmentName, is_live

_PIECE_BYTES = 1 << 19
_UNREADABLE = NOT_OURS | {errno.EIO}


class Passage(msgspec.Struct, frozen=True, kw_only=True):
    """What lies between two positions."""

    writer: str
    lines: list[bytes]
    """The events."""
    end: Position
    missing: int = 0
    """Events that were written and cannot be read any more."""
    refused: dict[str, int] | None = None
    """The losses that the writer's process last told of; None when it told of none here."""
    damaged: str | None = None
    """The segment, if it has bytes that are no frames."""


class _Piece(NamedTuple):
    scan: Scan
    is_end: bool
    """Whether it reaches the end of a segment that nobody will append to."""
    is_unreadable: bool = False
    """Whether the segment is no plain file of ours, or the disk cannot read it."""


def read_passage(
    folder: Folder, writer: str, numbers: Sequence[int], start: Position, *, max_events: int
) -> Passage | None:
    """Return what follows a position, of one segment at most; None when there is nothing yet.

    Args:
        folder: Where the segments are.
        writer: Whose segments.
        numbers: The writer's segments that are there, sorted.
        start: From where.
        max_events: How many events at most.

    Raises:
        OSError: A segment cannot be read.
    """
    number = start.segment
    if number not in numbers:
        later = bisect_right(numbers, number)
        if later == len(numbers):
            return None
        number = numbers[later]
        start = Position(number, 0, 0 if number == 1 else start.sequence)
    piece = _piece(folder, SegmentName(writer, number), start.offset, max_events)
    if piece is None or piece.scan.end == 0:
        if piece is not None and piece.is_end and bisect_right(numbers, number) < len(numbers):
            following = numbers[bisect_right(numbers, number)]
            damaged = str(SegmentName(writer, number)) if piece.is_unreadable else None
            return Passage(
                writer=writer, lines=[], end=Position(following, 0, start.sequence), damaged=damaged
            )
        return None
    return _passage(writer, start, piece.scan)


def _passage(writer: str, start: Position, found: Scan) -> Passage:
    lines: list[bytes] = []
    sequence, missing, refused = start.sequence, 0, None
    for frame in found.frames:
        sequence = frame.sequence if sequence is None else sequence
        missing += max(frame.sequence - sequence, 0)
        if frame.kind is Kind.EVENT and frame.sequence >= sequence:  # or it was written twice
            lines.append(frame.payload)
            sequence = frame.sequence + 1
        else:
            sequence = max(sequence, frame.sequence)
        if frame.kind is Kind.LOSSES:
            refused = _losses(frame)
    return Passage(
        writer=writer,
        lines=lines,
        end=Position(start.segment, start.offset + found.end, sequence),
        missing=missing,
        refused=refused,
        damaged=str(SegmentName(writer, start.segment)) if found.damage else None,
    )


def _losses(frame: Frame) -> dict[str, int] | None:
    try:
        return msgspec.json.decode(frame.payload, type=dict[str, int])
    except msgspec.DecodeError:
        return None


def _piece(folder: Folder, name: SegmentName, offset: int, max_events: int) -> _Piece | None:
    """Scan from an offset on; None when the segment is gone."""
    try:
        descriptor = folder.open(str(name), os.O_RDONLY)
        try:
            return _scan_from(descriptor, offset, max_events)
        finally:
            os.close(descriptor)
    except FileNotFoundError:
        return None
    except OSError as error:
        if error.errno in _UNREADABLE:
            return _Piece(Scan([], [], 0), is_end=True, is_unreadable=True)
        raise


def _scan_from(descriptor: int, offset: int, max_events: int) -> _Piece:
    """Scan a small piece, or all there is where a frame does not fit into one."""
    is_final = not is_live(descriptor)  # asked first: what is appended later does not belong to this answer
    size_bytes = os.fstat(descriptor).st_size
    found = Scan([], [], 0)
    for limit in (_PIECE_BYTES, HEAD_BYTES + MAX_PAYLOAD_BYTES):
        data = _read(descriptor, offset, limit)
        reaches_end = offset + len(data) >= size_bytes
        found = scan(data, whole=is_final and reaches_end, max_frames=max_events)
        if found.end or reaches_end:
            break
    return _Piece(found, is_end=is_final and offset + found.end >= size_bytes)


def _read(descriptor: int, offset: int, limit: int) -> bytes:
    parts = []
    while limit > 0 and (part := os.pread(descriptor, limit, offset)):
        parts.append(part)
        offset += len(part)
        limit -= len(part)
    return b"".join(parts)
