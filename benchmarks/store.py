"""What does a store take to write, to keep and to ask?

Calls of `traffic` are written as the SQLite sink writes them, from encoded lines to committed rows with their rollups,
in batches of 500. The floor is SQLite alone: `executemany` of the same rows, made beforehand, into the same table with
the same indexes, in transactions of the same size. Beside it stands what a logger of one's own does: `executemany` of
each event as it is, a column for every field, indexed by time, model, agent, user and run, without sums. The three take
turns, and a share is the median of those of the rounds: of processor time, and of the clock's, in which the sink does
worse because it pauses on purpose. After each it is checked that all rows are there. Then the file is measured, and
totals are asked warm: by model over 30 days, and by day in Kathmandu, a quarter of an hour off everybody else. Totals
are checked against adding the calls up one by one.

    python benchmarks/store.py [--calls 10000000]
"""

import argparse
import gc
import platform
import sqlite3
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from datetime import UTC
from itertools import islice
from pathlib import Path
from time import perf_counter_ns, process_time_ns
from typing import NamedTuple
from zoneinfo import ZoneInfo

import msgspec

from measure import UNTIL_US, positive, ratio, tell
from taximeter.event import TaskCompletionEvent, encode_event
from taximeter.report.totals import Totals
from taximeter.report.window import Window, format_moment
from taximeter.sinks.layout import EVENT_ROWS
from taximeter.sinks.row import read_row
from taximeter.sinks.row_writer import RowWriter
from taximeter.sinks.sqlite import open_database
from taximeter.store import Store
from taximeter.version import __version__
from traffic import DAY_US, traffic

CALLS_PER_DAY = 10_000_000 // 90
BATCH = 500
ROUNDS = 5
WRITTEN = 50_000
ZONE = ZoneInfo("Asia/Kathmandu")


class Took(NamedTuple):
    """The microseconds a call: of the processor, and of the clock."""

    worked: float
    clock: float


def batches(calls: int) -> Iterator[list[TaskCompletionEvent]]:
    """Yield as many days' traffic as *calls* take, 500 calls a batch."""
    since_us = UNTIL_US - DAY_US * calls // CALLS_PER_DAY
    events = traffic(calls, seed=1, since_us=since_us, until_us=UNTIL_US)
    while batch := list(islice(events, BATCH)):
        yield batch


def open_new(path: Path) -> sqlite3.Connection:
    """Return an empty database in the place of the one that was there."""
    path.unlink(missing_ok=True)
    return open_database(path)


def write_batches(
    connection: sqlite3.Connection, write: Callable[[int], object], count: int, *, table: str = "event_rows"
) -> Took:
    """Write *count* batches, each in a transaction; return what it took, check that all is there, and close."""
    gc.collect()
    gc.freeze()  # what the measurement keeps in memory is no part of either way
    worked_ns, begun_ns = process_time_ns(), perf_counter_ns()
    for at in range(count):
        connection.execute("BEGIN IMMEDIATE")
        write(at)
        connection.execute("COMMIT")
    took = Took(
        (process_time_ns() - worked_ns) / WRITTEN / 1e3, (perf_counter_ns() - begun_ns) / WRITTEN / 1e3
    )
    written = connection.execute(f"SELECT count(*) FROM {table}").fetchone()  # noqa: S608 - our own names
    assert written == (WRITTEN,)
    connection.close()
    return took


def bare(path: Path, rows: list[list[tuple[object, ...]]]) -> Took:
    """Time SQLite alone."""
    connection = open_new(path)
    insert = EVENT_ROWS.insert
    return write_batches(connection, lambda at: connection.executemany(insert, rows[at]), len(rows))


FIELDS = TaskCompletionEvent.__struct_fields__
FLAT = (
    f"CREATE TABLE events ({', '.join(FIELDS)}, PRIMARY KEY (event_id))",
    "CREATE INDEX by_time ON events (started_at_us)",
    "CREATE INDEX by_model ON events (model, started_at_us)",
    "CREATE INDEX by_agent ON events (agent, started_at_us)",
    "CREATE INDEX by_user ON events (user, started_at_us) WHERE user IS NOT NULL",
    "CREATE INDEX by_run ON events (run_id) WHERE run_id IS NOT NULL",
)


def flat_row(event: TaskCompletionEvent) -> tuple[object, ...]:
    """Return the fields of an event as SQLite takes them, what is nested as JSON."""
    values = msgspec.to_builtins(event)
    return tuple(
        msgspec.json.encode(value).decode() if isinstance(value, dict | list | tuple) else value
        for value in (values.get(name) for name in FIELDS)
    )


def flat(path: Path, rows: list[list[tuple[object, ...]]]) -> Took:
    """Time SQLite with a column for every field."""
    path.unlink(missing_ok=True)
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")
    for statement in FLAT:
        connection.execute(statement)
    insert = f"INSERT INTO events VALUES ({', '.join('?' * len(FIELDS))}) ON CONFLICT DO NOTHING"  # noqa: S608 - our own field names
    return write_batches(
        connection, lambda at: connection.executemany(insert, rows[at]), len(rows), table="events"
    )


def from_lines(path: Path, lines: list[list[bytes]]) -> Took:
    """Time the sink's way."""
    connection = open_new(path)
    writer = RowWriter(connection)
    return write_batches(connection, lambda at: writer.write(lines[at]), len(lines))


def write_rounds(folder: Path) -> tuple[list[Took], list[Took], list[Took]]:
    """Let the floor, a column a field and the sink's way take turns; return what each took by round."""
    lines = [list(map(encode_event, batch)) for batch in batches(WRITTEN)]
    rows = rows_of(folder, lines)
    flat_rows = [list(map(flat_row, batch)) for batch in batches(WRITTEN)]
    floors, flats, ours = [], [], []
    for _ in range(ROUNDS):
        floors.append(bare(folder / "bare.db", rows))
        flats.append(flat(folder / "flat.db", flat_rows))
        ours.append(from_lines(folder / "ours.db", lines))
    return floors, flats, ours


