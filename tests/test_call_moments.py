"""The moments of a call are made of what is known when it ends."""

from typing import Any

import pytest

from taximeter.call_moments import ids_of, last_moment, token_usage
from taximeter.event import CallFailedEvent, CallFinishedEvent, TaskCompletionEvent
from taximeter.scopes import NOBODY
from taximeter.vocabulary import Outcome

SCOPE = NOBODY.within(call_id="c", run_id="r")


@pytest.mark.parametrize("outcome", list(Outcome))
def test_every_outcome_is_an_end(outcome: Outcome) -> None:
    """Finished where something came of it, failed where nothing did; of the same span either way."""
    event = TaskCompletionEvent(outcome=outcome, error_status=429)
    moment = last_moment(SCOPE, 1.5, event, None)
    is_failed = outcome in {Outcome.FAILURE, Outcome.TIMEOUT, Outcome.CANCELLED}
    assert isinstance(moment, CallFailedEvent if is_failed else CallFinishedEvent)
    assert (moment.payload.call_id, moment.payload.latency_ms) == ("c", 1.5)
    assert {name: getattr(moment, name) for name in ids_of(SCOPE)} == ids_of(SCOPE)
    if isinstance(moment, CallFailedEvent):
        assert moment.payload.error_summary == f"{outcome} (HTTP 429)"


def test_an_exception_says_more_than_the_event() -> None:
    """Its class comes first."""
    moment = last_moment(SCOPE, 1.0, TaskCompletionEvent(), KeyError("k"))
    assert isinstance(moment, CallFailedEvent)
    assert moment.payload.error_class == "KeyError"


@pytest.mark.parametrize(
    ("fields", "counts"),
    [
        ({}, {}),
        ({"actual_input_tokens": 5}, {"input_tokens": 5}),
        (
            {"actual_input_tokens": 5, "actual_output_tokens": 0},
            {"input_tokens": 5, "output_tokens": 0, "total_tokens": 5},
        ),
        ({"cache_write_5m_tokens": 1, "cache_write_1h_tokens": 2}, {"cache_write_tokens": 3}),
    ],
    ids=str,
)
def test_only_what_is_known_is_counted(fields: Any, counts: dict[str, int]) -> None:
    """A total of which a part is missing is none."""
    assert token_usage(TaskCompletionEvent(**fields)) == counts
