"""How fast do 100,000 events get to a file, a database and a server at default settings, and are any dropped?

One thread tracks events of about 1,200 bytes flat out, and closes. The time is from the first call until everything is
delivered, and what is delivered is counted where it went. Floor: `encode_lines` of a thousand of the same events at a time,
and one write. The HTTP server is a process of its own that counts distinct ids; processor time is the sender's alone.
"""

import gc
import json
import multiprocessing
import os
import platform
import statistics
import tempfile
import zlib
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from multiprocessing.queues import Queue
from pathlib import Path
from time import perf_counter, process_time

import msgspec
from measure import calls, ratio, rows_in, tell

import taximeter
from taximeter.event import TaskCompletionEvent

EVENTS = 100_000
ROUNDS = 3
Events = list[TaskCompletionEvent]


def serve(told: "Queue[int]") -> None:
    """Take events like a server of the protocol; a GET tells how many distinct ones have come, and forgets them."""
    seen: set[str] = set()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            if self.headers.get("content-encoding"):
                body = zlib.decompress(body, wbits=31)
            events = json.loads(body).get("events", [])
            seen.update(event["event_id"] for event in events)
            self.answer({"accepted": len(events), "duplicates": 0})

        def do_GET(self) -> None:
            self.answer({"distinct": len(seen)})
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


def lines_in(path: Path) -> int:
    """Return how many distinct events a file of lines holds."""
    with path.open("rb") as file:
        return len({msgspec.json.decode(line)["event_id"] for line in file})


def floor(events: Events, folder: Path) -> tuple[float, float, int]:
    """Encode and write, and nothing else."""
    encode = msgspec.json.Encoder().encode_lines
    begun, worked = perf_counter(), process_time()
    with (folder / "floor").open("wb", buffering=0) as file:
        for first in range(0, EVENTS, 1000):
            file.write(encode(events[first : first + 1000]))
    return perf_counter() - begun, process_time() - worked, lines_in(folder / "floor")


def deliver(
    events: Events, sink: str, journal: Path | None, count: Callable[[], int]
) -> tuple[float, float, int]:
    """Track all events flat out; return the seconds until they were delivered, those of the processor, and the count."""
    begun, worked = perf_counter(), process_time()
    tracker = taximeter.start(sink, journal=journal)
    for event in events:
        tracker.track_task_completion(event)
    receipt = tracker.close(300)
    taken = perf_counter() - begun, process_time() - worked
    assert receipt.tracked == EVENTS, receipt
    return *taken, count()


def run_round(events: Events, folder: Path, url: str) -> dict[str, tuple[float, float, int]]:
    """Let floor and sinks take their turns."""
    import httpx  # noqa: PLC0415 - only to ask the server

    ways: dict[str, Callable[[], tuple[float, float, int]]] = {
        "floor": lambda: floor(events, folder),
        "ndjson": lambda: deliver(events, f"{folder}/a.ndjson", None, lambda: lines_in(folder / "a.ndjson")),
        "journal_ndjson": lambda: deliver(
            events, f"{folder}/b.ndjson", folder / "b", lambda: lines_in(folder / "b.ndjson")
        ),
        "sqlite": lambda: deliver(events, f"{folder}/a.db", None, lambda: rows_in(folder / "a.db")),
        "journal_sqlite": lambda: deliver(
            events, f"{folder}/b.db", folder / "c", lambda: rows_in(folder / "b.db")
        ),
        "http": lambda: deliver(events, url, None, lambda: int(httpx.get(url).json()["distinct"])),
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
    rounds = []
    for _ in range(ROUNDS):
        with tempfile.TemporaryDirectory() as folder:
            rounds.append(run_round(events, Path(folder), url))
    server.terminate()
    print(f"Python {platform.python_version()}, {EVENTS:,} events, median of {ROUNDS} interleaved rounds")
    figures: dict[str, float] = {"dropped": max(EVENTS - way[2] for each in rounds for way in each.values())}
    for name in rounds[0]:
        seconds, worked = [each[name][0] for each in rounds], [each[name][1] for each in rounds]
        figures |= {
            f"{name}_events_per_s": EVENTS / statistics.median(seconds),
            f"{name}_cpu_us": statistics.median(worked) / EVENTS * 1e6,
            f"{name}_share": 100 / ratio(seconds, [each["floor"][0] for each in rounds]),
        }
        print(
            f"  {name:15} {figures[f'{name}_events_per_s']:10,.0f} events/s  {figures[f'{name}_cpu_us']:6.1f} us of"
            f" processor an event  {figures[f'{name}_share']:5.1f} % of the floor"
        )
    print(f"  dropped in any round: {figures['dropped']:.0f}")
    tell(figures)


if __name__ == "__main__":
    main()