def write_figures(folder: Path) -> dict[str, float]:
    """Return the medians of each way's rounds, and those of the rounds' ratios."""
    floors, flats, ours = write_rounds(folder)
    figures = {}
    for name, rounds in (("floor", floors), ("flat", flats), ("ours", ours)):
        figures[f"{name}_us"] = statistics.median(each.worked for each in rounds)
        figures[f"{name}_clock_us"] = statistics.median(each.clock for each in rounds)
    worked, clock = [each.worked for each in ours], [each.clock for each in ours]
    return figures | {
        "write_share": ratio([each.worked for each in floors], worked),
        "write_clock_share": ratio([each.clock for each in floors], clock),
        "flat_share": ratio([each.worked for each in flats], worked),
        "flat_clock_share": ratio([each.clock for each in flats], clock),
    }


def rows_of(folder: Path, lines: list[list[bytes]]) -> list[list[tuple[object, ...]]]:
    """Return the rows that the writer makes of lines, batch by batch."""
    connection = open_new(folder / "rows.db")
    writer = RowWriter(connection)
    rows = [
        [writer.values_of(row) for line in batch if isinstance(row := read_row(line), tuple)]
        for batch in lines
    ]
    connection.close()
    return rows


def fill(path: Path, calls: int) -> Totals:
    """Write a store, and return what its calls add up to, one by one."""
    connection = open_new(path)
    writer = RowWriter(connection)
    total = Totals()
    for batch in batches(calls):
        connection.execute("BEGIN IMMEDIATE")
        writer.write(list(map(encode_event, batch)))
        connection.execute("COMMIT")
        for event in batch:
            total.add(event)
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    return total


def milliseconds(ask: Callable[[], object]) -> float:
    """Return the median time of an answer, the first one left out."""
    ask()
    times = []
    for _ in range(ROUNDS):
        before = perf_counter_ns()
        ask()
        times.append((perf_counter_ns() - before) / 1e6)
    return statistics.median(times)


def command_milliseconds(*arguments: str) -> float:
    """Return the median time of a command, start-up included."""
    command = [sys.executable, "-m", "taximeter", *arguments]
    return milliseconds(lambda: subprocess.run(command, check=True, capture_output=True))


def store_figures(path: Path, calls: int) -> dict[str, float]:
    """Return bytes a call and milliseconds an answer."""
    expected = fill(path, calls)
    first_us = UNTIL_US - 30 * DAY_US
    month, week = Window(first_us, UNTIL_US), Window(UNTIL_US - 7 * DAY_US, UNTIL_US)
    since, until = (format_moment(at_us, UTC).replace(" ", "T") for at_us in (first_us, UNTIL_US))
    with Store(path) as store:
        (everything,) = store.totals()
        assert everything.totals == expected
        figures = {
            "bytes_per_call": path.stat().st_size / calls,
            "by_model_ms": milliseconds(lambda: store.totals(["model"], window=month)),
            "by_day_in_kathmandu_ms": milliseconds(lambda: store.daily_costs(tz=ZONE, window=month)),
            "by_user_ms": milliseconds(lambda: store.totals(["user"], window=month)),
            "week_statistics_ms": milliseconds(lambda: store.statistics(window=week)),
            "month_statistics_ms": milliseconds(lambda: store.statistics(window=month)),
        }
    return figures | {
        "start_up_ms": command_milliseconds("--version"),
        "report_command_ms": command_milliseconds(
            "report", str(path), "--by", "model", "--since", since, "--until", until
        ),
    }


def main() -> None:
    """Print the figures, and as JSON in the last line."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--calls", type=positive, default=200_000)
    parser.add_argument("--folder", type=Path, help="Keep the store here instead of deleting it.")
    arguments = parser.parse_args()
    calls = arguments.calls
    print(f"taximeter {__version__}, CPython {platform.python_version()}, SQLite {sqlite3.sqlite_version}")
    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.folder or Path(temporary)
        figures = write_figures(Path(temporary)) | store_figures(folder / "usage.db", calls)
    print("write, microseconds of processor a call, and by the clock")
    for name, way in (("floor", "bare executemany"), ("flat", "a column a field"), ("ours", "from lines")):
        print(f"  {way:21} {figures[f'{name}_us']:8.1f} {figures[f'{name}_clock_us']:8.1f}")
    for name, way in (("write", "bare executemany"), ("flat", "a column a field")):
        worked, clock = figures[f"{name}_share"], figures[f"{name}_clock_share"]
        print(f"  ours, of {way:16} {worked:8.0%} by processor, {clock:.0%} of its events a second")
    print(f"size of {calls:,} calls {figures['bytes_per_call']:8.0f} bytes a call")
    print(f"30 days by model        {figures['by_model_ms']:8.1f} ms")
    print(f"30 days by local day    {figures['by_day_in_kathmandu_ms']:8.1f} ms")
    print(f"30 days by user         {figures['by_user_ms']:8.1f} ms (read from the calls)")
    print(f"statistics of 7 days    {figures['week_statistics_ms']:8.1f} ms (exact percentiles)")
    print(f"statistics of 30 days   {figures['month_statistics_ms']:8.1f} ms (exact percentiles)")
    print(f"the command `report`    {figures['report_command_ms']:8.1f} ms", end="")
    print(f", of which {figures['start_up_ms']:.1f} ms are the start-up of any command")
    tell(figures | {"calls": calls})


if __name__ == "__main__":
    main()
