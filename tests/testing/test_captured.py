"""Capturing the events of a test."""

import gc
import threading
import weakref
from pathlib import Path

import anyio
import anyio.to_thread
import pytest

import taximeter
from event_samples import call
from taximeter import ConfigurationError, TaskCompletionEvent
from taximeter.event import CallStartedEvent
from taximeter.testing import Captured, capture


def test_every_tracker_is_captured_and_no_sink_sees_it(tmp_path: Path) -> None:
    """Trackers made before and inside, and the one that is offered; afterwards everything is as before."""
    with taximeter.start(tmp_path / "before.db") as before:
        with capture() as captured:
            inside = taximeter.start(tmp_path / "inside.db", journal=tmp_path / "journal")
            events = [call(agent=name) for name in ("a", "b", "c")]
            for tracker, event in zip((before, inside, captured.tracker), events, strict=True):
                assert tracker.track_task_completion(event)
                assert tracker.flush().tracked == 0
            inside.close()
        assert list(captured) == events
        assert not (tmp_path / "before.db").exists()
        before.track_task_completion(call())
    assert before.receipt().delivered == {"before.db": 1}
    assert not (tmp_path / "inside.db").exists()


def test_no_thread_is_started() -> None:
    """Capturing takes place where the event is tracked."""
    before = threading.active_count()
    with capture() as captured:
        captured.tracker.track_task_completion(call())
        assert threading.active_count() == before
    assert len(captured) == 1


def test_a_closed_tracker_still_refuses() -> None:
    """A program that tracks after it has closed is not made to look right."""
    with capture() as captured:
        tracker = taximeter.start("memory:")
        tracker.close()
        assert not tracker.track_task_completion(call())
    assert len(captured) == 0


def test_captures_nest() -> None:
    """What happens inside the inner one is its own."""
    with capture() as outer:
        outer.tracker.track_task_completion(call(agent="outer"))
        with capture() as inner:
            outer.tracker.track_task_completion(call(agent="inner"))
        outer.tracker.track_task_completion(call(agent="outer"))
    assert ([event.agent for event in inner], [event.agent for event in outer]) == (["inner"], ["outer"] * 2)


def test_listeners_hear_as_ever() -> None:
    """Whoever listens to a tracker hears of the events that a test captures."""
    heard: list[object] = []
    with capture() as captured:
        captured.tracker.listen(heard.append)
        captured.tracker.track_task_completion(call())
    assert heard == list(captured)


def test_a_tracker_in_a_capture_is_not_kept_alive() -> None:
    """Capturing holds no tracker but its own."""
    with capture():
        tracker = taximeter.start("memory:")
        found = weakref.ref(tracker)
        del tracker
        gc.collect()
        assert found() is None


@pytest.mark.anyio
async def test_calls_of_tasks_and_threads_are_captured() -> None:
    """Under asyncio and trio, from whatever thread."""
    with capture() as captured:
        track = captured.tracker.track_task_completion
        async with anyio.create_task_group() as tasks:
            for _ in range(5):
                tasks.start_soon(anyio.to_thread.run_sync, track, call())
    assert len(captured) == 5


def test_the_calls_can_be_looked_at() -> None:
    """As a sequence, one, in sum, and apart from events of other kinds."""
    with capture() as captured:
        captured.tracker.track_task_completion(CallStartedEvent())
        captured.tracker.track_task_completion(call())
        assert captured.one is captured[0]
        assert captured[0:] == [captured.one]
        assert len(captured.events) == 2
        assert captured.total.cost_usd_nanos == 12_400_000_000
        assert "openai gpt-4o: success, 1,000/50 tokens in/out, $12.40" in repr(captured)
        captured.clear()
        with pytest.raises(AssertionError, match="0 calls instead of one"):
            _ = captured.one


def captured_of(*events: TaskCompletionEvent) -> Captured:
    with capture() as captured:
        for event in events:
            captured.tracker.track_task_completion(event)
    return captured


def test_costs_within_the_limits_pass() -> None:
    """A limit is not passed by reaching it, and amounts are exact."""
    tenth = captured_of(*[call(nanos=100_000_000)] * 3)
    tenth.assert_cost(max_usd="0.3", max_tokens=3150, max_calls=3)
    tenth.assert_cost(max_usd=0.3)
    captured_of().assert_cost(max_usd=0, max_tokens=0, max_calls=0)


@pytest.mark.parametrize(
    ("limits", "message"),
    [
        ({"max_usd": "12.39"}, r"1 call: \$12\.40 is more than max_usd=12\.39\n  openai gpt-4o: success"),
        ({"max_tokens": 1049}, "1,050 tokens are more than max_tokens=1,049"),
        ({"max_calls": 0}, "1 calls are more than max_calls=0"),
    ],
)
def test_costs_beyond_a_limit_fail_and_list_the_calls(limits: dict[str, object], message: str) -> None:
    """The message says what was too much, and which calls there were."""
    with pytest.raises(AssertionError, match=message):
        captured_of(call()).assert_cost(**limits)  # type: ignore[arg-type]  # one of them


def test_what_is_unknown_is_not_taken_for_nothing() -> None:
    """A call without a price or a usage fails, unless it is allowed; a refused one costs nothing."""
    unknown = captured_of(call("mystery", None))
    with pytest.raises(AssertionError, match=r"1 without a known cost\n  openai mystery: .* unknown cost"):
        unknown.assert_cost(max_usd=1)
    unknown.assert_cost(max_usd=1, allow_unknown=True)
    unknown.assert_cost(max_tokens=2000)
    silent = captured_of(call(nanos=0, actual_input_tokens=None, actual_output_tokens=None))
    with pytest.raises(AssertionError, match="1 without a known usage"):
        silent.assert_cost(max_tokens=1)
    refused = call(nanos=None, actual_input_tokens=None, actual_output_tokens=None, error_status=429)
    captured_of(refused).assert_cost(max_usd=0, max_tokens=0)


@pytest.mark.parametrize("amount", ["much", True, float("nan")])
def test_an_amount_has_to_be_one(amount: object) -> None:
    """A slip in a test is not a passed test."""
    with pytest.raises(ConfigurationError, match="max_usd"):
        captured_of().assert_cost(max_usd=amount)  # type: ignore[arg-type]  # that is the point
