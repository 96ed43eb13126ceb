"""Dead letters: the events that a sink refused for good, kept in a file with the reason until somebody mends it."""

import errno
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from time import time_ns

import msgspec

from taximeter.errors import ConfigurationError
from taximeter.given_path import path_from
from taximeter.private_file import open_private_file

FILE_NAME = "dead-letters.ndjson"
"""What the file in a journal's folder is called."""
CLAIMED_SUFFIX = ".retrying"
"""The end of its name while its letters are being sent again."""

_ALLOWED = "a file in a folder that exists; no link"


class DeadLetter(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the file."""

    sink: str
    """Who refused it, as receipts call the sink."""
    reason: str
    refused_at_us: int
    event: msgspec.Raw
    """The event as it was offered."""


class DeadLetters:
    """Appends to the file, which is made with mode 0600 and opened anew each time: it may be moved away.

    Args:
        path: The file.
        max_bytes: How large it may become.
    """

    def __init__(self, path: Path, max_bytes: int) -> None:
        self.path = path
        self._max_bytes = max_bytes

    def keep(self, letters: Sequence[DeadLetter]) -> int:
        """Write the letters, and return how many of them, from the first, are on the disk. Never raises."""
        try:
            return _append(self.path, map(msgspec.json.encode, letters), self._max_bytes)
        except Exception:  # no room, no file of ours, a name that is no text: the caller counts it
            return 0


def file_for(path: str | os.PathLike[str] | None) -> Path | None:
    """Return the option `dead_letters` as a path. Opens nothing.

    Raises:
        ConfigurationError: It cannot be a file.
    """
    if path is None:
        return None
    file = path_from("dead_letters", path, _ALLOWED)
    if file.is_symlink() or (file.exists() and not file.is_file()) or not file.parent.is_dir():
        raise ConfigurationError("dead_letters", str(path), _ALLOWED)
    return file


def letters_for(sink: str, refused: dict[int, str], lines: Sequence[bytes]) -> list[DeadLetter]:
    """Return a letter for each refused line, by its place among the *lines*."""
    now_us = time_ns() // 1000
    return [
        DeadLetter(sink=sink, reason=reason, refused_at_us=now_us, event=msgspec.Raw(lines[place]))
        for place, reason in refused.items()
    ]


def read_letters(path: Path) -> Iterator[DeadLetter | bytes]:
    """Yield the letters of a file, and as bytes what a crash left of a line.

    Raises:
        OSError: There is no such file of ours.
    """
    with os.fdopen(open_private_file(path, os.O_RDONLY), "rb") as file:
        for line in file:
            try:
                yield msgspec.json.decode(line, type=DeadLetter)
            except (msgspec.DecodeError, UnicodeDecodeError):
                if line.strip():
                    yield line.rstrip(b"\n")


def put_back(path: Path, left: Sequence[DeadLetter | bytes]) -> None:
    """Append what `read_letters` has yielded, however large the file becomes.

    Raises:
        OSError: Not all of it is there.
    """
    lines = [each if isinstance(each, bytes) else msgspec.json.encode(each) for each in left]
    if lines and _append(path, lines, sys.maxsize) < len(lines):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))


def _append(path: Path, lines: Iterable[bytes], max_bytes: int) -> int:
    """Write and sync as many lines as there is room for, and return how many are whole on the disk."""
    descriptor = open_private_file(path, os.O_RDWR | os.O_APPEND | os.O_CREAT)
    try:
        size_bytes = os.fstat(descriptor).st_size
        is_torn = bool(size_bytes) and os.pread(descriptor, 1, size_bytes - 1) != b"\n"
        fitting = _fitting(lines, max_bytes - size_bytes - is_torn)
        written = _write(descriptor, b"\n" * is_torn + b"".join(fitting)) if fitting else b""
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    return written.count(b"\n") - is_torn if written else 0


def _fitting(lines: Iterable[bytes], room_bytes: int) -> list[bytes]:
    fitting = []
    for line in lines:
        room_bytes -= len(line) + 1
        if room_bytes < 0:
            break
        fitting.append(line + b"\n")
    return fitting


def _write(descriptor: int, data: bytes) -> bytes:
    """Return what of the data the disk has taken."""
    written = 0
    with suppress(OSError):
        while written < len(data):
            written += os.write(descriptor, data[written:])
    return data[:written]
