"""What the row writer keeps, and where."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from event_samples import HOUR_US, NOVEMBER_US, call
from taximeter.event import TaskCompletionEvent, encode_event
from taximeter.sinks.row_writer import RowWriter
from taximeter.sinks.sqlite import open_database


@pytest.fixture
def database(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    connection = open_database(tmp_path / "usage.db")
    yield connection
    connection.close()


def write(database: sqlite3.Connection, *events: TaskCompletionEvent) -> None:
    RowWriter(database).write(list(map(encode_event, events)))


def rows(database: sqlite3.Connection, query: str) -> list[Any]:
    return database.execute(query).fetchall()


def test_calls_alike_share_a_profile(database: sqlite3.Connection) -> None:
    """Also those of another writer, which has to look it up."""
    write(database, call("a"), call("a", user="u"))
    write(database, call("a"), call("b"))
    assert rows(database, "SELECT count(*), count(DISTINCT profile_id) FROM event_rows") == [(4, 2)]
    assert rows(database, "SELECT model FROM events ORDER BY position") == [("a",), ("a",), ("a",), ("b",)]


@pytest.mark.parametrize(
    "event_id",
    [
        "019fc564-c7b8-7137-8d53-51684b8cd002",
        "019FC564-C7B8-7137-8D53-51684B8CD002",
        "019fc564c7b871378d5351684b8cd002",
        "my own",
        "",
    ],
)
def test_an_identifier_comes_back_as_it_was_written(database: sqlite3.Connection, event_id: str) -> None:
    """Only what is a UUID or hexadecimal digits in their usual form becomes bytes."""
    write(database, call(event_id=event_id, trace_id="ABCD", span_id="00ff", parent_span_id="0f f"))
    found = rows(database, "SELECT event_id, trace_id, span_id, parent_span_id FROM events")
    assert found == [(event_id, "ABCD", "00ff", "0f f")]
    assert rows(database, "SELECT typeof(span_id), typeof(trace_id) FROM event_rows") == [("blob", "text")]


def test_an_event_counts_once(database: sqlite3.Connection) -> None:
    """A batch that comes again adds nothing to the rollups either."""
    first, second = call(), call()
    write(database, first)
    write(database, first, second, second)
    sums = [(2, 2 * 12_400_000_000)]
    assert rows(database, "SELECT SUM(calls), SUM(cost_usd_nanos) FROM rollups") == sums
    assert rows(database, "SELECT SUM(calls), SUM(cost_usd_nanos) FROM day_rollups") == sums


def test_sums_beyond_64_bits_are_cut_and_not_refused(database: sqlite3.Connection) -> None:
    """One absurd count must not keep its batch out for ever."""
    write(database, *[call(actual_input_tokens=1 << 62) for _ in range(3)])
    ((calls, tokens),) = rows(database, "SELECT calls, input_tokens FROM rollups")
    assert calls == 3
    assert tokens == ((1 << 63) - 1) // 3 * 3


def test_quarters_before_1970_are_cut_downwards(database: sqlite3.Connection) -> None:
    """A quarter of an hour is as long there as anywhere, and so is a day."""
    write(database, *[call(started_at_us=at) for at in (-1, 0, -900_000_000, -900_000_001)])
    assert rows(database, "SELECT day, calls FROM day_rollups ORDER BY 1") == [(-1, 3), (0, 1)]
    assert rows(database, "SELECT quarter, calls FROM rollups ORDER BY 1") == [(-2, 1), (-1, 2), (0, 1)]


def test_the_views_can_be_read_by_people(database: sqlite3.Connection) -> None:
    """Times as text, money in dollars, and what has no price in a view of its own."""
    write(database, call(agent="a"), call("new", None, started_at_us=NOVEMBER_US + HOUR_US))
    assert rows(
        database, "SELECT started_at_utc, model, agent, cost_usd FROM calls ORDER BY started_at_utc"
    ) == [
        ("2026-11-01 00:00:00.000", "gpt-4o", "a", 12.4),
        ("2026-11-01 01:00:00.000", "new", None, None),
    ]
    assert rows(database, "SELECT model FROM unpriced") == [("new",)]
    costs = rows(
        database, "SELECT day_utc, model, calls, unpriced_calls, cost_usd FROM daily_costs ORDER BY model"
    )
    assert costs == [("2026-11-01", "gpt-4o", 1, 0, 12.4), ("2026-11-01", "new", 1, 1, 0.0)]


def test_more_profiles_than_are_remembered_are_kept_apart(database: sqlite3.Connection) -> None:
    """Memory is bounded; the table is looked at again."""
    calls = [call(f"m{n}") for n in range(12_000)]
    writer = RowWriter(database)
    database.execute("BEGIN")
    for start in range(0, len(calls), 4000):
        writer.write(list(map(encode_event, calls[start : start + 4000])))
    writer.write([encode_event(call("m0"))])
    database.execute("COMMIT")
    assert rows(database, "SELECT count(*) FROM profiles") == [(12_000,)]
    assert rows(database, "SELECT count(*) FROM events WHERE model = 'm0'") == [(2,)]
