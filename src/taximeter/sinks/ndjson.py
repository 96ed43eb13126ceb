"""The NDJSON sink: one event a line, appended to a file that other tools may read, move and rotate."""

import os
import stat
from io import FileIO
from pathlib import Path
from time import sleep

import anyio
from aiofiles.threadpool import wrap

from taximeter.private_file import open_plain_file
from taximeter.sinks.batch import Batch
from taximeter.sinks.inline import INLINE

_MOMENT_S = 0.001


class NdjsonSink:
    """Appends lines; makes the file with mode 0600.

    A file that was moved away is made anew at the next write. A line that a crash left torn is ended before the next
    event. What a batch that failed half way has written is cut off again, so that the file holds what was delivered;
    where another process has appended to it meanwhile, the batch is continued instead.

    Args:
        path: The file.
        name: How receipts call this sink; None means the file's name.
    """

    def __init__(self, path: str | os.PathLike[str], *, name: str | None = None) -> None:
        self.path = Path(path)
        self.name = name or self.path.name
        self._file: FileIO | None = None
        self._batch: Batch | None = None
        self._written_lines = 0

    @property
    def is_open(self) -> bool:
        """Whether there is a file to close."""
        return self._file is not None

    async def write(self, batch: Batch) -> None:
        """Append the lines of the batch that are not written yet."""
        if batch is not self._batch:
            self._batch, self._written_lines = batch, 0
        with anyio.CancelScope(shield=True):  # or it would not be known what has been written
            await self._append(batch.lines[self._written_lines :])

    async def aclose(self) -> None:
        """Close the file."""
        self._close()

    def forget(self) -> None:
        """Open a file of our own in a forked child; nothing is buffered, so closing the parent's writes nothing."""
        self._close()

    async def _append(self, lines: tuple[bytes, ...]) -> None:
        if not lines:
            return
        data = b"\n".join((*lines, b""))
        written = 0
        try:
            file = wrap(self._opened(), executor=INLINE)
            while written < len(data):
                written += await file.write(data[written:])
        except BaseException:
            self._give_up(data, written)
            raise
        self._written_lines += len(lines)

    def _give_up(self, data: bytes, written: int) -> None:
        """Take back what was written, and close: the next attempt looks at the file afresh."""
        if self._file is not None:
            if not _take_back(self._file.fileno(), written):
                self._written_lines += data.count(b"\n", 0, written)
            self._close()

    def _opened(self) -> FileIO:
        if self._file is not None and not _is_same_file(self._file.fileno(), self.path):
            self._close()
        if self._file is None:
            self._file = FileIO(self.path, "ab", opener=open_plain_file)
            if _is_torn(self._file.fileno(), self.path):
                self._file.write(b"\n")
        return self._file

    def _close(self) -> None:
        file, self._file = self._file, None
        if file is not None:
            file.close()


def _is_same_file(descriptor: int, path: Path) -> bool:
    """Whether the path still leads to the open file; log rotation moves it away."""
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False


def _take_back(descriptor: int, written: int) -> bool:
    """Cut off the last bytes, unless another process has appended to them or this is no file; return whether."""
    try:
        end = os.lseek(descriptor, 0, os.SEEK_CUR)
        if not written or os.fstat(descriptor).st_size != end:
            return False
        os.ftruncate(descriptor, end - written)
    except OSError:  # what was written stays, and a torn line is ended before the next event
        return False
    return True


def _is_torn(descriptor: int, path: Path) -> bool:
    """Whether the last line has no end; only a regular file can be looked at without waiting for somebody."""
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode) or not status.st_size or not _ends_in_a_line(path):
        return False
    sleep(_MOMENT_S)  # another process may be in the middle of its write
    return os.fstat(descriptor).st_size == status.st_size and _ends_in_a_line(path)


def _ends_in_a_line(path: Path) -> bool:
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read(1) != b"\n"  # one byte: others may have appended more by now
