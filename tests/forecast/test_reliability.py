"""Where a p90 has to be is learned from where past values fell."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from taximeter.forecast.reliability import Reliability


def test_without_places_a_forecast_is_believed() -> None:
    """The p90 is at 0.9."""
    assert [round(Reliability().place(share), 6) for share in (0.0, 0.5, 0.9, 1.0)] == [0.0, 0.5, 0.9, 1.0]


def test_forecasts_that_are_too_low_are_read_higher() -> None:
    """Where values fall in the upper half only, the p50 is at three quarters."""
    reliability, random = Reliability(), Random(1)
    for _ in range(3000):
        place = 0.5 + random.random() / 2
        reliability.note(place, place)
    assert reliability.place(0.5) == pytest.approx(0.75, abs=0.02)
    assert reliability.place(0.9) == pytest.approx(0.95, abs=0.02)


def test_values_foreseen_exactly_distort_nothing() -> None:
    """A step that a value fills is filled evenly, so a classifier's one token leaves places as they are."""
    reliability = Reliability()
    for _ in range(500):
        reliability.note(0.0, 1.0)
    assert reliability.place(0.9) == pytest.approx(0.9)


def test_older_places_fade() -> None:
    """After some thousands of values only the newer ones count."""
    reliability = Reliability()
    for place in (0.1, 0.9):
        for _ in range(10_000):
            reliability.note(place, place)
    assert reliability.place(0.5) == pytest.approx(0.9, abs=0.02)
    assert sum(reliability.weights) < float("inf")


@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), max_size=60), st.floats(0, 1), st.floats(0, 1))
def test_places_keep_their_order(scores: list[tuple[float, float]], one: float, other: float) -> None:
    """Whatever is noted, all of it has weight, and a p90 is never below a p50."""
    reliability = Reliability()
    before = sum(reliability.weights)
    for low, high in map(sorted, scores):
        reliability.note(low, high)
    assert sum(reliability.weights) == pytest.approx(before + len(scores), rel=0.05)
    low, high = sorted((one, other))
    assert 0 <= reliability.place(low) <= reliability.place(high) <= 1 + 1e-9
