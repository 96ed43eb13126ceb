"""Writer: appends one process's events to segments of its own, within the bound of the folder."""

import errno
import os
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from time import sleep
from typing import TypeVar

import msgspec

from taximeter.journal.folder import Folder, Lock
from taximeter.journal.frame import HEAD_BYTES, Kind, frame
from taximeter.journal.segment import Segment, SegmentName, is_live, new_writer_name, segments_of
from taximeter.journal.sync import Sync

T = TypeVar("T")

SPACE_LOCK = "space.lock"

_BEGIN_BYTES = 256  # more than the frame that begins a segment
_SPACE_ATTEMPTS = 100
_SPACE_PAUSE_S = 0.001
_SEGMENT_ATTEMPTS = 10


class JournalFullError(OSError):
    """The folder holds as much as it may."""

    def __init__(self) -> None:
        super().__init__(errno.EDQUOT, os.strerror(errno.EDQUOT))


class Writer:
    """Numbers the events of one process and appends them; any thread may call it.

    Args:
        folder: Where the segments are.
        segment_bytes: When to begin a new segment; no segment grows larger.
        max_bytes: What all segments of the folder may hold together.
        sync: `DURABLE` syncs each time before it returns.
    """

    def __init__(self, folder: Folder, *, segment_bytes: int, max_bytes: int, sync: Sync) -> None:
        self.name = new_writer_name()
        self.journaled = 0
        """Events written, which is the number of the next one too."""
        self.durable = 0
        """Of these, how many are synced."""
        self._folder = folder
        self._segment_bytes = min(segment_bytes, max_bytes)
        self._max_bytes = max_bytes
        self._sync = sync
        self._segment: Segment | None = None
        self._number = 0
        self._lock = threading.RLock()
        self._busy = False
        with suppress(OSError):  # a full disk: there is none until there is room
            folder.keep_reserve()

    def append(self, lines: Sequence[bytes]) -> bool:
        """Append the events, all or none of them, and return True.

        False, with nothing done, when the calling thread is inside this method already: a signal handler or a
        `__del__` that interrupted it.

        Raises:
            JournalFullError: The folder has no room for them.
            OSError: They could not be written.
        """
        return self._alone(self._append, lines)

    def note_losses(self, by_reason: Mapping[str, int]) -> None:
        """Write down what the process has refused so far, so that the folder's ledger knows it; nothing inside `append`.

        Raises:
            OSError: It could not be written.
        """
        self._alone(self._note_losses, by_reason)

    def close(self) -> None:
        """End the last segment, so that it can be delivered and deleted like those before it."""
        with self._lock:
            self._end_segment()

    def forget(self) -> None:
        """In a forked child, let go of what is the parent's; whoever holds the lock there is not here."""
        self._end_segment()

    def _alone(self, work: Callable[[T], None], on: T) -> bool:
        """Work under the lock unless this thread holds it already: the code around is half done then."""
        with self._lock:
            if self._busy:
                return False
            self._busy = True
            try:
                work(on)
            finally:
                self._busy = False
        return True

    def _append(self, lines: Sequence[bytes]) -> None:
        first = self.journaled
        frames = [frame(Kind.EVENT, first + n, line) for n, line in enumerate(lines)]
        self._put(b"".join(frames), first)
        self.journaled = first + len(frames)
        if self._sync is Sync.DURABLE:
            self.durable = self.journaled

    def _note_losses(self, by_reason: Mapping[str, int]) -> None:
        self._put(frame(Kind.LOSSES, self.journaled, msgspec.json.encode(by_reason)), self.journaled)

    def _put(self, data: bytes, sequence: int) -> None:
        segment = self._segment
        if segment is None or segment.size_bytes + len(data) > self._segment_bytes:
            segment = self._begin_segment(sequence, len(data))
        try:
            self._write(segment, data)
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                if not segment.is_empty:
                    self._end_segment()  # once delivered it can be deleted, which may be all the room there will be
                raise
            # The file may be beyond trust (EIO) or at the system's limit (EFBIG): a new one, once. What has been
            # written twice is told by its sequence.
            self._end_segment()
            self._write(self._begin_segment(sequence, len(data)), data)

    def _write(self, segment: Segment, data: bytes) -> None:
        segment.append(data)
        if self._sync is Sync.DURABLE:
            try:
                segment.sync()
            except OSError:
                segment.take_back(data)
                raise

    def _begin_segment(self, sequence: int, room_bytes: int) -> Segment:
        if room_bytes + _BEGIN_BYTES > self._segment_bytes:
            raise JournalFullError
        space = Lock(self._folder, SPACE_LOCK)
        for _ in range(
            _SPACE_ATTEMPTS
        ):  # a stopped process may hold it for ever; going over the bound is better
            if space.acquire():
                break
            sleep(_SPACE_PAUSE_S)
        try:
            self._check_room()
            segment = self._new_segment(sequence)
            if self._sync is Sync.DURABLE:
                self._folder.sync()
        finally:
            space.release()
        self._end_segment()
        self._segment = segment
        return segment

    def _new_segment(self, sequence: int) -> Segment:
        """Make the next segment; one that a reader has found and looks at before we could lock it is left empty."""
        for _ in range(_SEGMENT_ATTEMPTS - 1):
            self._number += 1
            with suppress(BlockingIOError):
                return Segment(self._folder, SegmentName(self.name, self._number), sequence)
        self._number += 1
        return Segment(self._folder, SegmentName(self.name, self._number), sequence)

    def _check_room(self) -> None:
        """See that the segments that are there, and those of living writers when they are full, leave room for one."""
        if folder_bytes(self._folder, self._segment_bytes) + self._segment_bytes > self._max_bytes:
            raise JournalFullError

    def _end_segment(self) -> None:
        segment, self._segment = self._segment, None
        if segment is not None:
            segment.close()


def folder_bytes(folder: Folder, live_bytes: int = 0) -> int:
    """Return what the segments take, each that is still written counted as *live_bytes* at least."""
    total = 0
    for writer, numbers in segments_of(folder).items():
        for number in numbers:
            with suppress(OSError):  # delivered and deleted meanwhile, or not ours
                descriptor = folder.open(str(SegmentName(writer, number)), os.O_RDONLY)
                try:
                    size_bytes = os.fstat(descriptor).st_size
                    total += max(size_bytes, live_bytes) if is_live(descriptor) else size_bytes
                finally:
                    os.close(descriptor)
    return total


def largest_event_bytes(segment_bytes: int) -> int:
    """Return the length of the longest line that fits into a segment."""
    return segment_bytes - HEAD_BYTES - _BEGIN_BYTES
