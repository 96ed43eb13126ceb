"""Of the past only so much is kept."""

from histories import thin
from taximeter.forecast.history import History
from taximeter.forecast.kind import kind_of
from taximeter.forecast.past_call import KEPT_CALLS, LastCalls, PastCall, past_call_of


def test_memory_is_bounded() -> None:
    """However many calls and kinds there are, the groups that were quiet for longest go, and the busy ones stay."""
    history = History(calls_limit=500)
    for event in thin(600):
        groups = kind_of(event).groups(1000)
        history.add(groups, past_call_of(event))
    kept = dict(history)
    assert sum(map(len, kept.values())) <= 500
    assert groups[-1] in kept
    assert len(kept[groups[-1]]) == KEPT_CALLS


def test_a_group_keeps_its_last_calls_in_order_of_output() -> None:
    """The oldest call makes room, and its output goes with it."""
    last = LastCalls()
    for tokens in range(KEPT_CALLS + 50):
        last.add(PastCall(1, tokens % 70))
    assert len(last) == KEPT_CALLS
    assert last.outputs == sorted(call.output_tokens for call in last.calls)


def test_the_closest_group_counts_by_what_it_has_seen() -> None:
    """Eight calls say as much as all that is further away; without any, the prior says it all."""
    history, prior = History(), LastCalls()
    prior.add(PastCall(0, 1))
    assert history.weighted([(1, "a")], prior) == [(prior, 1.0)]
    for _ in range(8):
        history.add([(1, "a")], PastCall(1, 5))
    (_, weight), (_, rest) = history.weighted([(0, "unseen"), (1, "a")], prior)
    assert weight == rest == 0.5
