"""The builder fills in what was to be expected of a call, where a forecast is handed to it."""

from collections.abc import Callable
from typing import Any

import pytest

import taximeter
from histories import START_US, answered
from taximeter.builder import EventBuilder
from taximeter.forecast import Forecast
from taximeter.foresight import Estimate

RESPONSE = {
    "object": "chat.completion",
    "model": "gpt-4o-mini-2024-07-18",
    "choices": [{"finish_reason": "stop", "message": {"content": "Yes."}}],
    "usage": {"prompt_tokens": 90, "completion_tokens": 7},
}
REQUEST = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "x" * 450}]}


@pytest.fixture(scope="module")
def forecast() -> Forecast:
    made = Forecast()
    for at in range(60):
        made.learn(answered(at, 50, agent="planner", task_type="planning"))
    return made


def build(forecast: Any, **fields: Any) -> taximeter.TaskCompletionEvent:
    builder = EventBuilder(forecast=forecast)
    said: dict[str, Any] = {"request": REQUEST, "agent": "planner", "task_type": "planning", **fields}
    return builder.build(provider="openai", response=RESPONSE, started_at_us=START_US, **said)


def estimates(event: taximeter.TaskCompletionEvent) -> tuple[int | None, ...]:
    return event.estimated_input_tokens, event.estimated_output_tokens, event.estimated_cost_usd_micros


def test_estimates_are_filled_in_beside_what_it_came_to(forecast: Forecast) -> None:
    """Input by the request's length, output by history, cost by both."""
    event = build(forecast)
    assert estimates(event) == (107, 50, round((107 * 150 + 50 * 600) / 1000))
    assert (event.actual_input_tokens, event.actual_output_tokens) == (90, 7)


def test_without_a_request_the_input_is_that_of_such_calls(forecast: Forecast) -> None:
    """History tells what it can."""
    assert build(forecast, request=None, model="gpt-4o-mini").estimated_input_tokens == 1000


def test_the_length_of_requests_is_calibrated_on_the_way() -> None:
    """What providers count moves the ratio, by model and agent, until half of the estimates are too low; it is kept."""
    learning = Forecast()
    for _ in range(40):
        build(learning)
    assert build(learning).estimated_input_tokens == pytest.approx(90, abs=4)
    assert build(learning, agent="other").estimated_input_tokens == 107
    kept = Forecast.from_json(learning.to_json())
    found = kept.expect(provider="openai", request=REQUEST, agent="planner")
    assert found.input_tokens == pytest.approx(90, abs=4)


def test_what_the_caller_states_wins(forecast: Forecast) -> None:
    """An estimate of the application's own is kept whole, and nothing of ours is mixed with it."""
    assert estimates(build(forecast, estimated_output_tokens=500)) == (None, 500, 300)
    assert estimates(build(forecast, estimated_cost_usd_micros=9)) == (None, None, 9)


def test_where_nothing_was_seen_nothing_is_estimated() -> None:
    """The input can be measured; the rest is unknown, which is not zero."""
    assert estimates(build(Forecast())) == (107, None, None)
    assert estimates(build(None)) == (None, None, None)


def test_a_forecast_that_fails_costs_nobody_the_event() -> None:
    """What a forecast of the user's own raises is passed over."""

    class Broken:
        def estimate(self, **_: Any) -> Estimate:
            raise RuntimeError

    assert estimates(build(Broken())) == (None, None, None)


def test_a_tracker_hands_it_to_its_builder(forecast: Forecast) -> None:
    """`taximeter.start(forecast=...)` is all that is needed, for wrapped streams and calls too."""
    with taximeter.start("memory:", forecast=forecast) as tracker:
        with taximeter.call(
            tracker=tracker, request=REQUEST, agent="planner", task_type="planning", provider="openai"
        ) as call:
            call.record_response(RESPONSE)
        assert call.event is not None
        assert call.event.estimated_output_tokens == 50
        stream = tracker.wrap_stream(iter([RESPONSE]), provider="openai", request=REQUEST)
        assert list(stream)
    assert tracker.receipt().tracked == 4


@pytest.mark.parametrize("wrong", ["usage.db", object()])
def test_what_cannot_estimate_is_refused(wrong: Any) -> None:
    """A mistake shows when the tracker is made."""
    make: Callable[[], object] = lambda: taximeter.start("memory:", forecast=wrong)  # noqa: E731 - one line
    with pytest.raises(taximeter.ConfigurationError, match="forecast"):
        make()
