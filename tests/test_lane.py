"""What waits in memory for one sink: in order, within bounds, every event in one count."""

import threading
from typing import Any

import anyio
import pytest
from trio.testing import MockClock

from sink_doubles import FailingSink, ListSink, RefusingSink, batch, numbered
from taximeter.courier import Courier
from taximeter.lane import Lane
from taximeter.sinks.protocol import Sink
from taximeter.sinks.refusal import AccessDenied

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> Any:
    """Time jumps to the next deadline whenever everybody waits."""
    return "trio", {"clock": MockClock(autojump_threshold=0)}


def lane_to(sink: Sink, *, retry_budget_s: float = 30.0, **options: Any) -> Lane:
    bounds = {"max_bytes": 1 << 20, "max_events": 1000} | options
    courier = Courier(sink, sink.name, retry_budget_s=retry_budget_s)
    return Lane(courier, ledger=threading.RLock(), **bounds)


async def run(lane: Lane) -> None:
    lane.finish()
    await lane.run(lambda: None)


async def test_batches_arrive_in_order() -> None:
    """One after the other, each settled once."""
    sink = ListSink()
    lane = lane_to(sink)
    for event in numbered(5):
        lane.offer(batch(event))
    await run(lane)
    assert sink.models == ["m0", "m1", "m2", "m3", "m4"]
    assert (lane.taken_batches, lane.settled_batches) == (5, 5)
    assert lane.receipt(0).delivered == 5


async def test_a_batch_offered_later_is_written_too() -> None:
    """A lane that waits is woken by the next batch."""
    sink = ListSink()
    lane = lane_to(sink)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(lane.run, lambda: None)
        await anyio.wait_all_tasks_blocked()
        lane.offer(batch(*numbered(1)))
        await anyio.wait_all_tasks_blocked()
        assert sink.models == ["m0"]
        lane.finish()


async def test_batches_offered_while_one_is_being_written_are_kept() -> None:
    """Nothing is reset by the loop that works it off (seen elsewhere: the worker list reset inside its own loop)."""

    class Chatty(ListSink):
        async def write(self, written: Any) -> None:
            await super().write(written)
            if len(self.batches) < 10:
                lane.offer(batch(numbered(10)[len(self.batches)]))

    sink = Chatty()
    lane = lane_to(sink)
    lane.offer(batch(*numbered(1)))
    await run(lane)
    assert sink.models == [f"m{n}" for n in range(10)]
    assert (lane.receipt(0).delivered, lane.held_bytes) == (10, 0)


async def test_a_failure_is_tried_again() -> None:
    """The same frozen batch, until it is written; the order holds."""
    sink = FailingSink(failures=3)
    lane = lane_to(sink)
    lane.offer(batch(*numbered(2)))
    lane.offer(batch(*numbered(1)))
    await run(lane)
    assert [event.model for event in sink.events] == ["m0", "m1", "m0"]  # type: ignore[union-attr]  # all are calls
    receipt = lane.receipt(0)
    assert (receipt.delivered, receipt.failed_attempts, receipt.dropped) == (3, 3, {})
    assert receipt.last_error == "OSError: No space left on device"


async def test_a_batch_that_does_not_fit_is_dropped_for_this_sink() -> None:
    """By bytes exactly, by events exactly, and what came before stays."""
    one = batch(*numbered(1))
    for bound, reason in (
        ({"max_bytes": one.size_bytes * 2}, "bytes_full"),
        ({"max_events": 2}, "backlog_full"),
    ):
        lane = lane_to(ListSink(), **bound)
        for _ in range(3):
            lane.offer(one)
        await run(lane)
        receipt = lane.receipt(0)
        assert (receipt.delivered, receipt.pending, receipt.dropped) == (2, 0, {reason: 1})


async def test_what_is_abandoned_is_counted() -> None:
    """A lane given up at the end leaves nothing pending."""
    lane = lane_to(ListSink())
    lane.offer(batch(*numbered(3)))
    assert lane.receipt(2).pending == 5
    lane.abandon("close_timeout")
    assert (lane.receipt(0).pending, lane.receipt(0).dropped) == (0, {"close_timeout": 3})


async def test_a_batch_that_is_given_up_half_way_counts_what_the_sink_has() -> None:
    """Delivered, refused and given up, each as what it is."""
    sink = RefusingSink({"m1": "too_old"}, largest=2)
    sink.fail_after = 2  # the first half, and the second half's first event
    lane = lane_to(sink, retry_budget_s=1.0)
    lane.offer(batch(*numbered(6)))
    await run(lane)
    receipt = lane.receipt(0)
    assert receipt.delivered == len(sink.models)
    assert receipt.dropped == {"too_old": 1, "sink_failed": 5 - len(sink.models)}
    assert 0 < len(sink.models) < 5


async def test_a_sink_that_denies_access_keeps_its_backlog_to_the_bound() -> None:
    """No budget runs out meanwhile; what is beyond the bound is counted, and the rest is delivered once it lets us in."""
    sink = FailingSink(failures=4, error=AccessDenied("401"))
    lane = lane_to(sink, max_events=3, retry_budget_s=5)
    before = anyio.current_time()
    async with anyio.create_task_group() as tasks:
        settled = anyio.Event()
        tasks.start_soon(lane.run, settled.set)
        for event in numbered(5):
            lane.offer(batch(event))
        await anyio.sleep(10)
        receipt = lane.receipt(0)
        assert (receipt.pending, receipt.dropped, receipt.breaker) == (3, {"backlog_full": 2}, "denied")
        await settled.wait()
        lane.finish()
    assert 200 < anyio.current_time() - before < 700  # four waits that double, from half a minute on
    receipt = lane.receipt(0)
    assert (receipt.delivered, receipt.breaker) == (3, "closed")
    assert receipt.failed_attempts == 1, "a row of denials is one piece of news"
