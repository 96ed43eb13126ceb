"""Rebuilding: what a store works out from its rows, again; or a new store from lines of events."""

import sqlite3
from collections.abc import Iterator, Sequence
from itertools import islice
from os import fspath
from pathlib import Path

import msgspec

from taximeter.errors import ConfigurationError, UnreadableEventError
from taximeter.journal.cursor import Account, Position
from taximeter.journal.folder import Folder
from taximeter.journal.ledger import passages_after
from taximeter.journal.segment import segments_of
from taximeter.private_file import make_plain_file
from taximeter.sinks.derived import INDEXES, VIEWS
from taximeter.sinks.layout import (
    DAY_OF_QUARTER,
    DAY_ROLLUPS,
    FRESH_SUMS,
    ROLLUPS,
    merge_sums,
    sums_of_rows,
)
from taximeter.sinks.row import read_row
from taximeter.sinks.row_writer import RowWriter
from taximeter.sinks.sqlite import open_database
from taximeter.sqlite_file import files_of
from taximeter.store.line_file import LineFile
from taximeter.store.upkeep import opened_for_upkeep, transaction

_BATCH = 500
_FROM_THE_START = Account(position=Position(sequence=0))


class Rebuilding(msgspec.Struct, frozen=True, kw_only=True):
    """What a store has after it was built again."""

    calls: int
    read: int = 0
    """Lines that were read to build it."""
    unreadable: int = 0
    """Lines that are no event, or that the journal has lost."""


def rebuild_store(path: Path) -> Rebuilding:
    """Work the sums out anew from the calls, and make indexes and views again, in one transaction.

    Writers wait for it: a minute and a half where there are ten million calls.

    Raises:
        ConfigurationError: There is no such file.
        StoreError: The file is no store, or somebody else writes it without a pause.
    """
    with opened_for_upkeep(path) as connection:
        connection.execute(FRESH_SUMS)
        with transaction(connection):
            _sum_anew(connection)
            for statement in (*INDEXES, *(f"CREATE VIEW {name} AS {query}" for name, query in VIEWS.items())):
                kind, name = _made_by(statement)
                connection.execute(f"DROP {kind} IF EXISTS {name}")
                connection.execute(statement)
        return Rebuilding(calls=_count(connection))


def _sum_anew(connection: sqlite3.Connection) -> None:
    connection.execute("DELETE FROM rollups")
    connection.execute("DELETE FROM day_rollups")
    connection.execute(f"INSERT INTO fresh_sums {sums_of_rows('1')}")
    connection.execute("INSERT INTO fresh_sums SELECT * FROM pruned_sums")
    connection.execute(merge_sums(ROLLUPS, "quarter"))
    connection.execute(merge_sums(DAY_ROLLUPS, DAY_OF_QUARTER))
    connection.execute("DELETE FROM fresh_sums")


def _made_by(statement: str) -> tuple[str, str]:
    words = statement.replace("IF NOT EXISTS ", "").split(maxsplit=3)
    return words[1], words[2]


def build_store(path: Path, sources: Sequence[Path]) -> Rebuilding:
    """Make a new store of the events in files and journals; an event that is there twice counts once.

    Args:
        path: Where the store comes to be; nothing may be there yet.
        sources: Files of one event a line, gzip or not, and folders of journals, which are left as they are.

    Raises:
        ConfigurationError: There is something at the path, or nothing at a source.
        StoreError: A source cannot be read.
    """
    if path.exists():
        raise ConfigurationError("store", fspath(path), "a file that is not there yet")
    counted = _Counted(sources)
    unfinished = path.with_name(f"{path.name}.unfinished")
    _remove(unfinished)
    make_plain_file(unfinished)
    connection = open_database(unfinished)
    try:
        writer = RowWriter(connection)
        while batch := list(islice(counted, _BATCH)):
            with transaction(connection):
                writer.write(batch)
        calls = _count(connection)
        connection.execute("PRAGMA journal_mode = DELETE")  # all of it in the one file that is renamed
        connection.close()
        unfinished.rename(path)
    finally:
        connection.close()
        _remove(unfinished)
    return Rebuilding(calls=calls, read=counted.read, unreadable=counted.unreadable)


def _remove(database: Path) -> None:
    for file in files_of(database):
        file.unlink(missing_ok=True)


class _Counted:
    """The lines of sources that are events."""

    def __init__(self, sources: Sequence[Path]) -> None:
        self.read = self.unreadable = 0
        self._lines = (line for source in sources for line in self._lines_of(source))

    def __iter__(self) -> Iterator[bytes]:
        for line in self._lines:
            self.read += 1
            try:
                read_row(line)
            except UnreadableEventError:
                self.unreadable += 1
            else:
                yield line

    def _lines_of(self, source: Path) -> Iterator[bytes]:
        if source.is_dir():
            yield from self._journal(source)
        else:
            with LineFile(source) as lines:
                yield from lines

    def _journal(self, path: Path) -> Iterator[bytes]:
        folder = Folder(path)
        try:
            for writer, numbers in segments_of(folder).items():
                for passage in passages_after(folder, writer, numbers, _FROM_THE_START):
                    self.unreadable += passage.missing
                    yield from passage.lines
        finally:
            folder.close()


def _count(connection: sqlite3.Connection) -> int:
    (calls,) = connection.execute("SELECT COUNT(*) FROM event_rows").fetchone()
    return int(calls)
