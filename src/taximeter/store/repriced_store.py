"""Repriced store: a new store for calls with other costs, with what they cost before beside them."""

import os
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from time import time_ns
from types import TracebackType
from typing import Self

import msgspec

from taximeter.errors import ConfigurationError
from taximeter.event import encode_event
from taximeter.report.repricing import Repriced
from taximeter.report.totals import cost_nanos
from taximeter.sinks.packed import packed_id
from taximeter.sinks.row_writer import RowWriter
from taximeter.sinks.sqlite import open_database
from taximeter.sqlite_file import files_of
from taximeter.store.failure import StoreError

_BATCH = 1_000
_REPRICINGS = (
    "CREATE TABLE repricings (at_us INTEGER NOT NULL, price_version TEXT NOT NULL, terms TEXT NOT NULL)"
)
_ORIGINAL_COSTS = (
    "CREATE TABLE original_costs (event_id BLOB PRIMARY KEY NOT NULL, cost_usd_nanos INTEGER, cost_status TEXT, "
    "price_version TEXT) WITHOUT ROWID"
)
_REPRICED_CALLS = (
    "CREATE VIEW repriced_calls AS SELECT events.*, original_costs.cost_usd_nanos AS original_cost_usd_nanos, "
    "original_costs.cost_status AS original_cost_status, "
    "events.actual_cost_usd_nanos - original_costs.cost_usd_nanos AS difference_usd_nanos "
    "FROM events JOIN event_rows ON event_rows.rowid = events.position "
    "JOIN original_costs ON original_costs.event_id = event_rows.event_id"
)
_INSERT = "INSERT INTO original_costs VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING"


class RepricedStore:
    """Writes calls after a repricing; the file appears under its name when it is whole, at the end of `with`.

    It is a store like any other, with a table `repricings` (when, by which table, on what terms), a table
    `original_costs` and a view `repriced_calls` beside the usual ones.

    Args:
        path: The new file.
        price_version: The table the calls are priced with.
        terms: What else they are priced by, in words, by option.
        replace: Whether to put it in the place of an older one that was made the same way.

    Raises:
        ConfigurationError: The file is there already, and is not such a store or not to be replaced.
        StoreError: It cannot be written.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        price_version: str,
        terms: Mapping[str, object],
        replace: bool = False,
    ) -> None:
        self.path = Path(path)
        _check_place(self.path, replace=replace)
        self._draft = self.path.with_name(f".{self.path.name}.{os.getpid()}.draft")
        try:
            self._connection = open_database(self._draft)
            self._begin(price_version, terms)
        except sqlite3.Error as error:
            raise StoreError(f"{self.path}: cannot be written: {error}") from error
        self._writer = RowWriter(self._connection)
        self._waiting: list[Repriced] = []

    def _begin(self, price_version: str, terms: Mapping[str, object]) -> None:
        self._draft.chmod(0o600)
        for statement in (_REPRICINGS, _ORIGINAL_COSTS, _REPRICED_CALLS):
            self._connection.execute(statement)
        row = (time_ns() // 1000, price_version, msgspec.json.encode(terms).decode())
        self._connection.execute("INSERT INTO repricings VALUES (?, ?, ?)", row)

    def write(self, call: Repriced) -> None:
        """Take a call, which is written with the next thousand.

        Raises:
            StoreError: The disk is full, or the file broken.
        """
        self._waiting.append(call)
        if len(self._waiting) >= _BATCH:
            self._flush()

    def _flush(self) -> None:
        try:
            self._connection.execute("BEGIN")
            self._writer.write([encode_event(call.after) for call in self._waiting])
            self._connection.executemany(_INSERT, map(_original, self._waiting))
            self._connection.execute("COMMIT")
        except sqlite3.Error as error:
            raise StoreError(f"{self.path}: cannot be written: {error}") from error
        self._waiting.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                self._publish()
        finally:
            self._connection.close()
            for file in files_of(self._draft):
                file.unlink(missing_ok=True)

    def _publish(self) -> None:
        self._flush()
        self._connection.execute("PRAGMA journal_mode = DELETE")  # all of it in the one file that is renamed
        self._connection.close()
        self._draft.replace(self.path)


def _original(call: Repriced) -> tuple[bytes | str, int | None, str, str | None]:
    event = call.before
    return packed_id(event.event_id), cost_nanos(event), str(event.cost_status), event.price_version


def _check_place(path: Path, *, replace: bool) -> None:
    if not path.parent.is_dir():
        raise ConfigurationError("write", os.fspath(path), "a file in a folder that exists")
    if path.is_symlink() or (path.exists() and not _is_repriced(path)):
        raise ConfigurationError("write", os.fspath(path), "a new file; this one is there, and no repricing")
    if path.exists() and not replace:
        raise ConfigurationError("write", os.fspath(path), "a new file, or --replace for an older repricing")


def _is_repriced(path: Path) -> bool:
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as connection:
            names = {name for (name,) in connection.execute("SELECT name FROM sqlite_schema")}
    except sqlite3.Error:
        return False
    return {"event_rows", "repricings", "original_costs"} <= names
