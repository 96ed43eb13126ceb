"""The queue takes what fits and asks about the rest."""

from hypothesis import given
from hypothesis import strategies as st

from sink_doubles import numbered
from taximeter.event import Event
from taximeter.queue import Queue


def refuse(_event: Event) -> bool:
    return False


def never(_event: Event) -> bool:
    raise AssertionError("nobody should have been asked")


def test_a_new_queue_asks_about_every_event() -> None:
    """Nobody takes from it yet, so each event is a reason to start somebody."""
    asked: list[Event] = []

    def ask(event: Event) -> bool:
        asked.append(event)
        return True

    queue = Queue(10, bytearray(b"\x01"), ask)
    events = numbered(3)
    assert [queue.offer(event) for event in events] == [True] * 3
    assert asked == events
    assert not len(queue)


def test_an_open_queue_keeps_the_order_and_its_bound() -> None:
    """What is over the bound is refused and counted without a question; what was in comes out as it came."""
    queue = Queue(3, bytearray(b"\x01"), never)
    queue.open()
    events = numbered(4)
    assert [queue.offer(event) for event in events] == [True, True, True, False]
    assert queue.losses.by_reason() == {"queue_full": 1}
    assert queue.take(2) == events[:2]
    assert queue.take(100) == [events[2]]


def test_a_shut_queue_asks_again_and_keeps_what_it_has() -> None:
    """Shutting refuses nothing by itself."""
    queue = Queue(3, bytearray(b"\x01"), refuse)
    queue.open()
    queue.offer(event := numbered(1)[0])
    queue.shut()
    assert not queue.offer(event)
    assert queue.take(3) == [event]


def test_a_child_process_asks() -> None:
    """When the mark is wiped, the queue is another process's and nothing goes in."""
    mark = bytearray(b"\x01")
    queue = Queue(3, mark, refuse)
    queue.open()
    mark[0] = 0
    assert not queue.offer(numbered(1)[0])
    assert not len(queue)


@given(st.integers(min_value=1, max_value=20), st.integers(min_value=0, max_value=40))
def test_admitting_counts_what_does_not_fit(bound: int, n: int) -> None:
    """Admitted and refused events are all events."""
    queue = Queue(bound, bytearray(b"\x01"), refuse)
    admitted = sum(queue.admit(event) for event in numbered(n))
    assert admitted == len(queue) == min(bound, n)
    assert queue.losses.by_reason().get("queue_full", 0) == n - admitted


def test_a_lower_limit_refuses_the_newest_and_a_higher_one_lets_in_again() -> None:
    """The oldest keep their place; the reason tells bytes from events."""
    queue = Queue(4, bytearray(b"\x01"), lambda event: queue.admit(event))  # noqa: PLW0108 - there is no queue yet
    queue.open()
    events = numbered(4)
    assert all(map(queue.offer, events))
    assert not queue.offer(events[0])
    assert queue.limit(2) == 2
    assert not queue.offer(events[3])
    assert queue.losses.by_reason() == {"queue_full": 1, "bytes_full": 1}
    assert queue.limit(100) == 0
    assert queue.offer(events[2])
    assert queue.take(9) == events[:3]


def test_a_limit_leaves_room_for_one_and_opens_nothing() -> None:
    """Without a next event nobody would learn that they have become smaller; a shut queue stays shut."""
    queue = Queue(4, bytearray(b"\x01"), refuse)
    queue.limit(-5)
    assert not queue.offer(event := numbered(1)[0])
    queue.open()
    assert queue.offer(event)
    assert not queue.offer(event)
