"""A tracker with a journal: what is tracked outlives its process and its sinks' bad days, and the counts say so."""

import gc
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import taximeter
from sink_doubles import (
    FailingSink,
    HangingSink,
    ListSink,
    RefusingSink,
    assert_conserved,
    numbered,
    run_program,
)
from taximeter.errors import ConfigurationError
from taximeter.event import TaskCompletionEvent
from taximeter.health import JOURNAL_BLOCKED
from taximeter.journal.folder import CARRIER_LOCK, Folder, Lock
from taximeter.journal.recovery import verify
from taximeter.sinks.refusal import AccessDenied
from taximeter.tracker import Tracker


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "journal"


def track(tracker: Tracker, count: int) -> None:
    for event in numbered(count):
        assert tracker.track_task_completion(event)


def wait_until(condition: Callable[[], bool], timeout_s: float = 10) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline
        threading.Event().wait(0.002)


def segments(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.glob("*.segment"))


def test_events_pass_the_journal_on_their_way(folder: Path) -> None:
    """They arrive in order, the receipt counts each level, and nothing is left behind."""
    sink = ListSink()
    with taximeter.start(sink, journal=folder) as tracker:
        track(tracker, 1200)
        receipt = tracker.flush(10)
        assert sink.models == [f"m{n}" for n in range(1200)]
        assert (receipt.tracked, receipt.accepted, receipt.journaled, receipt.durable) == (
            1200,
            1200,
            1200,
            0,
        )
        assert receipt.complete
    assert segments(folder) == []
    assert sink.closed


def test_closing_lets_go_of_every_file(folder: Path) -> None:
    """No descriptor of the journal is left in the process, and no thread."""

    def open_files() -> int:
        links = Path("/proc/self/fd").iterdir()
        return sum(str(folder) in os.path.realpath(link) for link in links)

    with taximeter.start(ListSink(), journal=folder, write_through=True) as tracker:
        track(tracker, 10)
        assert open_files() >= 2
    assert open_files() == 0
    assert tracker.receipt().complete


def test_nothing_is_opened_before_the_first_event(folder: Path) -> None:
    """A tracker that is never used leaves no folder."""
    taximeter.start(ListSink(), journal=folder).close()
    assert not folder.exists()


def test_several_sinks_have_cursors_of_their_own(folder: Path) -> None:
    """One that fails now and then gets everything too, and holds up nobody."""
    failing, healthy = FailingSink(failures=2), ListSink()
    with taximeter.start(failing, healthy, journal=folder) as tracker:
        track(tracker, 10)
        receipt = tracker.flush(10)
    assert receipt.delivered == {"failing": 10, "list": 10}
    assert receipt.sinks["failing"].failed_attempts == 2


@pytest.mark.parametrize("sync", ["accepted", "journaled", "durable"])
def test_each_policy_reaches_its_level(folder: Path, sync: str) -> None:
    """Durable events are counted as such."""
    with taximeter.start(ListSink(), journal=folder, sync=sync) as tracker:
        track(tracker, 3)
        receipt = tracker.flush(10)
    assert (receipt.journaled, receipt.durable) == (3, 3 if sync == "durable" else 0)


def test_a_sink_that_is_down_costs_nothing(folder: Path) -> None:
    """What it does not take at close is pending, not dropped, and the next start delivers it."""
    with taximeter.start(FailingSink(), journal=folder, close_timeout_s=0.2) as tracker:
        track(tracker, 7)
    receipt = tracker.receipt()
    assert (receipt.pending, receipt.lost) == ({"failing": 7}, {"failing": 0})
    assert_conserved(receipt)
    assert tracker.ledger()["failing"].pending == 7
    up = FailingSink(failures=0)
    with taximeter.start(up, journal=folder):
        pass
    assert [event.model for event in up.events if isinstance(event, TaskCompletionEvent)] == [
        f"m{n}" for n in range(7)
    ]
    assert segments(folder) == []


