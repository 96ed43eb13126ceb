"""Upkeep: a store opened to be mended, beside those who write and read it."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from os import fspath
from pathlib import Path
from time import monotonic, sleep

from taximeter.errors import ConfigurationError
from taximeter.sinks.layout import LAYOUT_VERSION
from taximeter.sinks.migration import version_of
from taximeter.sinks.sqlite import ForeignTableError, open_database
from taximeter.store.failure import StoreError

PATIENCE_S = 60.0
"""How long another writer is waited for: longer than the migration of a large store takes."""
_PAUSE_S = 0.01


@contextmanager
def opened_for_upkeep(path: Path, *, patience_s: float = PATIENCE_S) -> Iterator[sqlite3.Connection]:
    """Open a store that is there to be written, in today's layout; transactions are the caller's.

    Args:
        path: The store.
        patience_s: How long to wait for other writers, each time.

    Raises:
        ConfigurationError: There is no such file.
        StoreError: The file is no store, of a newer layout, or in use for too long.
    """
    if not path.is_file():
        raise ConfigurationError("store", fspath(path), "an existing file")
    try:
        _check_layout(path)
        connection = _opened(path, monotonic() + patience_s)
        try:
            connection.execute(f"PRAGMA busy_timeout = {round(patience_s * 1000)}")
            yield connection
        finally:
            connection.close()
    except ForeignTableError as error:
        raise StoreError(f"{path}: {error}") from error
    except sqlite3.Error as error:
        raise StoreError(f"{path}: {error}") from error


def _check_layout(path: Path) -> None:
    """Look before anything is changed: opening puts the layout into any database."""
    connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=rw", uri=True)
    try:
        tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_schema")}
        if "event_rows" not in tables:
            raise StoreError(f"{path}: not a store of taximeter: it has no events in its layout")
        if (version := version_of(connection)) > LAYOUT_VERSION:
            raise StoreError(
                f"{path}: in layout {version}; this version of taximeter knows up to {LAYOUT_VERSION}: update it"
            )
    finally:
        connection.close()


def _opened(path: Path, deadline: float) -> sqlite3.Connection:
    while True:
        try:
            return open_database(path)
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or monotonic() > deadline:
                raise
            sleep(_PAUSE_S)


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """Write all of it or nothing."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        connection.execute("ROLLBACK")
        raise


def size_of(path: Path) -> int:
    """Return how many bytes a store takes, its write-ahead log included."""
    files = (path, path.with_name(f"{path.name}-wal"))
    return sum(file.stat().st_size for file in files if file.exists())
