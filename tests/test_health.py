"""Health is bad while something is wrong, says what and where, and is good again afterwards."""

import threading
from pathlib import Path

import pytest

import taximeter
from sink_doubles import FailingSink, HangingSink, ListSink, numbered
from taximeter.health import Health, Problem, Watch
from taximeter.receipt import Receipt, SinkReceipt
from taximeter.sinks.refusal import AccessDenied
from taximeter.tracker import Tracker


def problems(tracker: Tracker) -> set[tuple[str | None, str]]:
    return {(problem.sink, problem.what) for problem in tracker.health().problems}


def wait_for(tracker: Tracker, what: str, sink: str | None) -> None:
    for _ in range(5000):
        if (sink, what) in problems(tracker):
            return
        threading.Event().wait(0.002)
    pytest.fail(f"{what} is not told of")


def test_nothing_wrong_is_good_health() -> None:
    """From the start, with events delivered, and after the close."""
    with taximeter.start(ListSink()) as tracker:
        assert tracker.health() == Health()
        tracker.track_task_completion(numbered(1)[0])
        tracker.flush(10)
        assert tracker.health().ok
    assert tracker.health().ok


def test_a_sink_that_denies_access_is_named() -> None:
    """With what it said; its neighbour is well."""
    with taximeter.start(FailingSink(error=AccessDenied("401")), ListSink(), close_timeout_s=0.1) as tracker:
        tracker.track_task_completion(numbered(1)[0])
        tracker.flush(0.5)
        (problem,) = tracker.health().problems
        assert problem == Problem("access_denied", "failing", "AccessDenied: 401")
        assert str(problem) == "failing: access_denied (AccessDenied: 401)"


def test_an_open_breaker_is_bad_health_until_it_closes() -> None:
    """A sink that has come back is well."""
    sink = FailingSink()
    with taximeter.start(sink, batch_max_age_s=0) as tracker:
        tracker.track_task_completion(numbered(1)[0])
        wait_for(tracker, "breaker_open", "failing")
        sink.failures = 0
        tracker.flush(10)
        assert tracker.health().ok


def test_a_backlog_that_stands_still_is_bad_health() -> None:
    """A sink that hangs raises nothing, but nothing is delivered either."""
    with taximeter.start(HangingSink(), stalled_after_s=0.2, close_timeout_s=0.1) as tracker:
        tracker.track_task_completion(numbered(1)[0])
        assert tracker.health().ok
        wait_for(tracker, "backlog_stalled", "hanging")
        (problem,) = tracker.health().problems
        assert problem.detail is not None
        assert problem.detail.startswith("1 pending, none delivered for")


@pytest.mark.parametrize("write_through", [False, True])
def test_a_journal_that_takes_nothing_is_bad_health(tmp_path: Path, *, write_through: bool) -> None:
    """Until it takes events again."""
    folder = tmp_path / "journal"
    tracker = taximeter.start(ListSink(), journal=folder, write_through=write_through)
    folder.write_text("in the way")
    assert tracker.track_task_completion(numbered(1)[0]) is not write_through
    wait_for(tracker, "journal_blocked", None)
    folder.unlink()
    assert tracker.track_task_completion(numbered(1)[0])
    assert not any(tracker.flush(10).pending.values())
    assert tracker.health().ok
    tracker.close()


def seen(watch: Watch, **receipt: object) -> set[str]:
    return {problem.what for problem in watch.problems(Receipt(**receipt))}  # type: ignore[arg-type]  # fields


def test_progress_and_an_empty_backlog_are_no_standstill() -> None:
    """What counts is that something was delivered, not that something was dropped."""
    watch = Watch(0.0)
    assert seen(watch, sinks={"a": SinkReceipt(pending=1)}) == {"backlog_stalled"}
    assert seen(watch, sinks={"a": SinkReceipt(delivered=1)}) == set()
    patient = Watch(3600.0)
    for delivered in range(3):
        assert seen(patient, sinks={"a": SinkReceipt(delivered=delivered, pending=1)}) == set()


def test_a_restarted_thread_is_told_of_for_a_while() -> None:
    """A thread that dies once an hour would otherwise never be heard of."""
    assert seen(Watch(3600.0), restarts=1) == {"flusher_restarted"}
    assert seen(Watch(0.0), restarts=1) == set()
    assert seen(Watch(3600.0)) == set()
