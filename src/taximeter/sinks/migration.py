"""Migration: from each published layout to the next, in place and in the transaction of the first writer that opens it."""

import sqlite3

from taximeter.sinks.layout import FILL_DAYS, LAYOUT_VERSION

STEPS: dict[int, tuple[str, ...]] = {
    # Times are indexed with what statistics ask of them; the first stores of layout 2 had no sums of days
    2: ("DROP INDEX IF EXISTS event_rows_by_time", "DELETE FROM day_rollups", FILL_DAYS),
}
"""What leads from a layout to the next one, once the tables of today are there with all their columns."""


def version_of(connection: sqlite3.Connection) -> int:
    """Return the layout that a database is in; 0 where it is in none."""
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    return int(version)


def migrate(connection: sqlite3.Connection, version: int) -> None:
    """Take the steps from a layout to today's; indexes and views are put there afterwards.

    Args:
        connection: A database with rows, in a transaction.
        version: The layout it is in; one that is newer than today's is left as it is.
    """
    for step in range(version, LAYOUT_VERSION):
        for statement in STEPS.get(step, ()):
            connection.execute(statement)
