"""Server: a reference receiver behind a server that misbehaves, and what becomes of the events sent there."""

import http.client
import json
from collections.abc import Callable, Iterable
from itertools import cycle
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

import taximeter
from fault_server import Answer, FaultServer, HangUp, Received, reply
from faults.numbered import Trial, event_of
from faults.row import Row
from receiver_server import TOKEN, receiving
from taximeter.journal.ledger import read_ledger_at
from taximeter.sinks.http import HttpSink

_EVENTS = 50

Forward = Callable[[Received], bytes]


def silent_server(folder: Path, rounds: int) -> Row:
    """The server takes a request and says nothing, or stops in its answer; then it works."""
    return _row(folder, rounds, "silent server", "the time for one attempt", _silent)


def failing_server(folder: Path, rounds: int) -> Row:
    """It answers with every error that passes, every form of Retry-After, and successes that say nothing; then it works."""
    return _row(folder, rounds, "failing server", "the retry", _failing)


def cut_connection(folder: Path, rounds: int) -> Row:
    """The connection ends before, in, or after the work: then the events are stored, and it could not say so."""
    return _row(folder, rounds, "cut connection", "the server's key on event ids", _cut)


def refused_events(folder: Path, rounds: int) -> Row:
    """It refuses batches that hold a certain event, and rejects another; all others are stored, these are counted."""
    row = _row(folder, rounds, "refused events", "the search for the event at fault", _refusing)
    dropped = sum(read_ledger_at(folder / "journal")["usage.db"].dropped.values())
    return msgspec.structs.replace(row, lost=row.lost - dropped, note=f"{row.note}, counted and kept")


def _row(folder: Path, rounds: int, fault: str, guard: str, misbehaving: Callable[[Forward], Answer]) -> Row:
    store, journal = folder / "usage.db", folder / "journal"
    tracked: dict[int, list[int]] = {}
    with receiving(store) as url, FaultServer(misbehaving(_forward_to(url))) as server:
        for number in range(rounds):
            sink = HttpSink(server.url, token=TOKEN, timeout_s=0.1, name=store.name)
            with taximeter.start(sink, journal=journal, close_timeout_s=60) as tracker:
                tracked[number] = [
                    n for n in range(_EVENTS) if tracker.track_task_completion(event_of(number, n))
                ]
    return Trial(fault=fault, rounds=rounds, guard=guard, tracked=tracked).compare(store, journal)


def _forward_to(url: str) -> Forward:
    def forward(request: Received) -> bytes:
        connection = http.client.HTTPConnection(urlsplit(url).netloc)
        try:
            connection.request("POST", request.line.split()[1], request.body, request.headers)
            answer = connection.getresponse()
            return reply(answer.status, answer.read())
        finally:
            connection.close()

    return forward


def _two_in_three(faults: Iterable[Answer], forward: Forward) -> Answer:
    """Misbehave twice in a row, each time in the next way, then work; more in a row would open the breaker."""
    ways = cycle(faults)
    turns = cycle([True, True, False])

    def answer(request: Received) -> Iterable[bytes | None]:
        return next(ways)(request) if next(turns) else [forward(request)]

    return answer


def _silent(forward: Forward) -> Answer:
    def stuck(_request: Received) -> Iterable[bytes | None]:
        yield b"HTTP/1.1 200 OK\r\ncontent-le"
        yield None

    return _two_in_three([lambda _: [None], stuck], forward)


def _failing(forward: Forward) -> Answer:
    statuses = [reply(status) for status in (408, 425, 429, 500, 502, 503, 504)]
    waits = ["0", "0.01", "-1", "soon", "Sun, 01 Nov 2020 00:00:00 GMT"]
    answers = [*statuses, *(reply(429, retry_after=wait) for wait in waits), reply(200), reply(200, b"{}")]
    ways = cycle(answers)
    return _two_in_three([lambda _: [next(ways)]], forward)


def _cut(forward: Forward) -> Answer:
    def before(_request: Received) -> Iterable[bytes]:
        raise HangUp

    def within(request: Received) -> Iterable[bytes]:
        yield forward(request)[:20]
        raise HangUp

    def after(request: Received) -> Iterable[bytes]:
        forward(request)
        raise HangUp

    return _two_in_three([before, within, after], forward)


def _refusing(forward: Forward) -> Answer:
    def answer(request: Received) -> Iterable[bytes]:
        if any(event["model"].endswith("-17") for event in request.events):
            return [reply(413)]
        bad = [index for index, event in enumerate(request.events) if event["model"].endswith("-31")]
        good = [event for event in request.events if not event["model"].endswith("-31")]
        headers = {
            name: text
            for name, text in request.headers.items()
            if name not in ("content-encoding", "content-length")
        }
        stored = forward(Received(request.line, headers, json.dumps({"events": good}).encode()))
        result = json.loads(stored.partition(b"\r\n\r\n")[2])
        result["rejected"] = [{"index": index, "reason": "invalid"} for index in bad]
        return [reply(200, json.dumps(result).encode())]

    return answer
