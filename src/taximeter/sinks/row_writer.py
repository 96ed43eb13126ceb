"""Row writer: puts events into the tables of an open database, within its owner's transaction."""

import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from time import sleep
from typing import Any

import msgspec

from taximeter.sinks import loss_table
from taximeter.sinks.content_table import ContentRow, insert_contents
from taximeter.sinks.layout import (
    ADD_UP,
    ADD_UP_BOUNDED,
    CALL_EVENTS,
    EVENT_ROWS,
    FRESH_SUMS,
    GROUP_FIELDS,
    GROUPS,
    PROFILE_FIELDS,
    PROFILES,
    ROLL_UP,
    USAGE_SHAPES,
    Table,
)
from taximeter.sinks.row import PROFILE_ORDER, CallRow, MomentRow, is_usual_call, read_call, read_row
from taximeter.sinks.usage_text import UsageSplitter

_CHUNK_ROWS = 16
_PAUSE_S = 0.000_001
_LARGEST_SUM = (1 << 63) - 1


class RowWriter:
    """Writes events, and adds them to the rollups.

    What it has looked up is right as long as every transaction is committed: after one that was not, make a new writer.

    Args:
        connection: The database, with the layout's tables in it.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        connection.execute(FRESH_SUMS)
        self._groups = _Lookup(connection, GROUPS, _with_key)
        self._profiles = _Lookup(connection, PROFILES, self._profile_row)
        self._shapes = _Lookup(connection, USAGE_SHAPES, lambda shape: (shape,))
        self._usage = UsageSplitter()

    def write(self, lines: Sequence[bytes]) -> int:
        """Insert events and return how many; those whose id is there already add nothing.

        Small chunks with real pauses between them: each row takes the GIL back, which starves the host's threads.
        """
        last, new = self._last_row(), 0
        for start in range(0, len(lines), _CHUNK_ROWS):
            chunk = lines[start : start + _CHUNK_ROWS]
            calls = [line for line in chunk if is_usual_call(line)]
            self._insert(EVENT_ROWS, partial(self._rows_of, calls))
            if len(calls) < len(chunk):
                new += self._write_others([read_row(line) for line in chunk if not is_usual_call(line)])
            sleep(_PAUSE_S)
        self._roll_up(last, len(lines))
        return new + self._last_row() - last

    def _last_row(self) -> int:
        (last,) = self._connection.execute("SELECT COALESCE(MAX(rowid), 0) FROM event_rows").fetchone()
        return int(last)

    def _rows_of(self, calls: list[bytes]) -> Iterable[tuple[Any, ...]]:
        return map(self.values_of, map(read_call, calls))

    def _write_others(self, rows: Sequence[CallRow | MomentRow | ContentRow]) -> int:
        """Insert what lines of other kinds have become, and return how many are new that are no calls."""
        calls = [self.values_of(row) for row in rows if isinstance(row, tuple)]
        moments = [row.values for row in rows if isinstance(row, MomentRow)]
        self._insert(EVENT_ROWS, lambda: calls)
        before = self._connection.total_changes
        self._insert(CALL_EVENTS, lambda: moments)
        new = self._connection.total_changes - before
        return new + insert_contents(self._connection, [row for row in rows if isinstance(row, ContentRow)])

    def _roll_up(self, last: int, count: int) -> None:
        try:
            self._connection.execute(ADD_UP, {"after": last})
        except sqlite3.OperationalError as error:
            if "overflow" not in str(error):
                raise
            self._connection.execute(ADD_UP_BOUNDED, {"after": last, "most": _LARGEST_SUM // count})
        for statement in ROLL_UP:
            self._connection.execute(statement)

    def note_losses(self, source: str, lost: Mapping[str, int]) -> None:
        """Keep what a source has lost; see `loss_table`."""
        loss_table.note_losses(self._connection, source, lost)

    def values_of(self, row: CallRow) -> tuple[Any, ...]:
        """Return the values of a call's row, in the order of the table's columns."""
        profile, usage, own = row
        profile_id = self._profiles[profile]
        if usage is None:
            return profile_id, None, None, *own
        shape, numbers = self._usage.split(usage, profile_id)
        return profile_id, None if shape is None else self._shapes[shape], numbers, *own

    def _profile_row(self, profile: tuple[Any, ...]) -> tuple[Any, ...]:
        fields = dict(zip(PROFILE_ORDER, profile, strict=True))
        fields["finish_reasons"] = msgspec.json.encode(fields["finish_reasons"]).decode()
        key, *values = _with_key(tuple(fields[name] for name in PROFILE_FIELDS))
        if fields["model"] is None:
            fields["model"] = fields["requested_model"]
        return (key, self._groups[tuple(fields[name] for name in GROUP_FIELDS)], *values)

    def _insert(self, table: Table, rows: Callable[[], Iterable[Sequence[Any]]]) -> None:
        """Insert rows, each made only when its turn comes: what is still in the processor's cache is quicker to bind."""
        try:
            self._connection.executemany(table.insert, rows())
        except OverflowError:  # an integer beyond 64 bits; rows before it are in and are passed over now
            self._connection.executemany(table.insert, (tuple(map(_storable, row)) for row in rows()))


class _Lookup(dict[Any, int]):
    """The ids of values that many rows share; a value is written when it is first met.

    Args:
        connection: The database.
        table: With the id as its first column and a unique `key`.
        row_of: Makes the other columns of a value, the key first.
    """

    _LIMIT = 10_000

    def __init__(
        self, connection: sqlite3.Connection, table: Table, row_of: Callable[[Any], tuple[Any, ...]]
    ) -> None:
        self._connection = connection
        self._insert = table.insert
        self._find = f"SELECT {next(iter(table.definitions))} FROM {table.name} WHERE key = ?"  # noqa: S608 - our own names
        self._row_of = row_of

    def __missing__(self, value: Any) -> int:
        if len(self) >= self._LIMIT:  # somebody's values are all different
            self.clear()
        key, *columns = self._row_of(value)
        self._connection.execute(self._insert, (None, key, *map(_storable, columns)))
        (found,) = self._connection.execute(self._find, (key,)).fetchone()
        self[value] = int(found)
        return self[value]


def _with_key(values: tuple[Any, ...]) -> tuple[Any, ...]:
    return (msgspec.json.encode(values).decode(), *values)


def _storable(value: object) -> object:
    """Leave out integers that SQLite cannot hold; only a batch that somebody else has packed has any."""
    return None if isinstance(value, int) and not -(1 << 63) <= value < 1 << 63 else value
