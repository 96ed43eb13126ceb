"""Outlook: the past calls that tell of a call to come, each with its weight, and what can be read from them."""

from collections.abc import Iterable, Sequence
from math import exp, log, sqrt
from statistics import NormalDist
from typing import NamedTuple

from taximeter.forecast.history import NEGLIGIBLE, Weighted
from taximeter.forecast.past_call import PastCall
from taximeter.forecast.rates import Rates

Values = Sequence[tuple[float, float]]
"""Values and their weights, the least first."""


class Outlook(NamedTuple):
    """What is expected of a kind of call: past ones, those with the least output first; their weights sum to 1."""

    calls: tuple[PastCall, ...]
    weights: tuple[float, ...]

    def cut_at(self, output_limit: int) -> "Outlook":
        """Return the same where no answer is longer."""
        cut = (call._replace(output_tokens=min(call.output_tokens, output_limit)) for call in self.calls)
        return Outlook(tuple(cut), self.weights)

    def outputs(self) -> Values:
        """Return the output tokens."""
        return [(call.output_tokens, weight) for call, weight in zip(self.calls, self.weights, strict=True)]

    def costs(self, rates: Rates, input_tokens: int | None) -> Values:
        """Return the costs in nanodollars of calls like the past ones, with this input.

        Without an input each has its own; calls of the prior have none, and are left out.
        """
        costs = zip(rates.costs(self.calls, input_tokens), self.weights, self.calls, strict=True)
        if input_tokens is not None:
            return sorted((cost, weight) for cost, weight, _ in costs)
        return _normal((cost, weight) for cost, weight, call in costs if call.input_tokens)

    def typical(self, output_place: float) -> PastCall:
        """Return the middle of it all: the median input of calls that had one, the output at *output_place*, mean shares."""
        pairs = list(zip(self.calls, self.weights, strict=True))
        inputs = _normal((call.input_tokens, weight) for call, weight in pairs if call.input_tokens)
        return PastCall(
            round(value_at(0.5, inputs)) if inputs else 0,
            round(value_at(output_place, self.outputs())),
            sum(call.read_share * weight for call, weight in pairs),
            sum(call.write_share * weight for call, weight in pairs),
            sum(call.price_factor * weight for call, weight in pairs),
        )


def outlook_of(weighted: Iterable[Weighted]) -> Outlook:
    """Return the outlook of a call whose groups have these weights; groups that hardly count are left out."""
    used = [(tuple(last.calls), weight) for last, weight in weighted if weight >= NEGLIGIBLE]
    total = sum(weight for _, weight in used)
    pairs = [(call, weight / total / len(calls)) for calls, weight in used for call in calls]
    pairs.sort(key=lambda pair: pair[0].output_tokens)
    return Outlook(tuple(call for call, _ in pairs), tuple(weight for _, weight in pairs))


def _normal(values: Iterable[tuple[float, float]]) -> Values:
    """Return values in order, their weights made to sum to 1."""
    ordered = sorted(values)
    total = sum(weight for _, weight in ordered)
    return [(value, weight / total) for value, weight in ordered]


def value_at(place: float, values: Values) -> float:
    """Return the smallest value below or at which *place* of the weight lies."""
    passed = 0.0
    for value, weight in values:
        passed += weight
        if passed >= place:
            return value
    return values[-1][0]


def sum_at(share: float, count: float, values: Values) -> float:
    """Return what the sum of *count* calls stays within with this probability.

    The sum is taken for log-normal with the mean and the variance that it has (Fenton, 1960), which is right for long
    tails, and for many calls the same as normal. Its variance has two parts: that of the calls, of which high and low
    ones make up for each other, and that of the mean, which is known from so many past calls only and is wrong for all
    calls alike. So the p90 of a sum is far below the sum of p90s, and yet never too sure of itself.
    """
    mean = sum(value * weight for value, weight in values)
    if mean <= 0:
        return 0.0
    variance = sum(weight * (value - mean) ** 2 for value, weight in values)
    independent = 1 / sum(weight * weight for _, weight in values)
    spread = log(1 + (variance / count + variance / independent) / mean**2)
    return count * mean * exp(NormalDist().inv_cdf(share) * sqrt(spread) - spread / 2)
