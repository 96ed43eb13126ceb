"""Batches: whole, in order, and within their bounds."""

import threading
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from sink_doubles import ListSink
from taximeter.courier import Courier
from taximeter.event import Event, TaskCompletionEvent
from taximeter.lane import Lane
from taximeter.memory_outlet import MemoryOutlet
from taximeter.packer import Packer
from taximeter.policy import Policy
from taximeter.queue import Queue


class Shelf(Lane):
    """A lane that only keeps what it is offered."""

    def __init__(self) -> None:
        courier = Courier(ListSink(), "shelf", retry_budget_s=1.0)
        super().__init__(courier, max_bytes=1, max_events=1, ledger=threading.RLock())
        self.batches: list[Any] = []

    def offer(self, batch: Any) -> None:
        """Keep the batch."""
        self.batches.append(batch)


def packing(
    queue: Queue, shelf: Shelf, policy: Policy, *, share_bytes: int = 4000
) -> tuple[Packer, MemoryOutlet]:
    ledger = threading.RLock()
    outlet = MemoryOutlet([shelf], policy, share_bytes=share_bytes, ledger=ledger)
    event_max_bytes = min(policy.max_event_bytes, share_bytes)
    packer = Packer(queue, outlet, event_max_bytes=event_max_bytes, share_bytes=share_bytes, ledger=ledger)
    return packer, outlet


@given(
    st.lists(st.integers(min_value=0, max_value=3000), max_size=60),
    st.integers(min_value=1, max_value=20),
    st.integers(min_value=1, max_value=64),
)
def test_every_event_is_in_one_batch_or_counted(sizes: list[int], batch_max_events: int, step: int) -> None:
    """Batches keep to their number and bytes; what is too large for any is counted; the order is kept."""
    queue = Queue(1000, bytearray(b"\x01"), lambda _event: False)
    queue.open()
    shelf = Shelf()
    packer, outlet = packing(queue, shelf, Policy(batch_max_events=batch_max_events, max_event_bytes=2500))
    for n, size in enumerate(sizes):
        queue.offer(TaskCompletionEvent(model=f"m{n}", user="u" * size))
    while packer.waiting:
        packer.take(step)
    outlet.cut(at_once=True)
    packed: list[Event] = [event for batch in shelf.batches for event in batch.events]
    numbers = [int(str(event.model)[1:]) for event in packed if isinstance(event, TaskCompletionEvent)]
    assert numbers == sorted(numbers)
    assert len(packed) + sum(packer.unfit.values()) == packer.taken == len(sizes)
    assert packer.holds == outlet.holds == 0
    assert all(len(batch) <= batch_max_events and batch.size_bytes <= 4000 for batch in shelf.batches)
    assert set(packer.unfit) <= {"too_large"}


def test_a_young_batch_is_not_cut() -> None:
    """It waits for company until it is old enough."""
    queue = Queue(10, bytearray(b"\x01"), lambda _event: False)
    queue.open()
    shelf = Shelf()
    packer, outlet = packing(queue, shelf, Policy(batch_max_age_s=3600))
    queue.offer(TaskCompletionEvent())
    packer.take(10)
    outlet.cut(at_once=False)
    assert (len(shelf.batches), outlet.holds) == (0, 1)
    outlet.cut(at_once=True)
    assert (len(shelf.batches), outlet.holds) == (1, 0)


def test_large_events_are_encoded_in_smaller_steps_and_fewer_may_wait() -> None:
    """A step ends with the event that fills it; what then cannot be held is refused, the newest first, and counted."""
    queue = Queue(100, bytearray(b"\x01"), lambda _event: False)
    queue.open()
    packer, outlet = packing(queue, Shelf(), Policy(max_bytes=5000), share_bytes=5000)
    for _ in range(100):
        queue.offer(TaskCompletionEvent(user="u" * 1000))
    assert packer.take(64) == 4
    assert (packer.taken, packer.waiting, packer.unfit) == (99, 61, {"bytes_full": 35})
    while packer.waiting:
        packer.take(64)
    outlet.cut(at_once=True)
    packer.limit_queue()
    assert sum(queue.offer(TaskCompletionEvent()) for _ in range(100)) == 3
