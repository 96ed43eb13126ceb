"""What does tracking cost while the server that events are posted to hangs, drips its answers or fails?

Events are tracked at an even pace, each call timed: first with a healthy server, then with one that misbehaves all the
time, then healthy again. The question is the ratio of the 99th percentiles, in the same run, with events waiting in
memory and in a journal. The bounds are small, so that they are reached; another thread looks four times a second
whether they are kept, and at the end every event has to be accounted for. The server is a process of its own.

`--seconds 60` makes each outage a minute long.
"""

import argparse
import json
import multiprocessing
import platform
import socket
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from multiprocessing.queues import Queue
from pathlib import Path
from threading import Event, Thread
from time import perf_counter, perf_counter_ns, sleep

import msgspec

import taximeter
from measure import positive, tell
from taximeter.journal.segment import SegmentName
from taximeter.sinks.http import HttpSink

FAULTS = ("hangs", "drips", "fails")
EVENTS_PER_S = 2000
MAX_EVENTS = 1000
JOURNAL_MAX_BYTES = 1 << 19


class Phase(msgspec.Struct, frozen=True):
    """What was measured while the server behaved in one way."""

    server: str
    journaled: bool
    calls: int
    p50_us: float
    p99_us: float
    most_pending: int
    """Events in memory; with a journal those are not counted that it holds."""
    most_journal_bytes: int
    delivered: int
    dropped: dict[str, int]


def answer(connection: socket.socket) -> None:
    """Answer the requests of one connection in the way that the path asks for."""
    with suppress(OSError), connection, connection.makefile("rb") as reader:
        while line := reader.readline():
            headers = dict(
                header.decode().lower().strip().split(": ") for header in iter(reader.readline, b"\r\n")
            )
            body = reader.read(int(headers["content-length"]))
            if line.startswith(b"POST /hangs/"):
                sleep(3600)
            if line.startswith(b"POST /drips/"):
                drip(connection)
            if line.startswith(b"POST /fails/"):
                connection.sendall(b"HTTP/1.1 500 X\r\ncontent-length: 0\r\n\r\n")
                continue
            if "content-encoding" in headers:
                body = zlib.decompress(body, wbits=31)
            result = b'{"accepted":%d,"duplicates":0}' % len(json.loads(body).get("events", ()))
            connection.sendall(b"HTTP/1.1 200 X\r\ncontent-length: %d\r\n\r\n%b" % (len(result), result))


def drip(connection: socket.socket) -> None:
    """Send a byte a second."""
    for byte in b"HTTP/1.1 200 X\r\ncontent-length: 1000\r\n\r\n" + bytes(1000):
        connection.sendall(bytes((byte,)))
        sleep(1)


def serve(port: "Queue[int]") -> None:
    """Serve until the process is ended."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port.put(listener.getsockname()[1])
        while True:
            Thread(target=answer, args=(listener.accept()[0],), daemon=True).start()


def timed_calls(tracker: taximeter.Tracker, seconds: int) -> list[int]:
    """Track at an even pace and return how long each call took, in nanoseconds."""
    taken = []
    begun = perf_counter()
    for n in range(seconds * EVENTS_PER_S):
        event = taximeter.TaskCompletionEvent(model="m", provider="openai", actual_input_tokens=n)
        before = perf_counter_ns()
        tracker.track_task_completion(event)
        taken.append(perf_counter_ns() - before)
        ahead_s = begun + n / EVENTS_PER_S - perf_counter()
        if ahead_s > 0:
            sleep(ahead_s)
    return taken


class Watch:
    """Looks at what waits, four times a second."""

    def __init__(self, tracker: taximeter.Tracker, journal: Path | None) -> None:
        self._tracker = tracker
        self._journal = journal
        self.most_pending = 0
        self.most_journal_bytes = 0

    def look(self) -> None:
        """Take note of what is there."""
        receipt = self._tracker.receipt()
        (sink,) = receipt.sinks.values()
        self.most_pending = max(
            self.most_pending, receipt.accepted - receipt.journaled if self._journal else sink.pending
        )
        if self._journal is not None and self._journal.exists():
            sizes = [path.stat().st_size for path in self._journal.iterdir() if SegmentName.parse(path.name)]
            self.most_journal_bytes = max(self.most_journal_bytes, sum(sizes))

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Look until the block ends, and a last time then."""
        over = Event()

        def look_on() -> None:
            while not over.wait(0.25):
                with suppress(FileNotFoundError):  # a segment that was delivered meanwhile
                    self.look()

        thread = Thread(target=look_on)
        thread.start()
        yield
        over.set()
        thread.join()
        self.look()


