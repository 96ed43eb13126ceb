"""The SQLite sink: one row per event, money and times as integers, readable while it is written."""

import os
import sqlite3
from collections.abc import Callable, Mapping
from pathlib import Path
from random import Random
from time import monotonic
from typing import TypeVar

import anyio

from taximeter.sinks import content_table, loss_table
from taximeter.sinks.batch import Batch
from taximeter.sinks.derived import INDEXES, VIEWS
from taximeter.sinks.layout import LAYOUT_VERSION, TABLES
from taximeter.sinks.migration import migrate, version_of
from taximeter.sinks.row_writer import RowWriter
from taximeter.sqlite_file import file_id, make_sqlite_file
from taximeter.unforked import Unforked

T = TypeVar("T")

_left_to_parent: list[sqlite3.Connection] = []


class ForeignTableError(Exception):
    """The database has a table of somebody else's where ours would be."""


class SqliteSink:
    """Writes to the tables of `layout`, which it makes, and widens when a newer version has more fields.

    Every process has a connection of its own; the file may be read and written by others at the same time.

    Args:
        path: The database file, made on the first write with mode 0600.
        busy_timeout_s: How long to wait for another writer before the attempt fails.
        durable: Whether what is written outlives a power cut at once, and not only the process.
        name: How receipts call this sink; None means the file's name.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        busy_timeout_s: float = 5.0,
        durable: bool = False,
        name: str | None = None,
    ) -> None:
        self.path = Path(path)
        self.name = name or self.path.name
        self._busy_timeout_s = busy_timeout_s
        self._durable = durable
        self._connection: sqlite3.Connection | None = None
        self._writer: RowWriter | None = None
        self._file_id: tuple[int, int] | None = None
        self._random = Random()  # noqa: S311 - spreads waiting writers
        self._unforked = Unforked()

    @property
    def is_open(self) -> bool:
        """Whether there is a connection to close."""
        return self._connection is not None

    async def write(self, batch: Batch) -> None:
        """Insert the batch in one transaction; ids that are there already are left as they are."""
        await self.insert(batch)

    async def insert(self, batch: Batch) -> int:
        """Write the batch and return how many of its events were not there yet."""
        return await self._written(lambda writer: writer.write(batch.lines))

    async def note_losses(self, source: str, lost: Mapping[str, int]) -> None:
        """Keep how many events of a source never came here, by reason, since it began."""
        await self._written(lambda writer: writer.note_losses(source, lost))

    async def _written(self, write: Callable[[RowWriter], T]) -> T:
        """Write in one transaction, waiting for others that do."""
        deadline = monotonic() + self._busy_timeout_s
        while True:
            written = self._write(write, is_last=monotonic() > deadline)
            if written:
                return written[0]
            await anyio.sleep(self._random.uniform(0.001, 0.02))

    async def aclose(self) -> None:
        """Close the connection, which folds the write-ahead log into the database."""
        with self._unforked:
            self._disconnect()

    def forget(self) -> None:
        """Leave the connection to the parent: SQLite forbids carrying one over a fork, closing it included."""
        if self._connection is not None:
            _left_to_parent.append(self._connection)
            self._connection = self._writer = None

    def _write(self, write: Callable[[RowWriter], T], *, is_last: bool) -> tuple[T, ...]:
        """Do it and return what it returned; nothing where somebody else is writing, so that other sinks' turn comes."""
        with self._unforked:
            try:
                if (connection := self._begun(is_last=is_last)) is None:
                    return ()
                if self._writer is None:
                    self._writer = RowWriter(connection)
                written = write(self._writer)
                connection.execute("COMMIT")
            except BaseException:
                self._disconnect()  # rolls back, and the next attempt looks at the file afresh
                raise
        return (written,)

    def _begun(self, *, is_last: bool) -> sqlite3.Connection | None:
        """Return the connection in a transaction; None where somebody else is writing, unless it is the last time."""
        try:
            connection = self._connected()
            connection.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError as error:
            if is_last or error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:
                raise
            return None
        return connection

    def _connected(self) -> sqlite3.Connection:
        if self._connection is not None and file_id(self.path) != self._file_id:
            self._disconnect()  # the file was moved away or replaced
        if self._connection is None:
            make_sqlite_file(self.path)
            self._connection = open_database(self.path, durable=self._durable)
            self._file_id = file_id(self.path)
        return self._connection

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = self._writer = None


def open_database(path: Path, *, durable: bool = False) -> sqlite3.Connection:
    """Open a file for one writer of events, with the layout in it.

    Nothing waits for other writers, that is up to the caller.

    Raises:
        ForeignTableError: Somebody else's tables are there.
        sqlite3.Error: The file cannot be written, or is no database.
    """
    # Another thread may use it after a restart of the flusher, never two at once
    connection = sqlite3.connect(path, timeout=0, isolation_level=None, check_same_thread=False)
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
        connection.execute("BEGIN IMMEDIATE")
        _prepare(connection)
        connection.execute("COMMIT")
    except BaseException:
        connection.close()
        raise
    return connection


def _prepare(connection: sqlite3.Connection) -> None:
    """Make the tables and views, or give those of an older version what they lack; a newer version's stay."""
    version = version_of(connection)
    there = dict(connection.execute("SELECT name, sql FROM sqlite_schema"))
    if "events" in there and "event_rows" not in there:
        raise ForeignTableError("a table `events` that is not of this layout")
    for table in TABLES:
        connection.execute(table.create)
        columns = {row[1] for row in connection.execute(f"PRAGMA table_info({table.name})")}
        for column, definition in table.definitions.items():
            if column not in columns:
                connection.execute(f"ALTER TABLE {table.name} ADD COLUMN {definition}")
    connection.execute(loss_table.CREATE)
    connection.execute(content_table.CREATE)
    if "event_rows" in there:
        migrate(connection, version)
    for index in INDEXES:
        connection.execute(index)
    if version <= LAYOUT_VERSION:
        _put_views(connection, there)
        connection.execute(f"PRAGMA user_version = {LAYOUT_VERSION}")


def _put_views(connection: sqlite3.Connection, there: dict[str, str | None]) -> None:
    for name, query in VIEWS.items():
        create = f"CREATE VIEW {name} AS {query}"
        if there.get(name) != create:
            connection.execute(f"DROP VIEW IF EXISTS {name}")
            connection.execute(create)
