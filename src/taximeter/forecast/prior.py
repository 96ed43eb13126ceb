"""Prior: what is expected where nothing has been seen yet."""

from collections.abc import Iterable
from math import exp, log
from statistics import NormalDist

from taximeter.forecast.kind import Kind
from taximeter.forecast.past_call import LastCalls, PastCall

_TYPICAL = NormalDist(log(250), 1.4)
"""Half of all answers within 250 tokens, nine tenths within 1,500: wide, and soon outweighed by what is seen."""

_CALLS = 40


def _calls_of(outputs: Iterable[int]) -> LastCalls:
    calls = LastCalls()
    for tokens in outputs:
        calls.add(PastCall(0, tokens))
    return calls


_TEXTS = _calls_of(round(exp(_TYPICAL.inv_cdf((at + 0.5) / _CALLS))) for at in range(_CALLS))
_NO_TEXTS = _calls_of([0])


def prior_of(kind: Kind) -> LastCalls:
    """Return made-up calls that stand for such a kind: their input is 0, because nobody knows it."""
    return _TEXTS if kind.writes_text else _NO_TEXTS
