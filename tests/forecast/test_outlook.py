"""What is expected is read from past calls and their weights."""

from random import Random
from statistics import mean

import pytest

from taximeter.forecast.outlook import outlook_of, sum_at, value_at
from taximeter.forecast.past_call import LastCalls, PastCall
from taximeter.forecast.rates import Rates

RATES = Rates(2.0, 0.5, 3.0, 10.0)


def last(*calls: PastCall) -> LastCalls:
    made = LastCalls()
    for call in calls:
        made.add(call)
    return made


def test_groups_count_by_their_weight_however_many_calls_they_have() -> None:
    """Half of the weight is the one group's, half the other's; what hardly counts is left out."""
    many, one = last(*[PastCall(1, 10)] * 9), last(PastCall(1, 30))
    outlook = outlook_of([(many, 0.5), (one, 0.48), (last(PastCall(1, 99)), 0.02)])
    assert sum(outlook.weights) == pytest.approx(1)
    assert (value_at(0.5, outlook.outputs()), value_at(0.9, outlook.outputs())) == (10, 30)
    assert outlook.cut_at(20).outputs()[-1][0] == 20


def test_a_cost_is_that_of_past_calls_with_the_new_input() -> None:
    """Shares read from and written to the cache, and discounts, stay as they were."""
    outlook = outlook_of([(last(PastCall(100, 7, 0.5, 0.25, 0.5)), 1.0)])
    assert outlook.costs(RATES, 1000) == [((250 * 2.0 + 500 * 0.5 + 250 * 3.0 + 70) * 0.5, 1.0)]
    assert outlook.costs(RATES, None) == [((25 * 2.0 + 50 * 0.5 + 25 * 3.0 + 70) * 0.5, 1.0)]


def test_calls_that_are_made_up_have_no_input_of_their_own() -> None:
    """Where the input is not known, the prior does not count."""
    outlook = outlook_of([(last(PastCall(100, 7)), 0.5), (last(PastCall(0, 9)), 0.5)])
    assert outlook.costs(RATES, None) == [(270.0, 1.0)]
    assert outlook.typical(0.5).input_tokens == 100


def test_sums_of_many_calls_stay_within_their_p90_nine_times_in_ten() -> None:
    """Foreseen from so many past calls only, whose mean is not the true one."""
    random, held = Random(5), []
    for _ in range(400):
        past = [(random.lognormvariate(5, 0.8), 1 / 60) for _ in range(60)]
        held.append(sum(random.lognormvariate(5, 0.8) for _ in range(40)) <= sum_at(0.9, 40, past))
    assert mean(held) == pytest.approx(0.9, abs=0.05)


def test_a_sum_of_nothing_is_nothing() -> None:
    """Embeddings write no tokens, however many they are."""
    assert sum_at(0.9, 1000, [(0.0, 1.0)]) == 0
    assert sum_at(0.5, 7, [(5.0, 0.5), (5.0, 0.5)]) == pytest.approx(35)
