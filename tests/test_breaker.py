"""When a sink may be tried again: soon, then seldom, and never before it asked for."""

import pytest

from taximeter.breaker import Breaker


def failing(times: int, **options: float) -> Breaker:
    breaker = Breaker(**options)
    for _ in range(times):
        breaker.begin()
        breaker.fail(0.0)
    return breaker


def test_a_new_breaker_waits_for_nothing() -> None:
    """The first attempt is made at once."""
    assert (Breaker().state, Breaker().wait_s(0.0)) == ("closed", 0.0)


def test_it_opens_after_five_failures_in_a_row() -> None:
    """Not before, and not when one attempt in between has worked."""
    assert [failing(n).state for n in (4, 5)] == ["closed", "open"]
    breaker = failing(4)
    breaker.succeed()
    breaker.fail(0.0)
    assert (breaker.state, breaker.wait_s(0.0) <= 0.05) == ("closed", True)


def test_an_attempt_while_open_is_a_probe() -> None:
    """It opens for longer when that fails too, and closes when it works."""
    breaker = failing(5)
    breaker.begin()
    assert breaker.state == "half_open"
    breaker.fail(0.0)
    assert breaker.state == "open"
    assert 1.0 <= breaker.wait_s(0.0) <= 2.0
    breaker.succeed()
    assert (breaker.state, breaker.wait_s(0.0)) == ("closed", 0.0)


def test_waits_are_spread() -> None:
    """A fleet that has failed at the same moment does not come back at the same moment."""
    assert len({failing(7).wait_s(0.0) for _ in range(50)}) == 50


def test_no_number_of_failures_is_too_many() -> None:
    """Waits stop growing."""
    assert 5.0 <= failing(3000).wait_s(0.0) <= 10.0
    assert failing(3000, longest_open_wait_s=0.5).wait_s(0.0) <= 0.5


@pytest.mark.parametrize("failures", [0, 10])
def test_what_was_asked_for_is_kept_even_in_a_hurry(failures: int) -> None:
    """The breaker's own waits are not."""
    breaker = failing(failures)
    breaker.fail(0.0, 20.0)
    breaker.hurry()
    assert 20.0 <= breaker.wait_s(0.0) <= 22.0
    breaker.fail(0.0)
    breaker.hurry()
    assert breaker.wait_s(0.0) == 0.0


def test_denials_are_their_own_row() -> None:
    """They double from half a minute on; any other answer ends the row."""
    breaker = failing(5)
    waits = []
    for _ in range(10):
        breaker.deny(0.0)
        waits.append(breaker.wait_s(0.0))
    assert breaker.state == "denied"
    assert 15 <= waits[0] <= 30
    assert all(150 <= wait_s <= 300 for wait_s in waits[4:])
    breaker.fail(0.0)
    assert breaker.state == "open"
    breaker.deny(0.0)
    assert breaker.wait_s(0.0) <= 30
