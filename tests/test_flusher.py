"""The background thread: what it encodes, how it batches, and that it lives on."""

import threading
import time
from typing import Any

import pytest

from sink_doubles import BlockingSink, FailingSink, HangingSink, ListSink, assert_conserved, numbered
from taximeter.event import TaskCompletionEvent, encode_event
from taximeter.flusher import Flusher
from taximeter.policy import Policy
from taximeter.queue import Queue
from taximeter.sinks.protocol import Sink
from taximeter.sinks.refusal import AccessDenied

FOREVER_S = 3600.0


def flusher_to(*sinks: Sink, **limits: Any) -> tuple[Queue, Flusher]:
    policy = Policy(**limits)
    queue = Queue(policy.max_events, bytearray(b"\x01"), lambda event: queue.admit(event))  # noqa: PLW0108 - there is no queue yet
    return queue, Flusher(queue, {sink.name: sink for sink in sinks}, policy)


def flushed(flusher: Flusher) -> None:
    assert flusher.start()
    assert flusher.flush().wait(10)


def stopped(flusher: Flusher, timeout_s: float = 10) -> None:
    flusher.stop(timeout_s)
    flusher.start()
    assert flusher.ended.wait(timeout_s + 5)


def test_batches_are_cut_by_size() -> None:
    """A batch holds at most so many events; a flush sends what is left."""
    sink = ListSink()
    queue, flusher = flusher_to(sink, batch_max_events=10, batch_max_age_s=FOREVER_S)
    for event in numbered(25):
        queue.offer(event)
    flushed(flusher)
    assert [len(batch) for batch in sink.batches] == [10, 10, 5]
    assert sink.models == [f"m{i}" for i in range(25)]
    stopped(flusher)
    assert sink.closed


def test_no_batch_is_larger_than_what_may_wait() -> None:
    """However few that is: a sink that keeps up loses nothing."""
    sink = ListSink()
    queue, flusher = flusher_to(sink, max_events=10, batch_max_age_s=FOREVER_S)
    flusher.start()
    for event in numbered(95):
        while len(queue) == 10:
            time.sleep(0)
        queue.offer(event)
    stopped(flusher)
    assert [len(batch) for batch in sink.batches] == [10] * 9 + [5]
    assert flusher.receipt().lost == {"list": 0}


def test_batches_are_cut_by_age() -> None:
    """Without a flush, an event arrives when its batch is old enough."""
    arrived = threading.Event()

    class Bell(ListSink):
        async def write(self, batch: Any) -> None:
            arrived.set()

    queue, flusher = flusher_to(Bell(), batch_max_age_s=0.05)
    queue.offer(numbered(1)[0])
    flusher.start()
    assert arrived.wait(10)
    stopped(flusher)


def test_a_full_share_of_bytes_is_counted_at_the_sink_that_is_slow() -> None:
    """The hanging sink holds no more than its share, exactly; its neighbour gets every event."""
    events = [TaskCompletionEvent(event_id=f"{i:036}", started_at_us=1) for i in range(1000)]
    size = len(encode_event(events[0]))
    hanging, healthy = HangingSink(), ListSink()
    queue, flusher = flusher_to(hanging, healthy, max_bytes=2 * 300 * size, batch_max_events=10)
    for wave in range(10):
        for event in events[wave * 100 : (wave + 1) * 100]:
            queue.offer(event)
        flusher.start()
        while len(healthy.batches) < (wave + 1) * 10:
            threading.Event().wait(0.001)
    receipt = flusher.receipt()
    assert (receipt.sinks["hanging"].pending, receipt.sinks["hanging"].dropped) == (300, {"bytes_full": 700})
    assert_conserved(receipt)
    stopped(flusher, 0)


def test_what_waits_is_bounded_by_bytes_too() -> None:
    """Once one event has shown how large they are, a burst of such ones is refused (seen elsewhere: only items counted)."""
    blocking = BlockingSink()
    queue, flusher = flusher_to(blocking, max_bytes=100_000, batch_max_age_s=0, batch_max_events=1)
    large = [TaskCompletionEvent(user="u" * 10_000) for _ in range(500)]
    accepted = sum(queue.offer(event) for event in large)
    flusher.start()
    assert blocking.reached.wait(10)  # it holds the thread, so what waits now is what the bound left
    assert accepted == 500
    assert len(queue) <= 10
    assert sum([queue.offer(event) for event in large[:11]]) <= 10
    blocking.release.set()
    stopped(flusher)
    receipt = flusher.receipt()
    assert receipt.delivered["blocking"] + receipt.lost["blocking"] == receipt.tracked == 511
    assert receipt.lost["blocking"] >= 450
    assert_conserved(receipt)


def test_the_room_comes_back_when_the_sink_does() -> None:
    """Large events leave the room to the next as soon as they are written; small ones make more of it."""
    sink = ListSink()
    queue, flusher = flusher_to(sink, max_bytes=100_000)
    for _ in range(5):
        for _ in range(8):
            assert queue.offer(TaskCompletionEvent(user="u" * 10_000))
        flushed(flusher)
    for event in numbered(20):
        assert queue.offer(event)
        flushed(flusher)
    assert all(map(queue.offer, numbered(100)))
    stopped(flusher)
    assert len(sink.models) == 160


