"""How fast do 100,000 events get to a file, a database and a server at default settings, and are any dropped?

One thread tracks events of about 1,200 bytes flat out, and closes. The time is from the first call until everything is
delivered; what is delivered is counted and added up where it went, after the time is taken. 100,000 is what the queue
holds by default: of more, flat out, what the sink does not keep up with is dropped and counted.
Floors: `encode_lines` of a thousand of the same events at a time, alone and with one write; and bare `executemany` of the
rows that the SQLite sink makes, into the same table with its indexes, 500 a transaction. The HTTP server is a process of
its own; processor time is the sender's alone.
"""

import gc
import json
import multiprocessing
import os
import platform
import sqlite3
import statistics
import tempfile
import zlib
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from multiprocessing.queues import Queue
from operator import attrgetter
from pathlib import Path
from time import perf_counter, process_time
from typing import Any, NamedTuple

import msgspec

import taximeter
from measure import calls, ratio, tell
from taximeter.event import TaskCompletionEvent, encode_event
from taximeter.sinks.layout import EVENT_ROWS
from taximeter.sinks.row import read_call
from taximeter.sinks.row_writer import RowWriter
from taximeter.sinks.sqlite import open_database

EVENTS = 100_000
ROUNDS = 3
BATCH = 500
SUMMED = ("actual_input_tokens", "actual_output_tokens", "actual_cost_usd_nanos")
Events = list[TaskCompletionEvent]
Row = tuple[Any, ...]


class Arrived(NamedTuple):
    """What is found at the other end."""

    events: int
    """Distinct ones."""
    sums: tuple[int, ...]
    """Of tokens and cost."""


