"""Files of lines, gzip or not, read one line at a time."""

import gzip
import os
import zlib
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self, cast

from taximeter.errors import ConfigurationError
from taximeter.store.failure import StoreError

GZIP_MAGIC = b"\x1f\x8b"
LONGEST_LINE_BYTES = 256 << 20
"""No recording comes near; what is longer was made to fill the memory, or is no file of lines."""

_SKIP_BYTES = 1 << 20


class LineFile:
    """A file of lines; whether it is compressed is read from its first bytes, not from its name.

    Args:
        path: The file; `-` means standard input.
        longest_line_bytes: Where a line is cut.

    Raises:
        ConfigurationError: There is no such file.
        StoreError: The file cannot be opened.
    """

    def __init__(self, path: str | os.PathLike[str], *, longest_line_bytes: int = LONGEST_LINE_BYTES) -> None:
        self.path = os.fspath(path)
        self._longest_line_bytes = longest_line_bytes
        if self.path != "-" and (not Path(path).exists() or Path(path).is_dir()):
            raise ConfigurationError("file", self.path, "an existing file")
        try:
            self._raw = open(0 if self.path == "-" else path, "rb")  # noqa: SIM115, PTH123 - see close(); 0 is stdin
        except OSError as error:
            raise StoreError(f"{self.path}: {error.strerror}") from error
        self.size_bytes = os.fstat(self._raw.fileno()).st_size
        """Size on disk; 0 for a pipe."""
        packed = self._raw.peek(2)[:2] == GZIP_MAGIC
        self._lines = cast(BinaryIO, gzip.GzipFile(fileobj=self._raw)) if packed else self._raw
        self.line_number = 0
        """Lines read so far."""

    @property
    def read_bytes(self) -> int:
        """How far reading has come, in bytes on disk; 0 for a pipe."""
        return self._raw.tell() if self._raw.seekable() else 0

    def __iter__(self) -> Iterator[bytes]:
        """Yield the lines that are not blank; one without end is cut, which makes it unreadable to whoever asked.

        Raises:
            StoreError: The rest of the file cannot be read.
        """
        try:
            for self.line_number, line in enumerate(iter(self._next_line, b""), 1):  # noqa: B020 - the count outlives the loop
                if not line.isspace():
                    yield line
        except (OSError, EOFError, zlib.error) as error:
            raise StoreError(
                f"{self.path}: cannot be read beyond line {self.line_number}: {error}"
            ) from error

    def _next_line(self) -> bytes:
        line = self._lines.readline(self._longest_line_bytes)
        if len(line) == self._longest_line_bytes and not line.endswith(b"\n"):
            while (rest := self._lines.readline(_SKIP_BYTES)) and not rest.endswith(b"\n"):
                pass
        return line

    def close(self) -> None:
        """Close the file."""
        self._lines.close()
        self._raw.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
