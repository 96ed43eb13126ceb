"""Store: a SQLite file of events, opened to be asked."""

import os
import sqlite3
from collections.abc import Iterator, Sequence
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
    COLUMNS,
    PERIODS,
    Filter,
    Key,
    period_of,
    read_columns,
    read_dimensions,
    tag_of,
)
from taximeter.report.group import Group, merge_groups
from taximeter.report.statistics import PERCENTS, Percentiles, rank_of
from taximeter.report.totals import TOTALS_FIELDS, Totals
from taximeter.report.window import ALWAYS, Window
from taximeter.store.answers import Answers, Where, check_limit, joined
from taximeter.store.failure import StoreError

QUARTER_US = 15 * 60 * 1_000_000
"""Every zone's offset since 1980 is a whole number of quarters of an hour (IANA tz), so a quarter lies in one day.

But for clocks that were changed a minute past midnight, the last of them in Newfoundland in 2011."""

_REFUSED = "error_status >= 400 AND actual_input_tokens IS NULL AND actual_output_tokens IS NULL"
_NANOS = "COALESCE(actual_cost_usd_nanos, actual_cost_usd_micros * 1000)"
_LACKS_PRICE = f"CASE WHEN {_NANOS} IS NULL THEN NOT COALESCE({_REFUSED}, 0) ELSE cost_status = 'partial' END"
_SUMS: dict[str, str] = {
    "calls": "1",
    "failed_calls": "outcome IN ('failure', 'timeout')",
    "cut_short_calls": "outcome IN ('partial', 'cancelled')",
    "input_tokens": "actual_input_tokens",
    "output_tokens": "actual_output_tokens",
    "cache_read_tokens": "COALESCE(cache_read_tokens, 0) + COALESCE(cache_read_audio_tokens, 0)",
    "reasoning_tokens": "reasoning_tokens",
    "cost_usd_nanos": _NANOS,
    "unpriced_calls": f"{_NANOS} IS NULL AND NOT COALESCE({_REFUSED}, 0)",
    "estimated_calls": f"{_NANOS} IS NOT NULL AND "
    "(cost_status = 'partial' OR usage_status IN ('partial', 'estimated'))",
    "unmetered_calls": "actual_input_tokens IS NULL AND actual_output_tokens IS NULL "
    f"AND COALESCE(billable_units, '{{}}') IN ('{{}}', 'null') AND NOT COALESCE({_REFUSED}, 0)",
}
"""What each field of `Totals` sums up, said in SQL; a test holds it against `Totals.add`."""


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
        by = read_dimensions(group_by)
        query, values = _totals_query(by, where or {}, window)
        rows = self._ask(query, values)
        return merge_groups((_read_part(row, by, zone) for row in rows if row[len(by)]), by)

    def recent(
        self, limit: int = 20, *, where: Where | None = None, window: Window = ALWAYS, **of: Unpack[Filter]
    ) -> list[TaskCompletionEvent]:
        """Return the calls that started last, the newest first; see `Answers.recent`."""
        condition, values = _condition(joined(where, of), window)
        order = "ORDER BY started_at_us DESC, event_id DESC LIMIT ?"
        return list(self._events(f"{condition} {order}", *values, check_limit(limit)))

    def _percentiles(self, field: str, where: Where, window: Window) -> Percentiles:
        condition, values = _condition(where, window)
        timed = f"FROM events WHERE {condition} AND {field} IS NOT NULL"
        ((count,),) = self._ask(f"SELECT COUNT(*) {timed}", values)
        if not count:
            return Percentiles()
        places = [rank_of(percent, count) for percent in PERCENTS]
        ranked = f"SELECT ROW_NUMBER() OVER (ORDER BY {field}) AS place, {field} AS ms {timed}"
        query = f"SELECT place, ms FROM ({ranked}) WHERE place IN (?, ?, ?)"  # noqa: S608 - our own field names
        found = dict(self._ask(query, [*values, *places]))
        return Percentiles(*map(found.get, places))

    def event(self, event_id: str) -> TaskCompletionEvent | None:
        """Return the event of that id, or None.

        Raises:
            StoreError: The file is broken.
        """
        return next(self._events("event_id = ?", event_id), None)

    def events(
        self, window: Window = ALWAYS, *, lacking_price: bool = False
    ) -> Iterator[TaskCompletionEvent]:
        """Yield the events that started in *window*, oldest first.

        Args:
            window: When the calls started.
            lacking_price: Only those whose cost, or a part of it, is not known.

        Raises:
            StoreError: The file is broken.
        """
        condition, values = _window_condition(window)
        if lacking_price:
            condition = f"{condition} AND {_LACKS_PRICE}"
        return self._events(f"{condition} ORDER BY started_at_us, event_id", *values)

    def close(self) -> None:
        """Let the file go; a closed store answers no more."""
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _events(self, condition: str, *values: Any) -> Iterator[TaskCompletionEvent]:
        names = [name for name in TaskCompletionEvent.__struct_fields__ if name in self._columns]
        query = f"SELECT {', '.join(names)} FROM events WHERE {condition}"  # noqa: S608 - our own field names
        for row in self._ask(query, values):
            try:
                yield _read_event(zip(names, row, strict=True))
            except msgspec.DecodeError as error:
                raise StoreError(f"{self.path}: holds a broken event: {error}") from error

    def _ask(self, query: str, values: Sequence[Any]) -> Iterator[tuple[Any, ...]]:
        with self._translated():
            yield from self._connection.execute(query, values)

    def _read_columns(self) -> frozenset[str]:
        columns = frozenset(row[1] for row in self._ask("PRAGMA table_info(events)", ()))
        if not {"event_id", "started_at_us", "actual_cost_usd_nanos"} <= columns:
            raise StoreError(f"{self.path}: not a store of taximeter: it has no table of events")
        return columns

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


