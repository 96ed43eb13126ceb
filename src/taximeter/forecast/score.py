"""Scores: where what a call has consumed lies in what was expected of it."""

from collections.abc import Sequence
from typing import NamedTuple

from taximeter.forecast.history import NEGLIGIBLE, Weighted
from taximeter.forecast.rates import Rates

_ROUNDING_NANOS = 1.0


class Score(NamedTuple):
    """How much of the expectation lies below the value, and how much below or at it."""

    below: float
    up_to: float


def score_output(weighted: Sequence[Weighted], output_tokens: int) -> Score:
    """Return where the output of a call lies in what its groups expected."""
    below = up_to = 0.0
    for last, weight in weighted:
        share_below, share_up_to = last.share_up_to(output_tokens)
        below += share_below * weight
        up_to += share_up_to * weight
    return Score(below, up_to)


def score_cost(weighted: Sequence[Weighted], rates: Rates, input_tokens: int, cost_nanos: int) -> Score:
    """Return where the cost of a call lies: between those that its groups' calls would have with its input."""
    below = up_to = total = 0.0
    least, most = cost_nanos - _ROUNDING_NANOS, cost_nanos + _ROUNDING_NANOS
    for last, weight in weighted:
        if weight < NEGLIGIBLE:
            continue
        each = weight / len(last)
        costs = rates.costs(last.calls, input_tokens)
        below += each * len([cost for cost in costs if cost < least])
        up_to += each * len([cost for cost in costs if cost <= most])
        total += weight
    return Score(below / total, up_to / total)
