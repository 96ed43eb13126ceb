"""Tidying: deletes the segments that every sink has, sets the unreadable ones aside, forgets writers that are gone."""

import os
from collections.abc import Sequence
from contextlib import suppress
from time import time_ns

from taximeter.journal.cursor import SUFFIX, Cursor, Position, decode_cursor, file_name, save_cursor
from taximeter.journal.folder import NOT_OURS, Folder, try_lock
from taximeter.journal.frame import scan
from taximeter.journal.segment import SegmentName, segments_of

EXPIRED_SUFFIX = ".expired"

_FOLD_AFTER_US = 60_000_000
"""For so long a writer that has ended can still read in the cursor what became of its events."""


def tidy(folder: Folder, cursors: Sequence[Cursor], *, retention_s: float, sync: bool) -> int:
    """Delete what has been delivered to every sink; return how many segments went. Only the carrier may do this.

    Args:
        folder: The journal.
        cursors: Of the carrier's own sinks.
        retention_s: How long segments are kept for a sink that nobody delivers to any more.
        sync: Whether a power cut must not bring an older cursor back once a segment is deleted.

    Raises:
        OSError: A cursor could not be saved; nothing was deleted on its account.
    """
    others = _idle_cursors(folder, {cursor.sink for cursor in cursors}, retention_s)
    segments = segments_of(folder)
    done = {
        name: positions
        for name in _names(segments)
        if _is_passed(folder, name, positions := _positions(name, [*cursors, *others]))
    }
    if done:
        # First the cursors, then the segments: the other way round, a crash in between would turn what was delivered
        # into what is missing.
        for cursor in cursors:
            save_cursor(folder, cursor, sync=sync)
        damaged = {name for cursor in (*cursors, *others) for name in cursor.damaged}
        for name, positions in done.items():
            _remove(folder, name, positions, is_damaged=str(name) in damaged)
    for cursor in cursors:
        _forget_ended(cursor, segments)
    with suppress(OSError):  # there is still no room: once more the next time
        folder.keep_reserve()
    return len(done)


def _names(segments: dict[str, list[int]]) -> list[SegmentName]:
    return [SegmentName(writer, number) for writer, numbers in segments.items() for number in numbers]


def _positions(name: SegmentName, cursors: Sequence[Cursor]) -> list[Position]:
    """Return how far each cursor has come with the segment's writer."""
    return [
        cursor.accounts[name.writer].position if name.writer in cursor.accounts else Position()
        for cursor in cursors
    ]


def _is_passed(folder: Folder, name: SegmentName, positions: Sequence[Position]) -> bool:
    """Whether all cursors are behind the segment's end and nobody will append to it."""
    if any(position.segment < name.number for position in positions):
        return False
    try:
        descriptor = folder.open(str(name), os.O_RDONLY)
    except OSError as error:
        return error.errno in NOT_OURS and all(p.segment > name.number for p in positions)
    try:
        return _is_behind(descriptor, name, positions)
    finally:
        os.close(descriptor)


def _is_behind(descriptor: int, name: SegmentName, positions: Sequence[Position]) -> bool:
    """`_is_passed` for an open segment, which is locked by that until it is closed."""
    if not try_lock(descriptor):
        return False
    size_bytes = os.fstat(descriptor).st_size
    return all(p.segment > name.number or p.offset >= size_bytes for p in positions)


def _remove(folder: Folder, name: SegmentName, positions: Sequence[Position], *, is_damaged: bool) -> None:
    """Delete a segment of which every byte was understood; set any other aside.

    Its lock is held meanwhile. A writer that had just made the file when it was looked at, and has locked it and
    written to it since, would lose that otherwise; one that locks it later finds that it is gone.
    """
    try:
        descriptor = folder.open(str(name), os.O_RDONLY)
    except OSError:  # no file of ours
        folder.set_aside(str(name))
        return
    try:
        if not _is_behind(descriptor, name, positions):
            return
        if is_damaged or not _is_sound(descriptor):
            folder.set_aside(str(name))
        else:
            folder.unlink(str(name))
    finally:
        os.close(descriptor)


def _is_sound(descriptor: int) -> bool:
    """Whether it begins as segments do; a cheap look that keeps a stranger's file of this name from being deleted."""
    start = os.pread(descriptor, 1 << 12, 0)
    return not start or bool(scan(start, whole=False, max_frames=1).frames)


def _forget_ended(cursor: Cursor, segments: dict[str, list[int]]) -> None:
    now_us = time_ns() // 1000
    for writer, account in list(cursor.accounts.items()):
        if writer in segments:
            account.done_at_us = None
        elif account.done_at_us is None:
            account.done_at_us = now_us
        elif now_us - account.done_at_us > _FOLD_AFTER_US:
            cursor.fold(writer)
    present = {str(name) for name in _names(segments)}
    cursor.damaged = [name for name in cursor.damaged if name in present]


def _idle_cursors(folder: Folder, mine: set[str], retention_s: float) -> list[Cursor]:
    """Return the cursors of sinks that others deliver to, or nobody; those idle for too long are renamed."""
    idle = []
    own_files = {file_name(sink) for sink in mine}
    for name in folder.names():
        if not name.endswith(SUFFIX) or name in own_files:
            continue
        with suppress(OSError):
            age_s = (
                time_ns() - os.stat(name, dir_fd=folder.descriptor, follow_symlinks=False).st_mtime_ns
            ) / 1e9
            if age_s > retention_s:
                folder.rename(name, f"{name}{EXPIRED_SUFFIX}")
            elif (cursor := decode_cursor(folder.read(name))) is not None:
                idle.append(cursor)
    return idle