def test_an_event_that_is_too_large_is_dropped_before_all_sinks() -> None:
    """Its neighbours in the queue are not."""
    sink = ListSink()
    queue, flusher = flusher_to(sink, max_event_bytes=2000)
    queue.offer(TaskCompletionEvent(model="small"))
    queue.offer(TaskCompletionEvent(user="u" * 2000))
    queue.offer(TaskCompletionEvent(user="u" * 100_000_000))
    queue.offer(TaskCompletionEvent(model="small too"))
    flushed(flusher)
    assert sink.models == ["small", "small too"]
    assert flusher.receipt().dropped == {"too_large": 2}
    stopped(flusher)


def test_what_hangs_at_the_end_is_counted() -> None:
    """Stopping takes no longer than it may, and leaves nothing pending."""
    hanging, healthy = HangingSink(), ListSink()
    queue, flusher = flusher_to(hanging, healthy)
    for event in numbered(5):
        queue.offer(event)
    stopped(flusher, 0.2)
    receipt = flusher.receipt()
    assert receipt.sinks["hanging"].dropped == {"close_timeout": 5}
    assert receipt.delivered == {"hanging": 0, "list": 5}
    assert healthy.closed
    assert_conserved(receipt)


def test_a_thread_that_dies_is_followed_by_another(caplog: pytest.LogCaptureFixture) -> None:
    """What it had in hand is counted, what waits is delivered, and the death is in the receipt."""
    sink = ListSink()
    queue, flusher = flusher_to(sink)

    class Deadly(TaskCompletionEvent, kw_only=True, frozen=True, tag="TASK_COMPLETION"):
        def __getattribute__(self, name: str) -> Any:
            raise SystemExit  # not an Exception, so nothing on the way takes it for an unfit value

    queue.offer(Deadly(model="\ud800"))  # encoding touches the fields of this one by name
    flusher.start()
    while not flusher.receipt().restarts:
        threading.Event().wait(0.001)
    queue.offer(TaskCompletionEvent(model="after"))
    assert not flusher.start()  # not before a second has passed, so that deaths are not a storm ...
    stopped(flusher)  # ... except to end
    receipt = flusher.receipt()
    assert (sink.models, receipt.dropped, receipt.restarts) == (["after"], {"flusher_died": 1}, 1)
    assert_conserved(receipt)
    assert "the background thread died" in caplog.text


def test_receipts_conserve_events_at_every_moment() -> None:
    """Eight threads track, one sink fails, one hangs, one works, and every receipt in between adds up."""
    queue, flusher = flusher_to(
        FailingSink(), HangingSink(), ListSink(), retry_budget_s=0.02, batch_max_events=50, max_events=2000
    )
    start = threading.Barrier(9)

    def track() -> None:
        start.wait()
        for event in numbered(3000):
            queue.offer(event)

    threads = [threading.Thread(target=track) for _ in range(8)]
    for thread in threads:
        thread.start()
    flusher.start()
    start.wait()
    while any(thread.is_alive() for thread in threads):
        assert_conserved(flusher.receipt())
    stopped(flusher, 0.5)
    receipt = flusher.receipt()
    assert receipt.tracked == 24_000
    assert not any(receipt.pending.values())
    assert_conserved(receipt)


def test_trouble_is_one_warning_that_says_what_and_where(caplog: pytest.LogCaptureFixture) -> None:
    """Not one for each batch, and without a word of an event."""
    queue, flusher = flusher_to(FailingSink(), retry_budget_s=0.01, batch_max_events=1)
    for _ in range(20):
        queue.offer(TaskCompletionEvent(user="private"))
    flushed(flusher)
    stopped(flusher)
    warnings = [record for record in caplog.records if record.name == "taximeter"]
    assert 1 <= len(warnings) <= 2  # the second is the last word at the end
    assert "sink failing failed" in caplog.text
    assert "sink_failed=20" in warnings[-1].getMessage()
    assert "private" not in caplog.text


def test_denied_access_is_one_warning(caplog: pytest.LogCaptureFixture) -> None:
    """What is tried again and denied again is no news; what is dropped at the close is."""
    sink = FailingSink(error=AccessDenied("401"))
    queue, flusher = flusher_to(sink, batch_max_age_s=0)
    queue.offer(numbered(1)[0])
    flusher.start()
    while not caplog.messages:
        threading.Event().wait(0.01)
    stopped(flusher, 0.2)
    assert sink.attempts == 2
    denied, dropped = caplog.messages
    assert "sink failing does not let us in" in denied
    assert "events dropped for sink failing: close_timeout=1" in dropped


def test_a_sink_may_flush_without_waiting_for_itself() -> None:
    """The thread knows itself."""
    seen: list[bool] = []

    class Curious(ListSink):
        async def write(self, _batch: Any) -> None:
            seen.append(flusher.is_current_thread)

    queue, flusher = flusher_to(Curious())
    queue.offer(numbered(1)[0])
    flushed(flusher)
    stopped(flusher)
    assert seen == [True]
    assert not flusher.is_current_thread


def test_a_blocked_thread_delays_nobody_who_tracks_or_asks() -> None:
    """Offering and asking for a receipt do not wait for it."""
    blocking = BlockingSink()
    queue, flusher = flusher_to(blocking, max_events=10, batch_max_age_s=0)
    queue.offer(numbered(1)[0])
    flusher.start()
    assert blocking.reached.wait(10)
    accepted = sum(queue.offer(event) for event in numbered(20))
    receipt = flusher.receipt()
    assert (accepted, receipt.pending, receipt.dropped) == (10, {"blocking": 11}, {"queue_full": 10})
    blocking.release.set()
    stopped(flusher)
    assert flusher.receipt().delivered == {"blocking": 11}
