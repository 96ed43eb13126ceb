"""Store: a SQLite file of events, opened to be asked."""

import os
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, tzinfo
from math import isfinite
from pathlib import Path
from types import TracebackType
from typing import Any, Self, Unpack

import msgspec

from taximeter.errors import ConfigurationError
from taximeter.event import TaskCompletionEvent
from taximeter.report.dimension import (
    PERIODS,
    Filter,
    Key,
    period_of,
    read_columns,
    read_dimensions,
)
from taximeter.report.group import Group, merge_groups
from taximeter.report.statistics import Percentiles, brackets_of, percentiles_of, percentiles_within
from taximeter.report.totals import TOTALS_FIELDS, Totals
from taximeter.report.window import ALWAYS, Window
from taximeter.sinks.layout import LACKS_PRICE, LAYOUT_VERSION, QUARTER_US
from taximeter.sinks.migration import version_of
from taximeter.sinks.packed import packed_id
from taximeter.store.answers import Answers, Where, check_limit, joined
from taximeter.store.failure import StoreError
from taximeter.store.source import CALLS, sources_for

_SAMPLE_EVERY = 64
"""One call in so many is looked at first, where percentiles are asked for."""


class Store(Answers):
    """The events in a SQLite file. Reads only, and sees what writers have committed when a question is asked.

    Args:
        path: The file.

    Raises:
        ConfigurationError: There is no such file.
        StoreError: The file is no store.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        if not self.path.is_file():
            raise ConfigurationError("store", os.fspath(path), "an existing file")
        with self._translated():
            self._connection = _connect(self.path)
        try:
            self._columns = self._read_columns()
        except BaseException:
            self.close()
            raise

    def totals(
        self,
        group_by: Sequence[str] = (),
        *,
        where: Where | None = None,
        window: Window = ALWAYS,
        zone: tzinfo = UTC,
    ) -> list[Group]:
        """Add up the calls by dimension: by time where a period is asked for, then the dearest first.

        Args:
            group_by: Names out of `report.dimension.DIMENSIONS`; none gives one group of all calls.
            where: Values that dimensions other than periods must have; None means not known.
            window: When the calls started.
            zone: Where days, hours, weeks and months begin.

        Raises:
            ConfigurationError: A name that is no dimension.
            StoreError: The file is broken.
        """
        by, wanted = read_dimensions(group_by), read_columns(where or {})
        with self.snapshot():
            rows = [
                row
                for source, part in sources_for((*by, *wanted), window)
                for row in self._ask(*source.totals(by, wanted, part))
            ]
        return merge_groups((_read_part(row, by, zone) for row in rows if row[len(by)]), by)

    def recent(
        self, limit: int = 20, *, where: Where | None = None, window: Window = ALWAYS, **of: Unpack[Filter]
    ) -> list[TaskCompletionEvent]:
        """Return the calls that started last, the newest first; see `Answers.recent`."""
        condition, values = CALLS.condition(joined(where, of), window)
        order = "ORDER BY started_at_us DESC, event_id DESC LIMIT ?"
        return list(self._events(f"{condition} {order}", *values, check_limit(limit)))

    def lost(self, window: Window = ALWAYS) -> dict[str, int]:
        """Return how many events never came here, by reason, as their trackers and journals said; see `Answers.lost`."""
        if not any(self._ask("PRAGMA table_info(losses)", ())):  # nobody has written since they are kept
            return {}
        since, until = (None if at is None else at // QUARTER_US for at in (window.since_us, window.until_us))
        query = (
            "SELECT reason, SUM(events) FROM losses WHERE (:since IS NULL OR quarter >= :since) "
            "AND (:until IS NULL OR quarter <= :until) GROUP BY reason HAVING SUM(events) > 0 ORDER BY 2 DESC, 1"
        )
        return dict(self._ask(query, {"since": since, "until": until}))

    def _percentiles(self, field: str, where: Where, window: Window) -> Percentiles:
        """Take a sample, count what lies below its guess and sort what lies near: exact, for three looks at an index."""
        condition, values = CALLS.condition(where, window)
        # The order of the join is fixed: an index has all that is asked of rows, but not of those that come by profile
        table = "event_rows CROSS JOIN profiles USING (profile_id)" if where else "event_rows"
        timed = f"FROM {table} WHERE {condition} AND {field} IS NOT NULL"
        with self.snapshot():
            sample = f"SELECT {field} {timed} AND event_rows.rowid % {_SAMPLE_EVERY} = 0"
            brackets = brackets_of([value for (value,) in self._ask(sample, values)])
            found = self._between(field, timed, values, brackets) if brackets else None
            if found is None:
                found = percentiles_of([value for (value,) in self._ask(f"SELECT {field} {timed}", values)])
        return found

    def _between(
        self, field: str, timed: str, values: list[Any], brackets: Sequence[tuple[float, float]]
    ) -> Percentiles | None:
        """Return the percentiles if they lie in the brackets."""
        below = ", ".join(f"SUM({field} < ?)" for _ in brackets)
        lows = [low for low, _ in brackets]
        ((count, *counts),) = self._ask(f"SELECT COUNT(*), {below} {timed}", [*lows, *values])
        inside = " OR ".join(f"{field} BETWEEN ? AND ?" for _ in brackets)
        edges = [edge for bracket in brackets for edge in bracket]
        near = self._ask(f"SELECT {field} {timed} AND ({inside})", [*values, *edges])
        return percentiles_within([value for (value,) in near], brackets, counts, count)

    def event(self, event_id: str) -> TaskCompletionEvent | None:
        """Return the event of that id, or None.

        Raises:
            StoreError: The file is broken.
        """
        row = "position = (SELECT rowid FROM event_rows WHERE event_id = ?)"
        return next(self._events(row, packed_id(event_id)), None)

    def events(
        self, window: Window = ALWAYS, *, where: Where | None = None, lacking_price: bool = False
    ) -> Iterator[TaskCompletionEvent]:
        """Yield the events that started in *window*, oldest first.

        Args:
            window: When the calls started.
            where: Values that calls must have, by dimension; None means not known.
            lacking_price: Only those whose cost, or a part of it, is not known.

        Raises:
            ConfigurationError: A name that is no dimension.
            StoreError: The file is broken.
        """
        condition, values = CALLS.condition(where or {}, window)
        if lacking_price:
            condition = f"{condition} AND {LACKS_PRICE}"
        return self._events(f"{condition} ORDER BY started_at_us, event_id", *values)

    def last_arrived(self, count: int, *, where: Where | None = None) -> list[TaskCompletionEvent]:
        """Return the calls that came last, in the order of arrival.

        Args:
            count: How many at most.
            where: Values that calls must have, by dimension; None means not known.

        Raises:
            ConfigurationError: A name that is no dimension, or a count below 1.
            StoreError: The file is broken.
        """
        condition, values = CALLS.condition(where or {})
        newest = self._events(f"{condition} ORDER BY position DESC LIMIT ?", *values, check_limit(count))
        return list(newest)[::-1]

    def close(self) -> None:
        """Let the file go; a closed store answers no more."""
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Lend the connection for questions of one's own, at one state of the store; nothing can be written with it.

        Raises:
            StoreError: The file is broken.
        """
        with self._translated(), self.snapshot():
            yield self._connection

    def _events(self, condition: str, *values: Any) -> Iterator[TaskCompletionEvent]:
        names = [name for name in TaskCompletionEvent.__struct_fields__ if name in self._columns]
        query = f"SELECT {', '.join(names)} FROM events WHERE {condition}"  # noqa: S608 - our own field names
        for row in self._ask(query, values):
            try:
                yield _read_event(zip(names, row, strict=True))
            except msgspec.DecodeError as error:
                raise StoreError(f"{self.path}: holds a broken event: {error}") from error

    def _ask(self, query: str, values: Sequence[Any] | Mapping[str, Any]) -> Iterator[tuple[Any, ...]]:
        with self._translated():
            yield from self._connection.execute(query, values)

    def _read_columns(self) -> frozenset[str]:
        if (version := version_of(self._connection)) > LAYOUT_VERSION:
            known = f"this version of taximeter reads up to {LAYOUT_VERSION}: update it"
            raise StoreError(f"{self.path}: a store in layout {version}; {known}")
        columns = frozenset(row[1] for row in self._ask("PRAGMA table_info(events)", ()))
        if not columns or not any(self._ask("PRAGMA table_info(rollups)", ())):
            raise StoreError(f"{self.path}: not a store of taximeter: it has no events in its layout")
        if not any(self._ask("PRAGMA table_info(day_rollups)", ())):
            raise StoreError(f"{self.path}: a store in an older layout; a writer has to open it once")
        return columns

    def last(self) -> tuple[int, str | None]:
        """Return the position and the id of the call that came last; 0 and None before the first.

        Raises:
            StoreError: The file is broken.
        """
        query = "SELECT position, event_id FROM events ORDER BY position DESC LIMIT 1"
        return next(((position, event_id) for position, event_id in self._ask(query, ())), (0, None))

    def position(self, event_id: str) -> int | None:
        """Return the place of a call in the order of arrival, None where it has not come.

        Raises:
            StoreError: The file is broken.
        """
        query = "SELECT rowid FROM event_rows WHERE event_id = ?"
        return next((row[0] for row in self._ask(query, (packed_id(event_id),))), None)

    def arrived(self, after: int, limit: int) -> Iterator[TaskCompletionEvent]:
        """Yield the calls that came after a position, in the order of arrival.

        Args:
            after: The position; 0 means from the first.
            limit: How many at most.

        Raises:
            StoreError: The file is broken.
        """
        return self._events("position > ? ORDER BY position LIMIT ?", after, limit)

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """Answer several questions from the same state, whatever is written meanwhile.

        Raises:
            StoreError: The file is broken.
        """
        if self._connection.in_transaction:
            yield
            return
        with self._translated():
            self._connection.execute("BEGIN")
        try:
            yield
        finally:
            self._connection.execute("ROLLBACK")

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            if "integer overflow" in str(error):
                message = (
                    "a total is larger than 64 bits hold, so that some count or cost in it must be wrong"
                )
                raise StoreError(f"{self.path}: {message}; a narrower window leaves it out") from error
            raise StoreError(f"{self.path}: cannot be read: {error}") from error


