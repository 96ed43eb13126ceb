"""The tally of a run."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from taximeter.event import CallStartedEvent, TaskCompletionEvent
from taximeter.report.tally import Tally
from taximeter.vocabulary import Outcome

counts = st.none() | st.integers(min_value=0, max_value=10**12)
events = st.lists(
    st.builds(
        TaskCompletionEvent,
        provider=st.sampled_from(["openai", "anthropic"]),
        model=st.sampled_from([None, "small", "large"]),
        outcome=st.sampled_from(list(Outcome)),
        actual_input_tokens=counts,
        actual_output_tokens=counts,
        actual_cost_usd_nanos=counts,
        error_status=st.sampled_from([None, 429]),
    )
)


def tally_of(calls: list[TaskCompletionEvent]) -> Tally:
    tally = Tally()
    for call in calls:
        tally.add(call)
    return tally


def test_calls_are_told_apart_by_provider_and_model() -> None:
    """One row a provider and model; the requested model stands in for a missing answer."""
    tally = tally_of(
        [
            TaskCompletionEvent(provider="openai", model="m"),
            TaskCompletionEvent(provider="azure", model="m"),
            TaskCompletionEvent(provider="openai", requested_model="m"),
        ]
    )
    assert {(row.provider, row.model): row.calls for row in tally.rows} == {
        ("openai", "m"): 2,
        ("azure", "m"): 1,
    }


def test_the_dearest_model_comes_first() -> None:
    """Iteration goes by cost, so that a receipt starts with what matters."""
    cheap, dear = (
        TaskCompletionEvent(model=name, actual_cost_usd_nanos=n) for name, n in [("a", 1), ("b", 2)]
    )
    assert [row.model for row in tally_of([cheap, dear])] == ["b", "a"]


def test_a_started_call_is_no_call_yet() -> None:
    """Only finished calls count."""
    tally = Tally()
    tally.add(CallStartedEvent())
    assert tally.total.calls == 0


@given(events, events)
def test_two_tallies_merge_to_the_tally_of_all(
    left: list[TaskCompletionEvent], right: list[TaskCompletionEvent]
) -> None:
    """It does not matter which process counted a call."""
    merged = tally_of(left)
    merged.merge(tally_of(right))
    assert list(merged) == list(tally_of(left + right))


@given(events)
def test_a_tally_survives_json(calls: list[TaskCompletionEvent]) -> None:
    """What a child process writes its parent reads back, exactly."""
    tally = tally_of(calls)
    assert Tally.from_json(tally.to_json()) == tally


def test_what_is_no_tally_is_refused() -> None:
    """Broken JSON raises instead of reading as an empty tally."""
    with pytest.raises(msgspec.DecodeError):
        Tally.from_json(b'{"rows": 3}')


def test_tallies_do_not_share_rows() -> None:
    """A new tally is empty, whatever was tallied before it."""
    tally_of([TaskCompletionEvent()])
    assert Tally().rows == []
