"""Content table: what was said in calls, where the privacy level is `full`, apart from the calls' own rows."""

import sqlite3
from typing import Any

import msgspec

from taximeter.event import CallContentPayload
from taximeter.sinks.layout import uuid_text
from taximeter.sinks.packed import packed_id

CREATE = (
    "CREATE TABLE IF NOT EXISTS call_contents (event_id BLOB PRIMARY KEY NOT NULL, call_event_id BLOB, ts_us INTEGER, "
    "prompt TEXT, answer TEXT, prompt_characters INTEGER, answer_characters INTEGER)"
)
INDEXES = (
    "CREATE INDEX IF NOT EXISTS call_contents_by_call ON call_contents (call_event_id)",
    "CREATE INDEX IF NOT EXISTS call_contents_by_time ON call_contents (ts_us)",
)
VIEW = (
    f"SELECT {uuid_text('call_event_id')} AS event_id, "  # noqa: S608 - our own names
    "strftime('%Y-%m-%d %H:%M:%f', ts_us / 1e6, 'unixepoch') AS at_utc, prompt, answer, prompt_characters, "
    "answer_characters FROM call_contents"
)
"""The view `contents`; `event_id` is that of the call."""

_INSERT = "INSERT INTO call_contents VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"

_read_payload = msgspec.json.Decoder(CallContentPayload).decode


class ContentRow(msgspec.Struct, frozen=True, eq=False, gc=False):
    """What was said in a call, as a row of `call_contents`."""

    values: tuple[Any, ...]


def content_row(event_id: bytes | str, ts_us: int, payload: str) -> ContentRow:
    """Return the row of a content event.

    Args:
        event_id: Its own id, packed.
        ts_us: When it was made.
        payload: Its payload as JSON.
    """
    said = _read_payload(payload)
    call_id = None if said.call_event_id is None else packed_id(said.call_event_id)
    return ContentRow(
        (event_id, call_id, ts_us, said.prompt, said.answer, said.prompt_characters, said.answer_characters)
    )


def insert_contents(connection: sqlite3.Connection, rows: list[ContentRow]) -> int:
    """Insert rows, in the transaction of the connection, and return how many are new."""
    before = connection.total_changes
    connection.executemany(_INSERT, [row.values for row in rows])
    return connection.total_changes - before