def test_a_close_with_a_hanging_sink_keeps_its_deadline(folder: Path) -> None:
    """And what is journaled is delivered by the next start."""
    tracker = taximeter.start(HangingSink(), journal=folder)
    track(tracker, 5)
    before = time.monotonic()
    receipt = tracker.close(0.3)
    assert time.monotonic() - before < 0.3 + 0.2
    assert receipt.pending == {"hanging": 5}
    later = ListSink()
    later.name = "hanging"  # the same sink, repaired
    taximeter.start(later, journal=folder).close()
    assert len(later.models) == 5


def test_write_through_is_in_the_journal_at_once(folder: Path) -> None:
    """When `track` has returned, the event is in a segment, whatever the flusher does."""
    sink = ListSink()
    with taximeter.start(sink, journal=folder, write_through=True) as tracker:
        lock = Lock(Folder(folder), CARRIER_LOCK)
        lock.acquire()  # nobody carries
        for n, event in enumerate(numbered(20), start=1):
            assert tracker.track_task_completion(event)
            held = Folder(folder)
            assert sum(segment.events for segment in verify(held).segments) == n
            held.close()
            assert tracker.receipt().journaled == n
        assert tracker.receipt().pending == {"list": 20}
        lock.release()
        assert tracker.flush(10).complete
    assert sink.models == [f"m{n}" for n in range(20)]


def test_write_through_from_many_threads(folder: Path) -> None:
    """Each event once, each thread's in its order."""
    sink = ListSink()
    with taximeter.start(sink, journal=folder, write_through=True) as tracker:

        def work(name: int) -> None:
            for n in range(100):
                assert tracker.track_task_completion(TaskCompletionEvent(model=f"{name}-{n}"))

        threads = [threading.Thread(target=work, args=(name,)) for name in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert tracker.flush(10).complete
    for name in range(8):
        mine = [model for model in sink.models if model is not None and model.startswith(f"{name}-")]
        assert mine == [f"{name}-{n}" for n in range(100)]


def test_write_through_inside_a_write(folder: Path) -> None:
    """A `__del__` or a signal handler that interrupts a write of its own thread takes the queue, and never waits."""
    sink = ListSink()
    with taximeter.start(sink, journal=folder, write_through=True) as tracker:
        track(tracker, 1)
        fired = 0

        def handler(*_: object) -> None:
            nonlocal fired
            fired += 1
            tracker.track_task_completion(TaskCompletionEvent(model="signal"))

        class Dying:
            def __init__(self) -> None:
                self.itself = self

            def __del__(self) -> None:
                tracker.track_task_completion(TaskCompletionEvent(model="del"))

        before = signal.signal(signal.SIGALRM, handler)
        gc.freeze()  # or each collection goes through what all the tests before have left
        signal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)
        try:
            for n in range(3000):
                tracker.track_task_completion(TaskCompletionEvent(model=f"n{n}"))
                if n % 100 == 0:
                    Dying()
                    gc.collect()
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, before)
            gc.unfreeze()
        receipt = tracker.flush(10)
        assert receipt.complete
        assert receipt.tracked == 3001 + 30 + fired
        assert fired


def test_what_cannot_be_encoded_is_counted(folder: Path) -> None:
    """With write-through the caller hears it at once."""
    with taximeter.start(ListSink(), journal=folder, write_through=True) as tracker:
        strange: Any = "no event"
        assert not tracker.track_task_completion(strange)
        track(tracker, 1)
        receipt = tracker.flush(10)
        assert (receipt.tracked, receipt.dropped) == (2, {"not_an_event": 1})
        assert_conserved(receipt)


def test_losses_are_persisted(folder: Path) -> None:
    """The folder's ledger knows what its processes refused, when they are gone."""
    sink = ListSink()
    with taximeter.start(sink, journal=folder) as tracker:
        track(tracker, 4)
        tracker.count_loss("capture_error", 3)
        assert tracker.flush(10).tracked == 7
    ledger = tracker.ledger()["list"]
    assert (ledger.tracked, ledger.delivered, ledger.dropped) == (7, 4, {"capture_error": 3})
    assert ledger.is_conserved


