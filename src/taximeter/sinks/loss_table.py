"""Loss table: what a store knows of events that never came to it, so that its totals can say so."""

import sqlite3
from collections.abc import Mapping
from time import time_ns

from taximeter.sinks.layout import QUARTER_US

CREATE = (
    "CREATE TABLE IF NOT EXISTS losses (source TEXT NOT NULL, quarter INTEGER NOT NULL, reason TEXT NOT NULL, "
    "events INTEGER NOT NULL, PRIMARY KEY (source, quarter, reason)) WITHOUT ROWID"
)
"""`source` is a tracker or a journal, `quarter` the quarter of an hour, counted from 1970, in which it was noted."""

_NOTE = (
    "INSERT INTO losses SELECT :source, :quarter, :reason, fresh FROM "
    "(SELECT :total - COALESCE(SUM(events), 0) AS fresh FROM losses WHERE source = :source AND reason = :reason) "
    "WHERE fresh <> 0 ON CONFLICT DO UPDATE SET events = events + excluded.events"
)


def note_losses(connection: sqlite3.Connection, source: str, lost: Mapping[str, int]) -> None:
    """Write down what is new in the counts of a source; counts that were noted before add nothing.

    Args:
        connection: A store, in a transaction.
        source: Who has lost them: a tracker or a journal, by an id that no other one has.
        lost: Events by reason, since the source began.
    """
    quarter = time_ns() // 1000 // QUARTER_US
    for reason, total in lost.items():
        values = {"source": source, "quarter": quarter, "reason": reason, "total": total}
        connection.execute(_NOTE, values)
