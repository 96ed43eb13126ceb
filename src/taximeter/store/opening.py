"""Opening: which kind of store a file is."""

import os
from pathlib import Path

from taximeter.errors import ConfigurationError
from taximeter.store.event_file import EventFile
from taximeter.store.failure import StoreError
from taximeter.store.line_file import GZIP_MAGIC
from taximeter.store.store import Store

SQLITE_MAGIC = b"SQLite format 3\x00"


def open_store(path: str | os.PathLike[str]) -> Store | EventFile:
    """Open a file of events, SQLite or NDJSON (gzip or not), by what its first bytes say.

    An empty file is a store without events, of whichever kind it is to become.

    Raises:
        ConfigurationError: There is no such file.
        StoreError: The file is of neither kind.
    """
    if not Path(path).is_file():
        raise ConfigurationError("store", os.fspath(path), "an existing file")
    start = _first_bytes(path)
    if start.startswith(SQLITE_MAGIC) or (not start and Path(f"{os.fspath(path)}-wal").exists()):
        return Store(path)  # a new one may be in its write-ahead log still
    if start.startswith(GZIP_MAGIC) or start.lstrip()[:1] in (b"{", b""):
        return EventFile(path)
    raise StoreError(f"{os.fspath(path)}: neither a SQLite store nor a file of events")


def _first_bytes(path: str | os.PathLike[str]) -> bytes:
    try:
        with Path(path).open("rb") as file:
            return file.read(64)
    except OSError as error:
        raise StoreError(f"{os.fspath(path)}: {error.strerror}") from error