def _expression(name: str) -> tuple[str, list[Any]]:
    """Return the value of a dimension in SQL, and the parameters in it."""
    if name in PERIODS:
        return f"CAST(started_at_us AS INTEGER) / {QUARTER_US}", []
    if (tag := tag_of(name)) is not None:
        tags = "CASE WHEN json_valid(tags) THEN tags ELSE '{}' END"
        return f"(SELECT value FROM json_each({tags}) WHERE key = ?)", [tag]  # noqa: S608 - no text of others
    columns = COLUMNS[name]
    return columns[0] if len(columns) == 1 else f"COALESCE({', '.join(columns)})", []


def _totals_query(by: tuple[str, ...], where: Where, window: Window) -> tuple[str, list[Any]]:
    condition, values = _condition(where, window)
    keys = [_expression(name) for name in by]
    # The cast is for a number that another writer left in a column of integers with a fraction, or too large for one
    sums = [f"COALESCE(CAST(SUM({_SUMS[name]}) AS INTEGER), 0)" for name in TOTALS_FIELDS]
    selected = ", ".join([text for text, _ in keys] + sums)
    groups = f" GROUP BY {', '.join(str(at + 1) for at in range(len(keys)))}" if keys else ""
    query = f"SELECT {selected} FROM events WHERE {condition}{groups}"  # noqa: S608 - allowlisted names
    return query, [value for _, parameters in keys for value in parameters] + values


def _condition(where: Where, window: Window) -> tuple[str, list[Any]]:
    condition, values = _window_condition(window)
    for name, value in read_columns(where).items():
        text, parameters = _expression(name)
        condition += f" AND {text} IS ?"
        values += [*parameters, value]
    return condition, values


def _window_condition(window: Window) -> tuple[str, list[Any]]:
    sides = [("started_at_us >= ?", window.since_us), ("started_at_us < ?", window.until_us)]
    given = [(text, at_us) for text, at_us in sides if at_us is not None]
    return " AND ".join(text for text, _ in given) or "1", [at_us for _, at_us in given]


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
