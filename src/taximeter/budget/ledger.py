"""Ledger: the SQLite file in which processes reserve and settle, one transaction at a time.

It lies beside the store and not in it. Every call of a metered program writes here twice, in its own time, while a store
is written in large batches; in one file each would wait for the other. And a store can be thrown away and made anew.
"""

import os
import sqlite3
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from random import Random
from time import monotonic, sleep
from typing import TypeVar

import msgspec

from taximeter.budget.definition import Budget
from taximeter.sqlite_file import file_id, make_sqlite_file
from taximeter.store import StoreError
from taximeter.unforked import Unforked

T = TypeVar("T")

_BUDGETS = (
    "CREATE TABLE IF NOT EXISTS budgets (budget_id INTEGER PRIMARY KEY, key TEXT UNIQUE NOT NULL, "
    "definition TEXT NOT NULL, position INTEGER NOT NULL DEFAULT 0, position_event_id TEXT)"
)
"""One row a budget: what it counts, and how far the store's arrivals are counted in."""
_SPENT = (
    "CREATE TABLE IF NOT EXISTS spent (budget_id INTEGER, subject TEXT, bucket_us INTEGER, nanos INTEGER NOT NULL, "
    "calls INTEGER NOT NULL, unpriced_calls INTEGER NOT NULL, blocked_calls INTEGER NOT NULL, "
    "PRIMARY KEY (budget_id, subject, bucket_us)) WITHOUT ROWID"
)
_STATED = (
    "CREATE TABLE IF NOT EXISTS stated (budget_id INTEGER, subject TEXT, bucket_us INTEGER, nanos INTEGER NOT NULL, "
    "calls INTEGER NOT NULL, unpriced_calls INTEGER NOT NULL, PRIMARY KEY (budget_id, subject, bucket_us)) WITHOUT ROWID"
)
"""What of `spent` was settled without an event: no store will ever know of it."""
_HOLDS = (
    "CREATE TABLE IF NOT EXISTS holds (budget_id INTEGER, subject TEXT, bucket_us INTEGER, hold_id INTEGER, "
    "nanos INTEGER NOT NULL, owner TEXT NOT NULL, expires_us INTEGER NOT NULL, "
    "PRIMARY KEY (budget_id, subject, bucket_us, hold_id)) WITHOUT ROWID"
)
_SETTLED = (
    "CREATE TABLE IF NOT EXISTS settled (event_id TEXT, budget_id INTEGER, subject TEXT NOT NULL, "
    "bucket_us INTEGER NOT NULL, nanos INTEGER NOT NULL, unpriced_calls INTEGER NOT NULL, at_us INTEGER NOT NULL, "
    "PRIMARY KEY (event_id, budget_id)) WITHOUT ROWID"
)
"""What was counted at its settlement, until its event has come to the store and is not to be counted again."""
_ALERTS = (
    "CREATE TABLE IF NOT EXISTS alerts (budget_id INTEGER, subject TEXT, window_us INTEGER, percent INTEGER, "
    "PRIMARY KEY (budget_id, subject, window_us, percent)) WITHOUT ROWID"
)
_INDEX = "CREATE INDEX IF NOT EXISTS holds_by_id ON holds (hold_id)"
TABLES = (_BUDGETS, _SPENT, _STATED, _HOLDS, _INDEX, _SETTLED, _ALERTS)

_left_to_parent: list[sqlite3.Connection] = []


def ledger_beside(store: Path) -> Path:
    """Return where the budgets of a store are kept: `usage.db.budgets`."""
    return store.with_name(f"{store.name}.budgets")


class Ledger:
    """Runs transactions on a file that other threads and processes use too.

    Args:
        path: The file, made with the first transaction.
        timeout_s: How long to wait for others.
    """

    def __init__(self, path: Path, *, timeout_s: float = 2.0) -> None:
        self.path = path
        self._timeout_s = timeout_s
        self._turn = Unforked()
        self._connection: sqlite3.Connection | None = None
        self._file: tuple[int, int] | None = None
        self._pid = os.getpid()
        self._random = Random()  # noqa: S311 - spreads those who wait

    def transact(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Run *work* in a transaction that no other is beside, and commit it; nothing of it stays where it raises.

        Raises:
            sqlite3.Error: The file is busy for too long, or broken.
            OSError: It cannot be made, or something is planted in its place.
        """
        with self._turn:
            connection = self._begun()
            try:
                result = work(connection)
                connection.execute("COMMIT")
            except BaseException:
                with suppress(sqlite3.Error):
                    connection.execute("ROLLBACK")
                raise
            return result

    def close(self) -> None:
        """Let the file go; the next transaction opens it again."""
        with self._turn:
            self._leave_to_parent()
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    def _begun(self) -> sqlite3.Connection:
        deadline = monotonic() + self._timeout_s
        while True:
            try:
                connection = self._connected()
                connection.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError as error:
                if monotonic() > deadline or error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:
                    raise
                sleep(self._random.uniform(0.000_1, 0.002))
            else:
                return connection

    def _connected(self) -> sqlite3.Connection:
        self._leave_to_parent()
        if self._connection is not None and file_id(self.path) != self._file:
            self._connection.close()  # somebody has taken the file away
            self._connection = None
        if self._connection is None:
            make_sqlite_file(self.path)
            self._connection = _open(self.path)
            self._file = file_id(self.path)
        return self._connection

    def _leave_to_parent(self) -> None:
        """In a forked child let the parent's connection alone: SQLite forbids carrying one over, closing it included."""
        if self._pid != os.getpid():
            self._pid = os.getpid()
            if self._connection is not None:
                _left_to_parent.append(self._connection)
                self._connection = None


def _open(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=0, isolation_level=None, check_same_thread=False)
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute("BEGIN IMMEDIATE")
        for statement in TABLES:
            connection.execute(statement)
        connection.execute("COMMIT")
    except BaseException:
        connection.close()
        raise
    return connection


def definitions_in(path: Path) -> tuple[Budget, ...]:
    """Return the budgets that were used with a file, those used first before others; none where there is no file.

    Raises:
        StoreError: The file is no ledger, or broken.
    """
    if not path.is_file():
        return ()
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=rw", uri=True)) as connection:
            rows = connection.execute("SELECT definition FROM budgets ORDER BY budget_id").fetchall()
    except sqlite3.Error as error:
        raise StoreError(f"{path}: cannot be read: {error}") from error
    return tuple(msgspec.json.decode(definition, type=Budget) for (definition,) in rows)
