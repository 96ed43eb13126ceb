"""Soundness: whether a store is whole, and its sums are what its rows add up to."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import msgspec

from taximeter.report.money import plural
from taximeter.sinks.derived import INDEXES, VIEWS
from taximeter.sinks.layout import (
    DAY_OF_QUARTER,
    DAY_ROLLUPS,
    LAYOUT_VERSION,
    PRUNED_SUMS,
    ROLLUPS,
    SUMS,
    sums_of_rows,
)
from taximeter.sinks.migration import version_of
from taximeter.store.store import Store

_REFERENCES = (
    ("event_rows", "profile_id", "profiles"),
    ("event_rows", "usage_shape_id", "usage_shapes"),
    ("profiles", "group_id", "groups"),
    ("rollups", "group_id", "groups"),
)


class Soundness(msgspec.Struct, frozen=True, kw_only=True):
    """What a check has found."""

    layout: int
    calls: int
    problems: tuple[str, ...] = ()
    """What is wrong, a sentence each; none when the store is sound."""

    @property
    def is_sound(self) -> bool:
        """Whether nothing is wrong."""
        return not self.problems


def check_store(path: Path) -> Soundness:
    """Read all of a store as it is at one moment; writers are not held up.

    Raises:
        ConfigurationError: There is no such file.
        StoreError: The file is no store, or cannot be read at all.
    """
    with Store(path) as store, store.reading() as connection:
        version = version_of(connection)
        (calls,) = connection.execute("SELECT COUNT(*) FROM event_rows").fetchone()
        return Soundness(layout=version, calls=calls, problems=tuple(_problems(connection, version)))


def _problems(connection: sqlite3.Connection, version: int) -> Iterator[str]:
    for (text,) in connection.execute("PRAGMA integrity_check"):
        if text != "ok":
            yield f"the file is damaged: {text}"
    yield from _broken_references(connection)
    if version < LAYOUT_VERSION:
        yield f"layout {version}, not {LAYOUT_VERSION}: `taximeter store rebuild` or the next writer brings it there"
        return
    yield from _missing_parts(connection)
    yield from _wrong_sums(connection)


def _broken_references(connection: sqlite3.Connection) -> Iterator[str]:
    for table, column, target in _REFERENCES:
        known = f"SELECT {column} FROM {target}"  # noqa: S608 - our own names
        query = f"SELECT COUNT(*) FROM {table} WHERE {column} IS NOT NULL AND {column} NOT IN ({known})"  # noqa: S608 - as above
        (lost,) = connection.execute(query).fetchone()
        if lost:
            yield f"{plural(lost, 'row')} of {table} without their row of {target}"


def _missing_parts(connection: sqlite3.Connection) -> Iterator[str]:
    there = {sql for (sql,) in connection.execute("SELECT sql FROM sqlite_schema")}
    for index in INDEXES:
        if index.replace("IF NOT EXISTS ", "") not in there:
            yield f"the index {index.split()[5]} is missing or another: `taximeter store rebuild` makes it"
    for name, query in VIEWS.items():
        if f"CREATE VIEW {name} AS {query}" not in there:
            yield f"the view {name} is missing or another: `taximeter store rebuild` makes it"


def _wrong_sums(connection: sqlite3.Connection) -> Iterator[str]:
    """Compare with a recomputation, exactly."""
    kept = f"SELECT * FROM ({sums_of_rows('1')}) UNION ALL SELECT * FROM {PRUNED_SUMS.name}"  # noqa: S608 - our own names
    quarters = _summed("quarter", kept)
    days = _summed(DAY_OF_QUARTER, f"SELECT * FROM {ROLLUPS.name}")  # noqa: S608 - as above
    try:
        for table, expected in ((ROLLUPS.name, quarters), (DAY_ROLLUPS.name, days)):
            wrong = _differences(connection, table, expected)
            if wrong:
                yield f"{plural(wrong, 'sum')} of {table} not what the calls add up to: `taximeter store rebuild`"
    except sqlite3.OperationalError as error:
        if "overflow" not in str(error):
            raise
        yield "a sum is larger than 64 bits hold, so that some count or cost in it must be wrong"


def _summed(unit: str, source: str) -> str:
    sums = ", ".join(f"SUM({name})" for name in SUMS)
    return f"SELECT {unit}, group_id, {sums} FROM ({source}) GROUP BY 1, 2"  # noqa: S608 - our own names


def _differences(connection: sqlite3.Connection, table: str, expected: str) -> int:
    """Return how many sums are missing, too many or of another amount."""
    first, second = (f"SELECT * FROM {name}" for name in ("expected", table))  # noqa: S608 - our own names
    counts = (f"(SELECT COUNT(*) FROM ({a} EXCEPT {b}))" for a, b in ((first, second), (second, first)))  # noqa: S608 - as above
    missing, extra = connection.execute(
        f"WITH expected AS ({expected}) SELECT {', '.join(counts)}"
    ).fetchone()
    return int(max(missing, extra))
