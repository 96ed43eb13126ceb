"""What becomes of events while the server misbehaves: the whole way from `track_task_completion` to the server's rows.

Each test would lose, repeat or make up events if the guard it names were not there.
"""

import json
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from time import monotonic

import pytest

import taximeter
from fault_server import Answer, FaultServer, HangUp, Received, reply
from receiver_server import TOKEN, models_in, receiving
from sink_doubles import assert_conserved, numbered
from taximeter.sinks.http import HttpSink

EVENTS = 40


class Store:
    """A server's rows by event id, and the answers to those who send them."""

    def __init__(self) -> None:
        self.times_stored: Counter[str] = Counter()
        self.models: set[str] = set()

    def take(self, request: Received, *, reject: Callable[[dict[str, str]], bool] = lambda _: False) -> bytes:
        """Store what is new and not rejected, and return the answer."""
        fresh = duplicates = 0
        rejected = []
        for index, event in enumerate(request.events):
            if reject(event):
                rejected.append({"index": index, "reason": "invalid"})
            elif event["event_id"] in self.times_stored:
                duplicates += 1
            else:
                fresh += 1
                self.times_stored[event["event_id"]] += 1
                self.models.add(event["model"])
        return reply(
            200, json.dumps({"accepted": fresh, "duplicates": duplicates, "rejected": rejected}).encode()
        )


def at_first(fault: Answer, store: Store, times: int = 2) -> Answer:
    """Misbehave some times, then store."""
    left = iter(range(times))

    def answer(request: Received) -> Iterable[bytes | None]:
        return [store.take(request)] if next(left, None) is None else fault(request)

    return answer


def deliver(url: str, journal: Path | None = None) -> taximeter.Receipt:
    """Track events, then one more when they have been settled, and return what became of them."""
    sink = HttpSink(url, timeout_s=0.1)
    with taximeter.start(sink, journal=journal, retry_budget_s=10, close_timeout_s=10) as tracker:
        for event in numbered(EVENTS):
            assert tracker.track_task_completion(event)
        tracker.flush()
        tracker.track_task_completion(taximeter.TaskCompletionEvent(model="fresh"))
    return tracker.receipt()


def silent(_request: Received) -> Iterable[bytes | None]:
    return [None]


def reset(_request: Received) -> Iterable[bytes | None]:
    raise HangUp


def says(status: int, **headers: str) -> Answer:
    return lambda _: [reply(status, b"", **headers)]


FAULTS: dict[str, Answer] = {
    "never answers": silent,
    "cuts the connection": reset,
    "cuts its answer": lambda _: [reply(200, b"{}")[:-1]],
    "says yes and not what of": says(200),
    "says 500": says(500),
    "says 502": says(502),
    "says 503": says(503),
    "says 504": says(504),
    "says 429": says(429),
    "asks for 0.02 s": says(429, retry_after="0.02"),
    "asks for a date that has passed": says(503, retry_after="Sun, 01 Nov 2020 00:00:00 GMT"),
    "asks for less than nothing": says(429, retry_after="-1"),
    "asks for junk": says(429, retry_after="tomorrow"),
}


@pytest.mark.parametrize("journaled", [False, True], ids=["in memory", "journaled"])
@pytest.mark.parametrize("fault", FAULTS)
def test_events_outlive_a_server_that(fault: str, tmp_path: Path, *, journaled: bool) -> None:
    """Lost 0, twice 0, made up 0, and a fresh event gets through."""
    store = Store()
    with FaultServer(at_first(FAULTS[fault], store)) as server:
        receipt = deliver(server.url, tmp_path / "journal" if journaled else None)
    assert receipt.complete, receipt
    assert_conserved(receipt)
    assert store.models == {f"m{n}" for n in range(EVENTS)} | {"fresh"}
    assert set(store.times_stored.values()) == {1}
    assert [sink.failed_attempts for sink in receipt.sinks.values()] == [2]


def test_a_reset_after_the_commit_leaves_one_row_an_id() -> None:
    """The server stored and could not say so; the second time it finds every id there."""
    store = Store()

    def store_and_hang_up(request: Received) -> Iterable[bytes]:
        store.take(request)
        raise HangUp

    with FaultServer(at_first(store_and_hang_up, store)) as server:
        receipt = deliver(server.url)
    assert receipt.complete, receipt
    assert set(store.times_stored.values()) == {1}
    assert len(store.times_stored) == EVENTS + 1


def test_a_wait_of_a_thousand_years_is_not_kept_to(tmp_path: Path) -> None:
    """Nor does it hold up the end of the program: the events stay in the journal, for the next start."""
    with FaultServer(says(429, retry_after="1e12")) as server:
        sink = HttpSink(server.url, name="central")
        tracker = taximeter.start(sink, journal=tmp_path / "journal", close_timeout_s=0.3)
        for event in numbered(EVENTS):
            tracker.track_task_completion(event)
        begun = monotonic()
        receipt = tracker.close()
        assert monotonic() - begun < 1.5
    assert receipt.pending == {"central": EVENTS}
    assert delivered_at_next_start(tmp_path) == {f"m{n}" for n in range(EVENTS)}


