"""The SQLite sink: one row per event, money and times as integers, readable while it is written."""

import os
import sqlite3
from pathlib import Path
from random import Random
from time import monotonic, sleep

import anyio

from taximeter.event import SCHEMA_VERSION
from taximeter.private_file import check_plain_file, make_plain_file
from taximeter.sinks.batch import Batch
from taximeter.sinks.row import TABLES, Table, rows_of

_BESIDE = ("-wal", "-shm", "-journal")
"""What SQLite appends to the name of a database for the files that it keeps beside it."""
_CHUNK_ROWS = 64
_PAUSE_S = 0.000_05
_INDEXES = (
    "CREATE INDEX IF NOT EXISTS events_by_time ON events (started_at_us)",
    "CREATE INDEX IF NOT EXISTS events_by_model ON events (model, started_at_us)",
    "CREATE INDEX IF NOT EXISTS events_by_run ON events (run_id) WHERE run_id IS NOT NULL",
    "CREATE INDEX IF NOT EXISTS call_events_by_run ON call_events (run_id) WHERE run_id IS NOT NULL",
)

_left_to_parent: list[sqlite3.Connection] = []


class SqliteSink:
    """Writes to tables `events` and `call_events`, which it makes, and widens when a newer version has more fields.

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
        self._file_id: tuple[int, int] | None = None
        self._random = Random()  # noqa: S311 - spreads waiting writers

    @property
    def is_open(self) -> bool:
        """Whether there is a connection to close."""
        return self._connection is not None

    async def write(self, batch: Batch) -> None:
        """Insert the batch in one transaction; ids that are there already are left as they are."""
        await self.insert(batch)

    async def insert(self, batch: Batch) -> int:
        """Write the batch and return how many of its events were not there yet."""
        try:
            connection = await self._begin()
            before = connection.total_changes
            _insert(connection, batch.lines)
            connection.execute("COMMIT")
            return connection.total_changes - before
        except BaseException:
            self._disconnect()  # rolls back, and the next attempt looks at the file afresh
            raise

    async def aclose(self) -> None:
        """Close the connection, which folds the write-ahead log into the database."""
        self._disconnect()

    def forget(self) -> None:
        """Leave the connection to the parent: SQLite forbids carrying one over a fork, closing it included."""
        if self._connection is not None:
            _left_to_parent.append(self._connection)
            self._connection = None

    async def _begin(self) -> sqlite3.Connection:
        """Open a transaction, waiting for other writers without holding up the other sinks' thread."""
        deadline = monotonic() + self._busy_timeout_s
        while True:
            try:
                connection = self._connected()
                connection.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError as error:
                busy = error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY
                if not busy or monotonic() > deadline:
                    raise
                await anyio.sleep(self._random.uniform(0.001, 0.02))
            else:
                return connection

    def _connected(self) -> sqlite3.Connection:
        if self._connection is not None and _file_id(self.path) != self._file_id:
            self._disconnect()  # the file was moved away or replaced
        if self._connection is None:
            make_plain_file(self.path)
            for suffix in _BESIDE:
                check_plain_file(f"{self.path}{suffix}")
            self._connection = _connect(self.path, durable=self._durable)
            self._file_id = _file_id(self.path)
        return self._connection

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def _file_id(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except FileNotFoundError:
        return None
    return status.st_dev, status.st_ino


def _connect(path: Path, *, durable: bool) -> sqlite3.Connection:
    # The thread may be another one after a restart, never two at once. Waiting is done above, not in SQLite.
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
    """Make the tables, or give those of an older version the columns they lack."""
    for table in TABLES:
        connection.execute(f"CREATE TABLE IF NOT EXISTS {table.name} ({', '.join(table.definitions)})")
        there = {row[1] for row in connection.execute(f"PRAGMA table_info({table.name})")}
        for column, definition in zip(table.columns, table.definitions, strict=True):
            if column not in there:
                connection.execute(f"ALTER TABLE {table.name} ADD COLUMN {definition}")
    for index in _INDEXES:
        connection.execute(index)
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version < SCHEMA_VERSION:
        connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")


def _insert(connection: sqlite3.Connection, lines: tuple[bytes, ...]) -> None:
    """Insert in small chunks with real pauses: each row takes the GIL back, which starves the host's threads."""
    for start in range(0, len(lines), _CHUNK_ROWS):
        for table, rows in rows_of(lines[start : start + _CHUNK_ROWS]).items():
            _insert_rows(connection, table, rows)
        sleep(_PAUSE_S)


def _insert_rows(connection: sqlite3.Connection, table: Table, rows: list[tuple[object, ...]]) -> None:
    try:
        connection.executemany(table.insert, rows)
    except OverflowError:  # an integer beyond 64 bits; rows before it are in and are passed over now
        connection.executemany(table.insert, [tuple(map(_storable, row)) for row in rows])


def _storable(value: object) -> object:
    """Leave out integers that SQLite cannot hold; only a batch that somebody else has packed has any."""
    return None if isinstance(value, int) and not -(1 << 63) <= value < 1 << 63 else value