@pytest.mark.parametrize("write_through", [False, True])
def test_a_full_journal_refuses_and_counts(folder: Path, *, write_through: bool) -> None:
    """Disk and memory stay under their bounds, what was accepted is kept, and the rest is counted by reason."""
    sink = FailingSink()
    bounds = {"journal_max_bytes": 200_000, "max_events": 300, "close_timeout_s": 0.2}
    with taximeter.start(sink, journal=folder, write_through=write_through, **bounds) as tracker:  # type: ignore[arg-type]  # all whole numbers but one
        accepted = 0
        for event in numbered(3000):
            accepted += tracker.track_task_completion(event)
            if accepted % 50 == 0:
                threading.Event().wait(0.0005)
        wait_until(lambda: tracker.receipt().journaled > 0)
        assert 0 < accepted < 3000
        used = sum(path.stat().st_size for path in folder.glob("*.segment"))
        assert used <= 200_000
        assert_conserved(tracker.receipt())
    receipt = tracker.receipt()
    assert_conserved(receipt)
    assert receipt.tracked == 3000
    assert receipt.pending == {"failing": receipt.journaled}
    reasons = {"journal_full"} if write_through else {"queue_full", "close_timeout"}
    assert set(receipt.dropped) <= reasons
    up = FailingSink(failures=0)
    with taximeter.start(up, journal=folder):
        pass
    assert len(up.events) == receipt.journaled
    assert tracker.ledger()["failing"].is_conserved


def test_a_journal_that_drains_takes_in_again(folder: Path) -> None:
    """What waited in memory while the journal was full is delivered too."""
    sink = FailingSink()
    with taximeter.start(sink, journal=folder, journal_max_bytes=100_000, retry_budget_s=0.05) as tracker:
        track(tracker, 2000)
        wait_until(lambda: 0 < tracker.receipt().journaled < 2000)
        sink.failures = 0
        assert tracker.flush(20).complete
    assert len(sink.events) == 2000


def test_a_close_takes_in_all_that_waits_for_a_full_journal(folder: Path) -> None:
    """The room that comes while it waits is there for everything that was accepted, and not for the first of it alone."""
    sink = FailingSink()
    tracker = taximeter.start(sink, journal=folder, journal_max_bytes=100_000, retry_budget_s=0.05)
    track(tracker, 5000)
    wait_until(lambda: any(problem.what == JOURNAL_BLOCKED for problem in tracker.health().problems))
    sink.failures = 0
    receipt = tracker.close(60)
    assert receipt.lost == {"failing": 0}
    assert len(sink.events) == 5000


def test_two_trackers_share_a_folder(folder: Path) -> None:
    """One carries for both; the other sees in its own receipt when its events are delivered."""
    one, other = ListSink(), ListSink()
    with taximeter.start(one, journal=folder) as first, taximeter.start(other, journal=folder) as second:
        track(first, 1)
        assert first.flush(10).complete
        track(second, 10)
        assert second.flush(10).complete
        assert len(one.models) == 11
        assert other.models == []
        first.close()
        track(second, 10)
        assert second.flush(2).complete  # it has taken over
    assert len(other.models) == 10


def test_a_tracker_that_does_not_carry_leaves_it_to_others(folder: Path) -> None:
    """Its own sinks are never written to; `drain` does that."""
    ours, theirs = ListSink(), ListSink()
    with taximeter.start(ours, journal=folder, carry=False) as tracker:
        track(tracker, 5)
        assert tracker.flush(0.2).pending == {"list": 5}
        with taximeter.start(theirs, journal=folder):
            assert tracker.flush(10).complete
    assert (ours.models, len(theirs.models)) == ([], 5)


def test_closed_is_closed(folder: Path) -> None:
    """Later events are refused, with write-through too."""
    tracker = taximeter.start(ListSink(), journal=folder, write_through=True)
    track(tracker, 1)
    tracker.close()
    assert not tracker.track_task_completion(numbered(1)[0])
    assert tracker.receipt().dropped == {"closed": 1}
    assert_conserved(tracker.receipt())