def serve(told: "Queue[int]") -> None:
    """Take events like a server of the protocol; a GET tells how many distinct ones have come, and forgets them."""
    seen: dict[str, tuple[int, ...]] = {}

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            if self.headers.get("content-encoding"):
                body = zlib.decompress(body, wbits=31)
            events = json.loads(body).get("events", [])
            seen.update((event["event_id"], amounts(event)) for event in events)
            self.answer({"accepted": len(events), "duplicates": 0})

        def do_GET(self) -> None:
            self.answer(added_up(seen))
            seen.clear()

        def answer(self, document: object) -> None:
            data = json.dumps(document).encode()
            self.send_response(200)
            self.send_header("content-length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            """Print nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    told.put(server.server_port)
    server.serve_forever()


def amounts(event: dict[str, Any]) -> tuple[int, ...]:
    """Return what is added up of an event as JSON."""
    return tuple(event.get(name) or 0 for name in SUMMED)


def added_up(found: dict[str, tuple[int, ...]]) -> Arrived:
    """Return how many events there are, and their sums."""
    return Arrived(len(found), tuple(map(sum, zip(*found.values(), strict=True))))


def in_lines(path: Path) -> Arrived:
    """Return what a file of lines holds."""
    with path.open("rb") as file:
        events = map(msgspec.json.decode, file)
        return added_up({event["event_id"]: amounts(event) for event in events})


def in_database(path: Path) -> Arrived:
    """Return what a SQLite file of ours holds."""
    connection = sqlite3.connect(path)
    sums = ", ".join(f"SUM({name})" for name in SUMMED)
    query = f"SELECT COUNT(DISTINCT event_id), {sums} FROM event_rows"  # noqa: S608 - our own names
    (count, *found) = connection.execute(query).fetchone()
    connection.close()
    return Arrived(count, tuple(found))


def encoded(events: Events) -> tuple[float, float, Arrived]:
    """Encode, and nothing else."""
    encode = msgspec.json.Encoder().encode_lines
    begun, worked = perf_counter(), process_time()
    for first in range(0, EVENTS, 1000):
        encode(events[first : first + 1000])
    return perf_counter() - begun, process_time() - worked, tracked(events)


def floor(events: Events, folder: Path) -> tuple[float, float, Arrived]:
    """Encode and write, and nothing else."""
    encode = msgspec.json.Encoder().encode_lines
    begun, worked = perf_counter(), process_time()
    with (folder / "floor").open("wb", buffering=0) as file:
        for first in range(0, EVENTS, 1000):
            file.write(encode(events[first : first + 1000]))
    return perf_counter() - begun, process_time() - worked, in_lines(folder / "floor")


def executemany(rows: list[Row], path: Path) -> tuple[float, float, Arrived]:
    """Insert ready rows, and nothing else."""
    connection = open_database(path)
    begun, worked = perf_counter(), process_time()
    for first in range(0, EVENTS, BATCH):
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany(EVENT_ROWS.insert, rows[first : first + BATCH])
        connection.execute("COMMIT")
    taken = perf_counter() - begun, process_time() - worked
    connection.close()
    return *taken, in_database(path)


def rows_of(events: Events) -> list[Row]:
    """Return the rows that the SQLite sink makes of events."""
    with tempfile.TemporaryDirectory() as folder:
        connection = open_database(Path(folder, "rows.db"))
        writer = RowWriter(connection)
        rows = [writer.values_of(read_call(encode_event(event))) for event in events]
        connection.close()
    return rows


def tracked(events: Events) -> Arrived:
    """Return what should arrive."""
    read = attrgetter(*SUMMED)
    return added_up({event.event_id: tuple(value or 0 for value in read(event)) for event in events})


def deliver(
    events: Events, sink: str, journal: Path | None, look: Callable[[], Arrived]
) -> tuple[float, float, Arrived]:
    """Track all events flat out; return the seconds until they were delivered, those of the processor, and what arrived."""
    begun, worked = perf_counter(), process_time()
    tracker = taximeter.start(sink, journal=journal)
    for event in events:
        tracker.track_task_completion(event)
    receipt = tracker.close(300)
    taken = perf_counter() - begun, process_time() - worked
    assert receipt.tracked == EVENTS, receipt
    return *taken, look()


def run_round(
    events: Events, rows: list[Row], folder: Path, url: str
) -> dict[str, tuple[float, float, Arrived]]:
    """Let floor and sinks take their turns."""
    import httpx  # noqa: PLC0415 - only to ask the server

    ways: dict[str, Callable[[], tuple[float, float, Arrived]]] = {
        "encode": lambda: encoded(events),
        "floor": lambda: floor(events, folder),
        "executemany": lambda: executemany(rows, folder / "bare.db"),
        "ndjson": lambda: deliver(events, f"{folder}/a.ndjson", None, lambda: in_lines(folder / "a.ndjson")),
        "journal_ndjson": lambda: deliver(
            events, f"{folder}/b.ndjson", folder / "b", lambda: in_lines(folder / "b.ndjson")
        ),
        "sqlite": lambda: deliver(events, f"{folder}/a.db", None, lambda: in_database(folder / "a.db")),
        "journal_sqlite": lambda: deliver(
            events, f"{folder}/b.db", folder / "c", lambda: in_database(folder / "b.db")
        ),
        "http": lambda: deliver(
            events, url, None, lambda: msgspec.json.decode(httpx.get(url).content, type=Arrived)
        ),
    }
    found = {}
    for name, way in ways.items():
        gc.collect()
        found[name] = way()
    return found


def main() -> None:
    """Answer the question."""
    os.environ["TAXIMETER_TOKEN"] = "none"  # noqa: S105 - the server asks for none
    spawn = multiprocessing.get_context("spawn")
    port: Queue[int] = spawn.Queue()
    server = spawn.Process(target=serve, args=(port,), daemon=True)
    server.start()
    url = f"http://127.0.0.1:{port.get()}/v1/events"
    events = calls(EVENTS)
    rows, wanted = rows_of(events), tracked(events)
    rounds = []
    for _ in range(ROUNDS):
        with tempfile.TemporaryDirectory() as folder:
            rounds.append(run_round(events, rows, Path(folder), url))
    server.terminate()
    print(f"Python {platform.python_version()}, {EVENTS:,} events, median of {ROUNDS} interleaved rounds")
    found = [way[2] for each in rounds for way in each.values()]
    figures: dict[str, float] = {"dropped": max(EVENTS - each.events for each in found)}
    assert all(each.events < EVENTS or each.sums == wanted.sums for each in found)
    for name in rounds[0]:
        seconds, worked = [each[name][0] for each in rounds], [each[name][1] for each in rounds]
        figures |= {
            f"{name}_events_per_s": EVENTS / statistics.median(seconds),
            f"{name}_cpu_us": statistics.median(worked) / EVENTS * 1e6,
            f"{name}_share": 100 / ratio(seconds, [each["floor"][0] for each in rounds]),
        }
        if "sqlite" in name:
            share = 100 / ratio(seconds, [each["executemany"][0] for each in rounds])
            figures[f"{name}_of_executemany_share"] = share
        print(
            f"  {name:15} {figures[f'{name}_events_per_s']:10,.0f} events/s  {figures[f'{name}_cpu_us']:6.1f} us of"
            f" processor an event  {figures[f'{name}_share']:5.1f} % of the floor"
        )
    print(
        f"  SQLite: {figures['sqlite_of_executemany_share']:.1f} % of bare executemany's events a second,"
        f" {figures['journal_sqlite_of_executemany_share']:.1f} % through the journal"
    )
    print(f"  dropped in any round: {figures['dropped']:.0f}")
    tell(figures)


if __name__ == "__main__":
    main()