def delivered_at_next_start(folder: Path) -> set[str]:
    """Start with the journal that is there and a server that works, and return what comes."""
    store = Store()
    with FaultServer(lambda request: [store.take(request)]) as server:
        tracker = taximeter.start(HttpSink(server.url, name="central"), journal=folder / "journal")
        receipt = tracker.close(10)
    assert receipt.pending == {"central": 0}
    assert set(store.times_stored.values()) == {1}
    return store.models


def test_a_413_costs_the_offender_and_not_its_batch(tmp_path: Path) -> None:
    """Seen elsewhere: one oversized event dropped the whole batch it came in (opentelemetry-python 4533)."""
    store = Store()

    def limited(request: Received) -> Iterable[bytes]:
        offends = any(event["model"] == "m17" for event in request.events)
        return [reply(413) if offends else store.take(request)]

    letters = tmp_path / "letters.ndjson"
    with FaultServer(limited) as server:
        tracker = taximeter.start(HttpSink(server.url, name="central"), dead_letters=letters)
        for event in numbered(EVENTS):
            tracker.track_task_completion(event)
        receipt = tracker.close(10)
    assert receipt.sinks["central"].dropped == {"too_large": 1}
    assert_conserved(receipt)
    assert store.models == {f"m{n}" for n in range(EVENTS) if n != 17}
    (letter,) = letters.read_bytes().splitlines()
    assert b'"m17"' in letter or b'\\"m17\\"' in letter


def test_partial_success_is_not_success(tmp_path: Path) -> None:
    """Seen elsewhere: rejected events of an accepted request counted as exported (opentelemetry-python 4803)."""
    store = Store()
    with FaultServer(
        lambda request: [store.take(request, reject=lambda event: event["model"] in "m3m30")]
    ) as server:
        tracker = taximeter.start(HttpSink(server.url, name="central"))
        for event in numbered(EVENTS):
            tracker.track_task_completion(event)
        receipt = tracker.close(10)
    assert receipt.sinks["central"].dropped == {"invalid": 2}
    assert receipt.delivered == {"central": EVENTS - 2}
    assert_conserved(receipt)
    assert len(store.models) == EVENTS - 2


@pytest.mark.parametrize("status", [302, 307, 401, 403, 404])
def test_what_somebody_has_to_mend_keeps_the_events(status: int, tmp_path: Path) -> None:
    """A redirect is not followed: the other server sees neither events nor token. When it is mended, all arrive."""
    with (
        FaultServer(lambda _: [reply(200)]) as other,
        FaultServer(says(status, location=other.url)) as server,
    ):
        sink = HttpSink(server.url, name="central", token="hunter2")
        tracker = taximeter.start(sink, journal=tmp_path / "journal", close_timeout_s=0.3)
        for event in numbered(EVENTS):
            tracker.track_task_completion(event)
        receipt = tracker.close()
    assert other.requests == []
    assert receipt.pending == {"central": EVENTS}
    assert receipt.sinks["central"].last_error == f"AccessDenied: answered {status}"
    assert delivered_at_next_start(tmp_path) == {f"m{n}" for n in range(EVENTS)}


def test_a_server_that_hangs_does_not_hold_up_the_end(tmp_path: Path) -> None:
    """Seen elsewhere: no deadline at the end (langfuse 6515, opentelemetry-python 2284, 3309)."""
    with FaultServer(silent) as server:
        sink = HttpSink(server.url, name="central", timeout_s=60)
        tracker = taximeter.start(sink, journal=tmp_path / "journal")
        for event in numbered(EVENTS):
            tracker.track_task_completion(event)
        begun = monotonic()
        receipt = tracker.close(0.3)
        assert monotonic() - begun < 0.5 + 1.0  # 0.2 s on a machine of our own
    assert receipt.pending == {"central": EVENTS}
    assert delivered_at_next_start(tmp_path) == {f"m{n}" for n in range(EVENTS)}


def test_the_reference_receiver_keeps_one_row_an_id(tmp_path: Path) -> None:
    """Two senders with the same events, at once: what the one stored is the other's duplicate."""
    events = numbered(EVENTS)
    with receiving(tmp_path / "usage.db") as url:
        trackers = [taximeter.start(HttpSink(url, token=TOKEN), batch_max_events=7) for _ in range(2)]
        for event in events:
            for tracker in trackers:
                tracker.track_task_completion(event)
        receipts = [tracker.close(10) for tracker in trackers]
    assert all(receipt.complete for receipt in receipts)
    assert sorted(models_in(tmp_path / "usage.db")) == sorted(f"m{n}" for n in range(EVENTS))
