"""Segment: one append-only file of one process's journal."""

import errno
import os
import re
from contextlib import suppress
from typing import NamedTuple, Self

import msgspec

from taximeter.identifier import new_event_id
from taximeter.journal.folder import Folder, try_lock, write_all
from taximeter.journal.frame import Kind, frame

VERSION = 1

_NAME = re.compile(r"(?P<writer>[0-9a-f]{32})-(?P<number>[0-9]{6,12})\.segment", re.ASCII)


class SegmentName(NamedTuple):
    """Who writes a segment, and which of the writer's segments it is, from 1."""

    writer: str
    number: int

    def __str__(self) -> str:
        return f"{self.writer}-{self.number:06d}.segment"

    @classmethod
    def parse(cls, name: str) -> Self | None:
        """Return what a file's name says; None for files that are no segments."""
        match = _NAME.fullmatch(name)
        if match is None or f"{int(match['number']):06d}" != match["number"]:
            return None
        return cls(match["writer"], int(match["number"]))


class Segment:
    """The segment that is being written. Its lock says that its writer lives; a number in a file never could.

    Args:
        folder: Where it is.
        name: What it is called.
        sequence: Of the first event that it may hold.

    Raises:
        OSError: It cannot be made or locked.
    """

    def __init__(self, folder: Folder, name: SegmentName, sequence: int) -> None:
        self.name = name
        self.size_bytes = 0
        self._descriptor = folder.open(str(name), os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL)
        try:
            # Somebody who tidies up may have found the file before it was locked.
            if not try_lock(self._descriptor) or os.fstat(self._descriptor).st_nlink != 1:
                raise BlockingIOError(errno.EAGAIN, "the new segment is in somebody's hands")
            begin = msgspec.json.encode({"version": VERSION, "writer": name.writer, "process": os.getpid()})
            try:
                self.append(frame(Kind.BEGIN, sequence, begin))
            except OSError:
                folder.unlink(str(name))  # a full disk would get an empty file more with each attempt
                raise
        except BaseException:
            self.close()
            raise
        self._begin_bytes = self.size_bytes

    @property
    def is_empty(self) -> bool:
        """Whether nothing has been appended yet."""
        return self.size_bytes == self._begin_bytes

    def append(self, data: bytes) -> None:
        """Append all of the data or nothing.

        Raises:
            OSError: It was not appended.
        """
        try:
            write_all(self._descriptor, data)
        except OSError:
            os.ftruncate(self._descriptor, self.size_bytes)
            raise
        self.size_bytes += len(data)

    def take_back(self, data: bytes) -> None:
        """Cut off what was appended last: the next event gets its number, and would be taken for it."""
        self.size_bytes -= len(data)
        with suppress(OSError):
            os.ftruncate(self._descriptor, self.size_bytes)

    def sync(self) -> None:
        """Wait until what was appended is on the disk."""
        os.fdatasync(self._descriptor)

    def close(self) -> None:
        """Let go of the file, which says that nothing will be appended any more."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)


def new_writer_name() -> str:
    """Return a name that no other writer has; names sort by the time they were made."""
    return new_event_id().replace("-", "")


def segments_of(folder: Folder) -> dict[str, list[int]]:
    """Return the numbers of the segments that are there, sorted, by writer; writers in the order they began."""
    found: dict[str, list[int]] = {}
    for name in filter(None, map(SegmentName.parse, folder.names())):
        found.setdefault(name.writer, []).append(name.number)
    return {writer: sorted(numbers) for writer, numbers in found.items()}


def is_live(descriptor: int) -> bool:
    """Whether somebody may still append to the open segment."""
    return not try_lock(descriptor, shared=True)
