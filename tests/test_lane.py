"""One sink's way: in order, with retries, within a time; an hour takes milliseconds on trio's virtual clock."""

import sqlite3
import threading
from contextlib import closing
from typing import Any

import anyio
import pytest
from trio.testing import MockClock

from sink_doubles import FailingSink, HangingSink, ListSink, batch, numbered
from taximeter.lane import Lane, describe
from taximeter.sinks.batch import Batch
from taximeter.sinks.protocol import Sink

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> Any:
    """Time jumps to the next deadline whenever everybody waits."""
    return "trio", {"clock": MockClock(autojump_threshold=0)}


def lane_to(sink: Sink, **options: Any) -> Lane:
    bounds = {"max_bytes": 1 << 20, "max_events": 1000, "retry_budget_s": 30.0} | options
    return Lane(sink, sink.name, ledger=threading.RLock(), **bounds)


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


async def test_the_budget_bounds_all_attempts_together() -> None:
    """When it is used up the batch is dropped and counted, and the next one has its own."""
    sink = FailingSink()
    lane = lane_to(sink, retry_budget_s=30)
    lane.offer(batch(*numbered(2)))
    lane.offer(batch(*numbered(1)))
    before = anyio.current_time()
    await run(lane)
    assert anyio.current_time() - before == pytest.approx(60)
    assert lane.receipt(0).dropped == {"sink_failed": 3}
    assert 20 < sink.attempts < 200


async def test_a_hanging_attempt_is_cancelled_when_the_budget_ends() -> None:
    """A sink that does not answer costs its batch, not the ones behind it."""
    lane = lane_to(HangingSink(), retry_budget_s=30)
    lane.offer(batch(*numbered(2)))
    before = anyio.current_time()
    await run(lane)
    assert anyio.current_time() - before == pytest.approx(30)
    receipt = lane.receipt(0)
    assert (receipt.dropped, receipt.failed_attempts) == ({"sink_timeout": 2}, 1)


@pytest.mark.parametrize(
    "error", [SystemExit(1), KeyboardInterrupt(), GeneratorExit(), MemoryError()], ids=repr
)
async def test_whatever_a_sink_raises_is_the_sinks_failure(error: BaseException) -> None:
    """It ends neither the lane nor the thread."""
    sink = FailingSink(failures=1, error=error)
    lane = lane_to(sink)
    lane.offer(batch(*numbered(1)))
    await run(lane)
    assert lane.receipt(0).delivered == 1


async def test_a_failure_at_the_very_end_of_the_budget_is_a_failure() -> None:
    """A sink that answers its cancellation with an error of its own ends nothing but its batch."""

    class Sulking(HangingSink):
        async def write(self, batch: Batch) -> None:
            try:
                await super().write(batch)
            finally:
                raise OSError(5, "Input/output error")

    lane = lane_to(Sulking())
    lane.offer(batch(*numbered(1)))
    lane.offer(batch(*numbered(1)))
    await run(lane)
    assert lane.receipt(0).dropped == {"sink_failed": 2}


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_a_sink_that_says_it_was_cancelled_has_failed() -> None:
    """A CancelledError of the sink's own making does not end the lane."""
    import asyncio  # noqa: PLC0415 - for this test alone

    sink = FailingSink(failures=1, error=asyncio.CancelledError())
    lane = lane_to(sink)
    lane.offer(batch(*numbered(1)))
    await run(lane)
    assert lane.receipt(0).delivered == 1


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


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (PermissionError(13, "Permission denied", "/secret/path"), "PermissionError: Permission denied"),
        (ValueError("https://user:hunter2@host"), "ValueError"),
    ],
    ids=repr,
)
async def test_an_error_is_named_without_its_message(error: Exception, text: str) -> None:
    """A message may quote an event, a path or a password."""
    assert describe(error) == text


async def test_an_error_of_sqlite_is_named_by_its_code() -> None:
    """Its message could name what the SQL was about."""
    with (
        closing(sqlite3.connect(":memory:")) as connection,
        pytest.raises(sqlite3.OperationalError) as raised,
    ):
        connection.execute("SELECT nothing FROM nowhere")
    assert describe(raised.value) == "OperationalError: SQLITE_ERROR"