def test_a_folder_that_becomes_usable_later(folder: Path) -> None:
    """Until then events wait in the queue, and nobody notices."""
    folder.mkdir(0o700)
    sink = ListSink()
    tracker = taximeter.start(sink, journal=folder, close_timeout_s=0.3)
    folder.rmdir()
    folder.write_text("in the way")
    track(tracker, 3)
    assert tracker.flush(0.2).pending == {"list": 3}
    folder.unlink()
    assert tracker.flush(10).complete
    tracker.close()
    assert len(sink.models) == 3


def test_a_flush_does_not_wait_for_events_that_are_refused_meanwhile(folder: Path) -> None:
    """What waits when it is called and is then found too large will never be in the journal."""
    sink = ListSink()
    tracker = taximeter.start(sink, journal=folder, max_event_bytes=2000)
    folder.write_text("in the way")
    track(tracker, 1)
    wait_until(lambda: not tracker.health().ok)  # blocked: the next ones wait in the queue
    for length in (10, 5000):
        tracker.track_task_completion(TaskCompletionEvent(user="u" * length))
    flushing = threading.Thread(target=tracker.flush, args=(30,))
    flushing.start()
    tracker.flush(0.2)  # the first flush has been heard of by now
    folder.unlink()
    flushing.join(10)
    assert not flushing.is_alive()
    receipt = tracker.close()
    assert (receipt.delivered, receipt.dropped) == ({"list": 2}, {"too_large": 1})


@pytest.mark.parametrize(
    ("options", "key"),
    [
        ({"journal": "missing/folder"}, "journal"),
        ({"journal": "a file"}, "journal"),
        ({"journal": "a link"}, "journal"),
        ({"journal": "j", "sync": "perhaps"}, "sync"),
        ({"write_through": True}, "write_through"),
        ({"carry": False}, "carry"),
        ({"sync": "durable"}, "sync"),
        ({"journal": "j", "journal_max_bytes": 0}, "journal_max_bytes"),
        ({"journal": "j", "write_through": "false"}, "write_through"),
        ({"journal": "j", "carry": None}, "carry"),
    ],
)
def test_options_that_cannot_work(tmp_path: Path, options: dict[str, Any], key: str) -> None:
    """They are refused at construction, by name."""
    (tmp_path / "a file").touch()
    (tmp_path / "a link").symlink_to(tmp_path)
    if "journal" in options:
        options = {**options, "journal": tmp_path / options["journal"]}
    with pytest.raises(ConfigurationError) as refused:
        taximeter.start("memory:", **options)
    assert refused.value.key == key


