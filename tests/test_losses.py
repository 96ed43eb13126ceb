"""Losses are counted exactly, whoever counts them."""

import signal
import threading

from hypothesis import given
from hypothesis import strategies as st

from taximeter.losses import Losses

REASONS = st.sampled_from(["queue_full", "closed", "forked"])


@given(st.lists(st.tuples(REASONS, st.integers(min_value=-2, max_value=50))))
def test_counts_add_up_by_reason(steps: list[tuple[str, int]]) -> None:
    """What was added is read back, however often it is read in between; less than one is nothing."""
    losses = Losses()
    expected: dict[str, int] = {}
    for reason, n in steps:
        losses.add(reason, n)
        expected[reason] = expected.get(reason, 0) + max(n, 0)
        assert losses.by_reason() == {reason: lost for reason, lost in expected.items() if lost}


def test_no_count_is_lost_between_threads() -> None:
    """Eight threads that count at once, while another one reads, lose nothing."""
    losses = Losses()
    start = threading.Barrier(9)

    def add() -> None:
        start.wait()
        for _ in range(20_000):
            losses.add("queue_full")

    threads = [threading.Thread(target=add) for _ in range(8)]
    for thread in threads:
        thread.start()
    start.wait()
    while any(thread.is_alive() for thread in threads):
        losses.by_reason()
    assert losses.by_reason() == {"queue_full": 160_000}


def test_a_signal_handler_may_count_while_counts_are_read() -> None:
    """A handler that interrupts a reader neither waits for it nor spoils its count."""
    losses = Losses()

    def handle(*_: object) -> None:
        losses.add("closed")
        losses.by_reason()

    before = signal.signal(signal.SIGALRM, handle)
    signal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)
    try:
        for _ in range(20_000):
            losses.add("queue_full")
            losses.by_reason()
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert losses.by_reason()["queue_full"] == 20_000