def run_phase(url: str, server: str, seconds: int, journal: Path | None) -> Phase:
    """Track against the server in one of its ways, and hold the counts against the bounds."""
    tracker = taximeter.start(
        HttpSink(f"{url}/{server}"),
        journal=journal,
        max_events=MAX_EVENTS,
        journal_max_bytes=JOURNAL_MAX_BYTES,
        close_timeout_s=0.5,
    )
    watch = Watch(tracker, journal)
    with watch.watching():
        taken = sorted(timed_calls(tracker, seconds))
    receipt = tracker.close()
    (sink,) = receipt.sinks.values()
    (lost,) = receipt.lost.values()
    assert receipt.tracked == len(taken) == sink.delivered + sink.pending + lost, receipt
    assert watch.most_journal_bytes <= JOURNAL_MAX_BYTES, watch.most_journal_bytes
    assert watch.most_pending <= 2 * MAX_EVENTS, watch.most_pending  # those in the queue, and those encoded
    dropped = {**receipt.dropped, **sink.dropped}
    return Phase(
        server=server,
        journaled=journal is not None,
        calls=len(taken),
        p50_us=taken[len(taken) // 2] / 1e3,
        p99_us=taken[len(taken) * 99 // 100] / 1e3,
        most_pending=watch.most_pending,
        most_journal_bytes=watch.most_journal_bytes,
        delivered=sink.delivered,
        dropped=dropped,
    )


def run_phases(url: str, seconds: int, *, journaled: bool) -> list[Phase]:
    """Run each outage between two healthy phases."""
    phases = []
    with tempfile.TemporaryDirectory() as folder:
        for n, server in enumerate(("healthy", *(each for fault in FAULTS for each in (fault, "healthy")))):
            phases.append(run_phase(url, server, seconds, Path(folder, str(n)) if journaled else None))
    return phases


def ratio(phases: list[Phase], at: int) -> float:
    """Return an outage's 99th percentile over the mean of the healthy ones around it."""
    return phases[at].p99_us / ((phases[at - 1].p99_us + phases[at + 1].p99_us) / 2)


def spread(phases: list[Phase]) -> float:
    """Return how much the healthy phases differ among themselves: what is below that may be the machine's doing."""
    healthy = [phase.p99_us for phase in phases if phase.server == "healthy"]
    return max(healthy) / min(healthy)


def show(phases: list[Phase]) -> None:
    """Print the phases of one way to wait."""
    place = "a journal" if phases[0].journaled else "memory"
    print(f"events wait in {place}; p99 of the healthy phases: {spread(phases):.2f}x from least to most")
    for at, phase in enumerate(phases):
        beside = "" if phase.server == "healthy" else f"{ratio(phases, at):5.2f}x"
        dropped = ", ".join(f"{reason}={n:,}" for reason, n in phase.dropped.items())
        print(
            f"  {phase.server:8} p50 {phase.p50_us:6.1f} us  p99 {phase.p99_us:6.1f} us {beside:6}"
            f"  most in memory {phase.most_pending:5,}  in the journal {phase.most_journal_bytes:9,} bytes"
            f"  delivered {phase.delivered:6,}  dropped {dropped or 'none'}"
        )


def main() -> None:
    """Answer the question."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=positive, default=1, help="how long each phase is")
    options = parser.parse_args()
    spawn = multiprocessing.get_context("spawn")
    port: Queue[int] = spawn.Queue()
    server = spawn.Process(target=serve, args=(port,), daemon=True)
    server.start()
    url = f"http://127.0.0.1:{port.get()}"
    runs = [run_phases(url, options.seconds, journaled=journaled) for journaled in (False, True)]
    server.terminate()
    print(
        f"Python {platform.python_version()}, {EVENTS_PER_S:,} events a second, phases of {options.seconds} s"
    )
    print(
        f"bounds: {MAX_EVENTS:,} events in the queue and at the sink each, {JOURNAL_MAX_BYTES:,} bytes of journal"
    )
    figures: dict[str, float] = {}
    for phases, waiting in zip(runs, ("memory", "journal"), strict=True):
        show(phases)
        figures[f"{waiting}_healthy_spread_x"] = spread(phases)
        for at, phase in enumerate(phases):
            if phase.server != "healthy":
                figures[f"{waiting}_{phase.server}_p99_x"] = ratio(phases, at)
    tell(figures)


if __name__ == "__main__":
    main()
