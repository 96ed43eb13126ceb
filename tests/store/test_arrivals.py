"""Reading a store in the order in which calls came."""

from pathlib import Path

import taximeter
from taximeter.event import TaskCompletionEvent
from taximeter.store import Store


def test_calls_are_read_from_where_one_left_off(tmp_path: Path) -> None:
    """Each call once, in the order of arrival, however they are parted; its place is known by its id."""
    path = tmp_path / "usage.db"
    events = [TaskCompletionEvent(provider="openai", model="gpt-4o", started_at_us=9 - n) for n in range(5)]
    with taximeter.start(path) as tracker:
        for event in events:
            tracker.track_task_completion(event)
    with Store(path) as store:
        first = [event.event_id for event in store.arrived(0, 3)]
        reached = store.position(first[-1])
        assert reached is not None
        assert first + [event.event_id for event in store.arrived(reached, 9)] == [e.event_id for e in events]
        assert store.last() == (store.position(events[-1].event_id), events[-1].event_id)
        assert store.position("unheard of") is None


def test_several_questions_see_one_state(tmp_path: Path) -> None:
    """What is written meanwhile is in no answer, until the snapshot is over."""
    path = tmp_path / "usage.db"
    with taximeter.start(path) as tracker:
        tracker.track_task_completion(TaskCompletionEvent(provider="openai", model="gpt-4o"))
        tracker.flush()
        with Store(path) as store:
            with store.snapshot():
                before = store.last()
                tracker.track_task_completion(TaskCompletionEvent(provider="openai", model="gpt-4o"))
                tracker.flush()
                assert store.last() == before
                assert store.totals()[0].totals.calls == 1
            assert store.totals()[0].totals.calls == 2
