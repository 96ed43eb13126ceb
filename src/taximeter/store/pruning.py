"""Pruning: takes old calls out of a store, in steps so small that nobody who writes it waits for long."""

import re
import sqlite3
from datetime import tzinfo
from pathlib import Path
from time import monotonic, sleep

import msgspec

from taximeter.errors import ConfigurationError
from taximeter.report.window import last_days, read_moment
from taximeter.sinks.layout import (
    DAY_OF_QUARTER,
    DAY_ROLLUPS,
    FRESH_SUMS,
    PRUNED_SUMS,
    QUARTER_US,
    QUARTERS,
    ROLLUPS,
    merge_sums,
    sums_of_rows,
)
from taximeter.store.store import Store
from taximeter.store.upkeep import opened_for_upkeep, transaction

_STEP_ROWS = 500
_CHOOSE = "INSERT INTO chosen SELECT rowid FROM {table} WHERE {time} < ? LIMIT ?"
_FORGET = "DELETE FROM {table} WHERE rowid IN (SELECT row FROM chosen)"
_KEEP_SUMS = (
    f"INSERT INTO fresh_sums {sums_of_rows('event_rows.rowid IN (SELECT row FROM chosen)')}",  # noqa: S608 - our own names
    merge_sums(PRUNED_SUMS, "quarter"),
    "DELETE FROM fresh_sums",
)


class Pruning(msgspec.Struct, frozen=True, kw_only=True):
    """What was taken out, or would be."""

    before_us: int
    """Calls that started before are gone; the beginning of a quarter of an hour."""
    calls: int = 0
    moments: int = 0
    """Events of other kinds: beginnings and ends of calls and runs."""
    contents: int = 0
    """Texts of calls, where they were kept."""
    sums: int = 0
    """Sums of a group and a quarter of an hour that went too."""


def read_keep(text: str, zone: tzinfo, *, now_us: int | None = None) -> int:
    """Return before which moment calls are older than is to be kept, in Unix microseconds.

    Args:
        text: Days (`90d`), today being one of them, or hours, minutes or weeks (`36h`) up to now.
        zone: Whose midnight begins the first of the days.
        now_us: The present in Unix microseconds; None asks the clock.

    Raises:
        ConfigurationError: The text is no such time.
    """
    if not (age := re.fullmatch(r"0*([1-9]\d{0,5})([mhdw])", text.strip())):
        raise ConfigurationError("--keep", text, "a time such as 90d, 36h or 12w")
    if age[2] == "d":
        return last_days(int(age[1]), zone, now_us=now_us).since_us or 0
    return read_moment(text.strip(), zone, key="--keep", now_us=now_us)


def find_prunable(
    path: Path, before_us: int, *, keep_sums: bool = True, contents_before_us: int | None = None
) -> Pruning:
    """Return what `prune_store` would take out; changes nothing.

    Args:
        path: The store.
        before_us: See `prune_store`.
        keep_sums: See `prune_store`.
        contents_before_us: See `prune_store`.

    Raises:
        ConfigurationError: There is no such file.
        StoreError: The file is no store.
    """
    before_us = before_us // QUARTER_US * QUARTER_US
    count = "SELECT COUNT(*) FROM {} WHERE {} < ?".format
    with Store(path) as store, store.reading() as connection:
        tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_schema")}
        asked = (
            ("event_rows", "started_at_us", before_us),
            ("call_events", "ts_us", before_us),
            ("call_contents", "ts_us", max(before_us, contents_before_us or 0)),
        )
        calls, moments, contents = (
            connection.execute(count(table, time), (before,)).fetchone()[0] if table in tables else 0
            for table, time, before in asked
        )
        (sums,) = connection.execute(count("rollups", "quarter"), (before_us // QUARTER_US,)).fetchone()
    dropped = 0 if keep_sums else sums
    return Pruning(before_us=before_us, calls=calls, moments=moments, contents=contents, sums=dropped)


def prune_store(
    path: Path, before_us: int, *, keep_sums: bool = True, contents_before_us: int | None = None
) -> Pruning:
    """Take out the events of before a moment. What is asked meanwhile adds up at each step.

    An event that is delivered once more after it was taken out counts again, so keep more than a sink may be behind.

    Args:
        path: The store.
        before_us: Unix microseconds, cut to the quarter of an hour before.
        keep_sums: Whether they stay in the totals by provider, model, agent and so on; by user or tag they are gone.
        contents_before_us: Before when the texts of calls go, which are overwritten in the file; None means as the calls.

    Raises:
        ConfigurationError: There is no such file.
        StoreError: The file is no store, or somebody else writes it without a pause.
    """
    before_us = before_us // QUARTER_US * QUARTER_US
    with opened_for_upkeep(path) as connection:
        connection.execute(FRESH_SUMS)
        connection.execute("CREATE TEMP TABLE chosen (row INTEGER PRIMARY KEY)")
        calls = _take_out(connection, "event_rows", "started_at_us", before_us)
        moments = _take_out(connection, "call_events", "ts_us", before_us)
        connection.execute("PRAGMA secure_delete = ON")  # what was said is not to lie about in unused pages
        contents = _take_out(connection, "call_contents", "ts_us", max(before_us, contents_before_us or 0))
        sums = 0 if keep_sums else _drop_sums(connection, before_us // QUARTER_US)
    return Pruning(before_us=before_us, calls=calls, moments=moments, contents=contents, sums=sums)


def _take_out(connection: sqlite3.Connection, table: str, time: str, before_us: int) -> int:
    gone = 0
    while True:
        began = monotonic()
        with transaction(connection):
            chosen = connection.execute(
                _CHOOSE.format(table=table, time=time), (before_us, _STEP_ROWS)
            ).rowcount
            for statement in _KEEP_SUMS if table == "event_rows" else ():
                connection.execute(statement)
            connection.execute(_FORGET.format(table=table))
            connection.execute("DELETE FROM chosen")
        gone += chosen
        if chosen < _STEP_ROWS:
            return gone
        sleep(monotonic() - began)  # as long as it took, so that writers get their turn


def _drop_sums(connection: sqlite3.Connection, before: int) -> int:
    """Leave of the sums before a quarter what rows add up to that have come meanwhile, a day in each transaction."""
    days = connection.execute(
        "SELECT DISTINCT day FROM day_rollups WHERE day <= ?", (before // QUARTERS,)
    ).fetchall()
    dropped = 0
    for (day,) in days:
        with transaction(connection):
            dropped += _sum_anew(connection, day * QUARTERS, min((day + 1) * QUARTERS, before))
    return dropped


def _sum_anew(connection: sqlite3.Connection, start: int, end: int) -> int:
    connection.execute("DELETE FROM pruned_sums WHERE quarter >= ? AND quarter < ?", (start, end))
    deleted = connection.execute(
        "DELETE FROM rollups WHERE quarter >= ? AND quarter < ?", (start, end)
    ).rowcount
    in_time = f"started_at_us >= {start * QUARTER_US} AND started_at_us < {end * QUARTER_US}"
    connection.execute(f"INSERT INTO fresh_sums {sums_of_rows(in_time)}")
    connection.execute(merge_sums(ROLLUPS, "quarter"))
    connection.execute("DELETE FROM fresh_sums")
    connection.execute("DELETE FROM day_rollups WHERE day = ?", (start // QUARTERS,))
    same_day = f"(SELECT * FROM rollups WHERE quarter >= {start} AND quarter < {start + QUARTERS})"  # noqa: S608 - numbers
    connection.execute(merge_sums(DAY_ROLLUPS, DAY_OF_QUARTER, same_day))
    return deleted
