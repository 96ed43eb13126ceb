"""A flush ends when its own events are settled: not before, and not because of events that will never be."""

from typing import Any

from taximeter.flushes import Flushes
from taximeter.outlet import Mark


class Stage:
    """Packer and outlet in one: counts that a test sets."""

    def __init__(self) -> None:
        self.passed = 0
        self.waiting = 0
        self.settled = 0

    def mark(self) -> Mark:
        """Return all that has come through."""
        return (self.passed,)

    def is_reached(self, mark: Mark) -> bool:
        """Whether so many are settled."""
        return self.settled >= mark[0]

    def move(self, **counts: int) -> None:
        """Set counts."""
        for name, value in counts.items():
            setattr(self, name, value)


def flushes_on(stage: Any) -> Flushes:
    return Flushes(stage, stage)


def advance(flushes: Flushes) -> None:
    flushes.hear()
    flushes.mark()
    flushes.confirm()


def test_it_ends_when_its_events_are_settled() -> None:
    """First they come through, then the outlet settles them; what is tracked later does not matter."""
    stage = Stage()
    flushes = flushes_on(stage)
    stage.move(waiting=3)
    done = flushes.ask()
    advance(flushes)
    assert (done.is_set(), flushes.is_held_up) == (False, True)
    stage.move(passed=3, waiting=2)
    advance(flushes)
    assert (done.is_set(), flushes.is_held_up, flushes.is_awaited) == (False, False, True)
    stage.move(settled=3)
    advance(flushes)
    assert (done.is_set(), flushes.is_awaited) == (True, False)


def test_it_does_not_wait_for_what_is_refused_meanwhile() -> None:
    """The newest events of a queue that gets too full never come through."""
    stage = Stage()
    flushes = flushes_on(stage)
    stage.move(waiting=10)
    done = flushes.ask()
    advance(flushes)
    stage.move(waiting=2)  # eight were refused
    advance(flushes)
    stage.move(passed=2, waiting=7, settled=2)
    advance(flushes)
    assert done.is_set()


def test_later_refusals_do_not_end_it_early() -> None:
    """What was tracked after it does not stand for what was tracked before."""
    stage = Stage()
    flushes = flushes_on(stage)
    stage.move(waiting=4)
    done = flushes.ask()
    advance(flushes)
    stage.move(waiting=9)
    advance(flushes)
    stage.move(waiting=4)  # the five later ones were refused
    advance(flushes)
    stage.move(passed=3, waiting=1, settled=3)
    advance(flushes)
    assert not done.is_set()
    stage.move(passed=4, waiting=0, settled=4)
    advance(flushes)
    assert done.is_set()


def test_each_flush_has_a_moment_of_its_own() -> None:
    """The first of two ends first."""
    stage = Stage()
    flushes = flushes_on(stage)
    stage.move(passed=1)
    first = flushes.ask()
    advance(flushes)
    stage.move(passed=2)
    second = flushes.ask()
    stage.move(settled=1)
    advance(flushes)
    assert (first.is_set(), second.is_set()) == (True, False)