@pytest.mark.parametrize("option", ["journal", "dead_letters"])
@pytest.mark.parametrize("path", [1, True, b"bytes", [], "", "nul\0"])
def test_what_is_no_path_is_refused(
    option: str, path: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An empty one would be the working folder, which would be closed to others."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigurationError) as refused:
        taximeter.start("memory:", **{option: path})
    assert (refused.value.key, refused.value.value) == (option, path)


FORK = """
import os, sys, taximeter
from pathlib import Path
tracker = taximeter.start("usage.db", journal="journal", write_through={write_through})
tracker.track_task_completion(taximeter.TaskCompletionEvent(model="parent"))
tracker.flush(5)
before = set(os.listdir("journal"))
pids = []
for child in range(4):
    pid = os.fork()
    if not pid:
        for n in range(25):
            tracker.track_task_completion(taximeter.TaskCompletionEvent(model=f"{{child}}-{{n}}"))
        if child % 2:
            tracker.flush(5)
            os._exit(0)
        sys.exit(0)
    pids.append(pid)
for pid in pids:
    assert os.waitpid(pid, 0)[1] == 0
tracker.track_task_completion(taximeter.TaskCompletionEvent(model="parent"))
receipt = tracker.flush(5)
assert receipt.complete, receipt
assert receipt.tracked == 2
tracker.close()
ledger = tracker.ledger()["usage.db"]
assert (ledger.tracked, ledger.delivered, ledger.pending) == (102, 102, 0), ledger
import sqlite3
assert sqlite3.connect("usage.db").execute("SELECT count(*) FROM events").fetchone() == (102,)
print(sorted(Path("journal").glob("*.segment")))
"""


@pytest.mark.parametrize("write_through", [False, True])
def test_forked_children_write_segments_of_their_own(tmp_path: Path, *, write_through: bool) -> None:
    """However they end, the parent's journal is untouched, and everybody's events are delivered once."""
    printed = run_program(FORK.format(write_through=write_through), tmp_path)
    assert printed.splitlines()[-1] == "[]"


def test_a_batch_cut_short_is_sent_again_and_counted_once(folder: Path) -> None:
    """A carrier that ends in the middle of a bisection loses nothing; what was refused is refused again."""
    sink = RefusingSink({"m3": "invalid"})
    sink.fail_after = 1  # the first quarter arrives, then the sink is down
    with taximeter.start(sink, journal=folder, close_timeout_s=0.2) as tracker:
        track(tracker, 8)
        assert tracker.flush(0.3).pending == {"refusing": 8}
    assert sink.models[:2] == ["m0", "m1"]
    assert tracker.ledger()["refusing"].pending == 8
    up = RefusingSink({"m3": "invalid"})
    taximeter.start(up, journal=folder).close()
    assert up.models == [f"m{n}" for n in range(8) if n != 3]
    ledger = tracker.ledger()["refusing"]
    assert (ledger.tracked, ledger.delivered, ledger.dropped) == (8, 7, {"invalid": 1})


def test_others_hear_how_a_sink_stands(folder: Path) -> None:
    """A process that does not carry knows it from the cursor."""
    with (
        taximeter.start(
            FailingSink(error=AccessDenied("401")), journal=folder, close_timeout_s=0.1
        ) as carrier,
        taximeter.start(FailingSink(), journal=folder, carry=False, close_timeout_s=0.1) as other,
    ):
        track(carrier, 1)
        track(other, 1)
        wait_until(lambda: [problem.what for problem in other.health().problems] == ["access_denied"])
        assert other.ledger()["failing"].breaker == "denied"


CARRIER = """
import sys, taximeter
tracker = taximeter.start("usage.db", journal="journal")
tracker.track_task_completion(taximeter.TaskCompletionEvent(model="theirs"))
assert tracker.flush(10).complete
print("carrying", flush=True)
sys.stdin.readline()
"""


def test_a_carrier_that_is_killed_is_followed_within_two_seconds(tmp_path: Path) -> None:
    """Another process of the service takes over, by the lock and not by any process number."""
    with subprocess.Popen(
        [sys.executable, "-c", CARRIER],
        cwd=tmp_path,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "carrying\n"
        sink = ListSink()
        sink.name = "usage.db"
        with taximeter.start(sink, journal=tmp_path / "journal") as tracker:
            track(tracker, 1)
            assert tracker.flush(10).complete
            assert sink.models == []
            process.kill()
            process.wait()
            track(tracker, 1)
            assert tracker.flush(2).complete
    assert sink.models == ["m0"]


WRITER = """
import sys, taximeter
tracker = taximeter.start("usage.db", journal="journal", write_through=True)
for n in range(1000):
    tracker.track_task_completion(taximeter.TaskCompletionEvent(model=f"m{n}"))
    if n == 500:
        print("half", flush=True)
        sys.stdin.readline()
"""


def test_a_killed_process_is_delivered_by_the_next(tmp_path: Path) -> None:
    """Kill -9 loses none of the events whose `track` returned, and the store has each once."""
    with subprocess.Popen(
        [sys.executable, "-c", WRITER], cwd=tmp_path, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "half\n"
        process.kill()
    taximeter.start(tmp_path / "usage.db", journal=tmp_path / "journal").close()
    connection = sqlite3.connect(tmp_path / "usage.db")
    models = [row[0] for row in connection.execute("SELECT model FROM events")]
    connection.close()
    assert len(models) == len(set(models))
    assert {f"m{n}" for n in range(501)} <= set(models)
    assert segments(tmp_path / "journal") == []