def _connect(path: Path) -> sqlite3.Connection:
    """Open a file to be read only.

    The file itself is opened as its writers do: a connection in SQLite's read-only mode would leave the write-ahead
    log that it has to make beside the file lying there.
    """
    address = path.absolute().as_uri()
    try:  # any thread may ask, one at a time
        return _probed(sqlite3.connect(f"{address}?mode=rw", uri=True, check_same_thread=False))
    except sqlite3.OperationalError:
        if path.with_name(f"{path.name}-wal").exists():
            raise
        # A write-ahead store in a folder that we may not write to: with no log beside it nobody is writing
        return _probed(sqlite3.connect(f"{address}?immutable=1", uri=True, check_same_thread=False))


def _probed(connection: sqlite3.Connection) -> sqlite3.Connection:
    try:
        connection.execute("PRAGMA query_only = ON")
        connection.execute("SELECT 1 FROM sqlite_schema").fetchone()
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def _read_part(row: tuple[Any, ...], by: tuple[str, ...], zone: tzinfo) -> tuple[Key, Totals]:
    key = tuple(
        period_of(name, part * QUARTER_US, zone) if name in PERIODS else _text(part)
        for name, part in zip(by, row, strict=False)
    )
    return key, Totals(**dict(zip(TOTALS_FIELDS, row[len(by) :], strict=True)))


def _text(value: Any) -> str | None:
    return None if value is None else str(value)


def _json_fields() -> frozenset[str]:
    """Fields that a store keeps as JSON text: tuples and dicts, alone or beside a number."""
    hints = TaskCompletionEvent.__annotations__
    return frozenset(name for name, hint in hints.items() if "tuple[" in str(hint) or "dict[" in str(hint))


_JSON_FIELDS = _json_fields()
_FLOAT_FIELDS = frozenset(
    name for name, hint in TaskCompletionEvent.__annotations__.items() if "float" in str(hint)
)


def _read_event(fields: Iterator[tuple[str, Any]]) -> TaskCompletionEvent:
    known = {name: _read_value(name, value) for name, value in fields if value is not None}
    return msgspec.convert(known, TaskCompletionEvent, strict=False)  # not strict: 0 and 1 are booleans


def _read_value(name: str, value: Any) -> Any:
    if isinstance(value, str) and name in _JSON_FIELDS:
        return msgspec.json.decode(value)
    if isinstance(value, float) and name not in _FLOAT_FIELDS and isfinite(value):
        return round(value)
    return value
