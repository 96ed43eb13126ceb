"""taximeter.run: the calls of several agents added up, and told of when it ends."""

import threading
from collections.abc import Iterator
from typing import Any

import anyio
import pytest

import taximeter
from taximeter.errors import ConfigurationError
from taximeter.event import RunFinishedEvent, RunStartedEvent, TaskCompletionEvent
from taximeter.runs import run
from taximeter.scopes import NOBODY, current_scope, scope
from taximeter.sinks.memory import MemorySink
from taximeter.tracker import Tracker, start
from taximeter.vocabulary import Outcome


@pytest.fixture
def memory() -> MemorySink:
    return MemorySink()


@pytest.fixture
def tracker(memory: MemorySink) -> Iterator[Tracker]:
    with start(memory) as tracker:
        yield tracker


def ask(tracker: Tracker, duration_ms: float = 1.0, **fields: Any) -> None:
    """Make a call of 1,000 tokens in and 100 out."""
    usage = {"prompt_tokens": 1000, "completion_tokens": 100}
    event = tracker.events.build(
        provider="openai", model="gpt-4o", response=usage, task_duration_ms=duration_ms, **fields
    )
    tracker.track_task_completion(event)


def test_a_run_adds_up_its_calls(tracker: Tracker) -> None:
    """Calls, tokens, cost, errors and the slowest, of its scopes and of nobody else's."""
    ask(tracker)
    with run("nightly", slowest=2) as it:
        for n in range(3):
            with scope(agent=f"a{n}"):
                ask(tracker, duration_ms=n)
        ask(tracker, outcome="failure", actual_input_tokens=None)
        with scope(run_id="another"):
            ask(tracker)
    ask(tracker)
    totals = it.totals
    assert (totals.calls, totals.failed_calls, totals.output_tokens) == (4, 1, 400)
    assert totals.cost_usd_nanos == 4 * 3_500_000
    assert [(slow.agent, slow.duration_ms) for slow in it.slowest] == [("a2", 2), ("a1", 1)]
    assert [(row.model, row.calls) for row in it.tally] == [("gpt-4o", 4)]
    assert str(it).startswith("nightly: 4 calls, 1 failed, ")


def test_its_begin_and_end_are_told(tracker: Tracker, memory: MemorySink) -> None:
    """Two events of one span, the second with the totals."""
    with scope(run_id="outer", agent="boss") as around, run("nightly", user="u") as it:
        ask(tracker, duration_ms=7)
    tracker.flush()
    started, _, finished = memory.events
    assert isinstance(started, RunStartedEvent)
    assert isinstance(finished, RunFinishedEvent)
    for event in (started, finished):
        assert (event.run_id, event.span_id, event.trace_id) == (it.run_id, it.scope.span_id, around.trace_id)
        assert event.parent_span_id == around.span_id
    assert started.payload.parent_run_id == "outer"
    assert (started.payload.name, started.payload.agent) == ("nightly", "boss")
    payload = finished.payload
    assert (payload.outcome, payload.calls, payload.cost_usd_nanos) == (Outcome.SUCCESS, 1, 3_500_000)
    assert [slow.duration_ms for slow in payload.slowest_calls] == [7]
    assert payload.duration_ms is not None


def test_a_run_that_raises_says_so(tracker: Tracker, memory: MemorySink) -> None:
    """By the exception's class, and the exception goes on."""
    with pytest.raises(KeyError), run(tracker=tracker):
        raise KeyError("secret")
    tracker.flush()
    finished = memory.events[-1]
    assert isinstance(finished, RunFinishedEvent)
    assert (finished.payload.outcome, finished.payload.error_class) == (Outcome.FAILURE, "KeyError")


def test_runs_inside_are_part_of_those_around(tracker: Tracker) -> None:
    """Each has its own calls, and the outer ones have theirs as well."""
    with run("outer") as outer:
        ask(tracker)
        with run("middle") as middle, run("inner") as inner:
            ask(tracker)
    assert [it.totals.calls for it in (outer, middle, inner)] == [2, 1, 1]
    assert current_scope() is NOBODY


def test_calls_of_threads_are_added_up(tracker: Tracker) -> None:
    """Many at once, without one lost."""
    with run("many") as it:

        def work() -> None:
            for _ in range(500):
                ask(tracker)

        threads = [threading.Thread(target=scope.bind(work)) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert it.totals.calls == 4000


@pytest.mark.anyio
async def test_tasks_belong_to_the_run(tracker: Tracker) -> None:
    """Also those of two runs at the same time."""

    async def work(name: str, calls: int) -> int:
        async with run(name) as it:
            for _ in range(calls):
                ask(tracker)
                await anyio.lowlevel.checkpoint()
        return it.totals.calls

    counts = []

    async def note(name: str, calls: int) -> None:
        counts.append(await work(name, calls))

    async with anyio.create_task_group() as group:
        group.start_soon(note, "a", 3)
        group.start_soon(note, "b", 5)
    assert sorted(counts) == [3, 5]


def test_events_of_every_kind_pass(tracker: Tracker) -> None:
    """What is no call, or holds what no event should, is not added up and costs nobody anything."""
    with run() as it:
        tracker.track_task_completion(TaskCompletionEvent(run_id=it.run_id, task_duration_ms=None))
        tracker.track_task_completion(TaskCompletionEvent(run_id=["r"]))  # type: ignore[arg-type]  # wrong on purpose
        tracker.track_task_completion(None)  # type: ignore[arg-type]  # as above
    assert it.totals.calls == 1


@pytest.mark.parametrize(
    "options", [{"slowest": -1}, {"slowest": "all"}, {"agnet": "x"}, {"tracker": "u.db"}], ids=str
)
def test_a_setting_that_cannot_work_is_refused(options: Any) -> None:
    """At construction."""
    with pytest.raises(ConfigurationError, match=next(iter(options))):
        taximeter.run("nightly", **options)


def test_without_a_tracker_it_is_a_scope() -> None:
    """With its run id and totals of nothing."""
    with run("nightly", agent="a") as it:
        assert (current_scope().run_id, current_scope().agent) == (it.run_id, "a")
    assert it.totals.calls == 0
