"""What is said of a set of calls."""

from random import Random
from statistics import quantiles

from hypothesis import given
from hypothesis import strategies as st

from taximeter.report.statistics import (
    Percentiles,
    Statistics,
    brackets_of,
    percentiles_of,
    percentiles_within,
)
from taximeter.report.totals import Totals


@given(st.lists(st.integers(0, 10**6).map(float), min_size=1))
def test_a_percentile_is_the_smallest_value_that_enough_calls_keep_within(values: list[float]) -> None:
    """At least so many percent are no larger, and of any smaller value that is not so."""
    found = percentiles_of(values)
    for percent, value in ((50, found.p50_ms), (95, found.p95_ms), (99, found.p99_ms)):
        assert value in values
        assert sum(other <= value for other in values) * 100 >= percent * len(values)
        assert sum(other < value for other in values) * 100 < percent * len(values)


def test_percentiles_agree_with_the_standard_library() -> None:
    """Of a hundred values they are between its neighbours."""
    values = [float(n) for n in range(1, 101)]
    cuts = quantiles(values, n=100, method="inclusive")
    found = percentiles_of(values[::-1])
    assert found == Percentiles(50.0, 95.0, 99.0)
    assert cuts[49] - 1 <= 50.0 <= cuts[49]


def test_shares_are_of_what_there_is() -> None:
    """Calls that were cut short are no successes; without calls there is no rate."""
    totals = Totals(calls=10, failed_calls=1, cut_short_calls=2, input_tokens=200, cache_read_tokens=50)
    found = Statistics(totals=totals)
    assert (found.success_rate, found.cache_hit_share) == (0.7, 0.25)
    nothing = Statistics(totals=Totals())
    assert (nothing.success_rate, nothing.cache_hit_share, percentiles_of([])) == (None, None, Percentiles())


def test_money_says_what_it_leaves_out() -> None:
    """Three states: exact, estimated, unknown."""
    totals = Totals(calls=3, cost_usd_nanos=12_400_000_000, unpriced_calls=1)
    assert Statistics(totals=totals).money == "$12.40 + 1 unpriced call"


@given(st.lists(st.floats(0, 1e6) | st.integers(0, 20), min_size=1, max_size=400), st.integers(1, 40))
def test_percentiles_are_found_from_a_sample(values: list[float], every: int) -> None:
    """What a sample leads to is exact, or said to be nothing."""
    brackets = brackets_of(values[::every])
    near = [value for value in values if any(low <= value <= high for low, high in brackets)]
    below = [sum(value < low for value in values) for low, _ in brackets]
    assert percentiles_within(near, brackets, below, len(values)) in (None, percentiles_of(values))


def test_a_sample_of_many_leads_to_few() -> None:
    """One in 64 of a hundred thousand leaves a fifth at most to be sorted, and all percentiles in it."""
    random = Random(1)
    values = [random.lognormvariate(7, 1) for _ in range(100_000)]
    brackets = brackets_of(values[::64])
    near = [value for value in values if any(low <= value <= high for low, high in brackets)]
    below = [sum(value < low for value in values) for low, _ in brackets]
    assert len(near) < 20_000
    assert percentiles_within(near, brackets, below, len(values)) == percentiles_of(values)
