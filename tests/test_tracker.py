"""The tracker: from any thread and loop, never in the way, never silent about a loss."""

import asyncio
import gc
import logging
import signal
import sqlite3
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anyio
import pytest

from sink_doubles import (
    BlockingSink,
    FailingSink,
    HangingSink,
    ListSink,
    StubbornSink,
    assert_conserved,
    numbered,
    run_program,
)
from taximeter.builder import EventBuilder
from taximeter.errors import ConfigurationError
from taximeter.event import TaskCompletionEvent
from taximeter.sinks.memory import MemorySink
from taximeter.tracker import Tracker, newest_tracker, start


@pytest.fixture
def memory() -> MemorySink:
    return MemorySink()


@pytest.fixture
def tracker(memory: MemorySink) -> Iterator[Tracker]:
    with start(memory) as tracker:
        yield tracker


def models(sink: MemorySink) -> list[Any]:
    return [event.model for event in sink.events if isinstance(event, TaskCompletionEvent)]


def test_events_go_to_every_sink(tmp_path: Path) -> None:
    """By path, address and object at once; the receipt names each."""
    listed = ListSink()
    with start(tmp_path / "usage.db", str(tmp_path / "events.ndjson"), "memory:", listed) as tracker:
        assert sum(map(tracker.track_task_completion, numbered(10))) == 10
    receipt = tracker.receipt()
    assert receipt.complete
    assert receipt.delivered == dict.fromkeys(("usage.db", "events.ndjson", "memory", "list"), 10)
    assert listed.closed


def test_the_default_is_a_database_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a sink, events are in `usage.db` in the working folder."""
    monkeypatch.chdir(tmp_path)
    with start() as tracker:
        tracker.track_task_completion(TaskCompletionEvent(model="m"))
    connection = sqlite3.connect(tmp_path / "usage.db")
    assert connection.execute("SELECT model FROM events").fetchall() == [("m",)]
    connection.close()


def test_nothing_is_made_before_the_first_event(tmp_path: Path) -> None:
    """Starting and closing leave no file and start no thread."""
    before = threading.active_count()
    with start(tmp_path / "usage.db", tmp_path / "events.ndjson"):
        assert threading.active_count() == before
    assert not list(tmp_path.iterdir())


def test_sinks_of_the_same_name_are_told_apart(tmp_path: Path) -> None:
    """Receipts have one line for each."""
    (tmp_path / "a").mkdir()
    with start(tmp_path / "a" / "usage.db", tmp_path / "usage.db", "memory:", "memory:") as tracker:
        assert list(tracker.receipt().sinks) == ["usage.db", "usage.db#2", "memory", "memory#2"]


@pytest.mark.parametrize(
    "options",
    [
        {"max_events": 0},
        {"max_evens": 5},
        {"close_timeout_s": -1},
        {"catalog": "x"},
        {"infer": 3},
        {"service": 5},
    ],
    ids=str,
)
def test_a_setting_that_cannot_work_is_refused_at_the_start(options: Any) -> None:
    """And nowhere later; the error names the key, the value and what is allowed."""
    with pytest.raises(ConfigurationError) as refused:
        start("memory:", **options)
    assert {refused.value.key: refused.value.value} == options
    assert refused.value.allowed


def test_flush_waits_for_what_was_tracked_before(tracker: Tracker, memory: MemorySink) -> None:
    """Each time, however often."""
    for n in range(1, 4):
        tracker.track_task_completion(TaskCompletionEvent(model=f"m{n}"))
        assert tracker.flush().delivered == {"memory": n}
    assert models(memory) == ["m1", "m2", "m3"]


def test_flush_keeps_its_time() -> None:
    """A sink that blocks the thread does not make it wait longer, and nothing is called delivered."""
    blocking = BlockingSink()
    with start(blocking) as tracker:
        tracker.track_task_completion(TaskCompletionEvent())
        receipt = tracker.flush(0.05)
        assert (receipt.complete, receipt.pending) == (False, {"blocking": 1})
        blocking.release.set()


def test_close_is_idempotent_and_what_comes_later_is_counted(tracker: Tracker, memory: MemorySink) -> None:
    """The loss is the caller's to see: False, and `closed` in the receipt."""
    tracker.track_task_completion(TaskCompletionEvent())
    first = tracker.close()
    assert tracker.close() == first
    assert not tracker.track_task_completion(TaskCompletionEvent())
    receipt = tracker.receipt()
    assert (receipt.tracked, receipt.accepted, receipt.dropped) == (2, 1, {"closed": 1})
    assert_conserved(receipt)


@pytest.mark.parametrize("kind", [BlockingSink, StubbornSink])
def test_a_close_that_ran_out_of_time_leaves_nothing_pending(kind: type[BlockingSink]) -> None:
    """What a sink still holds up is dropped in this receipt and the next; should it arrive after all, it is delivered."""
    stuck, listed = kind(), ListSink()
    tracker = start(stuck, listed, batch_max_age_s=0)
    tracker.track_task_completion(TaskCompletionEvent())
    assert stuck.reached.wait(10)
    sum(map(tracker.track_task_completion, numbered(3)))
    receipt = tracker.close(0.05)
    assert (receipt.pending, receipt.sinks[stuck.name].dropped) == (
        {stuck.name: 0, "list": 0},
        {"close_timeout": 4},
    )
    assert_conserved(receipt)
    assert_conserved(tracker.receipt())
    stuck.release.set()
    late = tracker.close()
    assert late.delivered[stuck.name] == late.tracked - late.lost[stuck.name] >= 1
    assert_conserved(late)


def test_a_tracker_that_nobody_holds_ends_by_itself() -> None:
    """Its events arrive, its sink is closed and its thread ends, and dropping it waits for nothing."""

    class Bell(ListSink):
        def __init__(self) -> None:
            super().__init__()
            self.rung = threading.Event()

        async def aclose(self) -> None:
            self.rung.set()

    sinks = [Bell() for _ in range(20)]
    for sink in sinks:
        assert start(sink).track_task_completion(TaskCompletionEvent(model="m"))
    assert all(sink.rung.wait(10) for sink in sinks)
    assert [sink.models for sink in sinks] == [["m"]] * 20


def test_a_full_queue_refuses_and_counts() -> None:
    """The caller goes on, with False in its hand."""
    blocking = BlockingSink()
    with start(blocking, max_events=5, batch_max_age_s=0) as tracker:
        tracker.track_task_completion(TaskCompletionEvent())
        assert blocking.reached.wait(10)
        accepted = [tracker.track_task_completion(event) for event in numbered(8)]
        assert accepted == [True] * 5 + [False] * 3
        blocking.release.set()
    receipt = tracker.receipt()
    assert (receipt.delivered, receipt.dropped) == ({"blocking": 6}, {"queue_full": 3})
    assert_conserved(receipt)


def test_eight_threads_lose_nothing(tracker: Tracker) -> None:
    """Every event is delivered once."""
    go = threading.Barrier(8)

    def track() -> None:
        go.wait()
        for event in numbered(5000):
            tracker.track_task_completion(event)

    threads = [threading.Thread(target=track) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    receipt = tracker.close(60)  # on a busy machine too
    assert receipt.complete
    assert receipt.delivered == {"memory": 40_000}


@pytest.mark.anyio
async def test_coroutines_flush_and_close_under_any_loop(memory: MemorySink) -> None:
    """On asyncio and trio, with the loop running on meanwhile."""
    async with start(memory) as tracker:
        tracker.track_task_completion(TaskCompletionEvent(model="a"))
        assert (await tracker.aflush()).complete
        tracker.track_task_completion(TaskCompletionEvent(model="b"))
    assert tracker.receipt().complete
    assert models(memory) == ["a", "b"]


@pytest.mark.anyio
async def test_a_cancelled_block_is_closed_all_the_same(memory: MemorySink) -> None:
    """The events of a request that was cancelled are not lost with it."""
    with anyio.CancelScope() as scope:
        async with start(memory) as tracker:
            tracker.track_task_completion(TaskCompletionEvent(model="a"))
            scope.cancel()
            await anyio.sleep_forever()
    assert models(memory) == ["a"]
    assert not tracker.track_task_completion(TaskCompletionEvent())


@pytest.mark.anyio
async def test_the_hosts_exception_leaves_as_it_was(memory: MemorySink) -> None:
    """Neither wrapped in a group nor replaced."""
    with pytest.raises(ValueError, match="the host's own"):
        async with start(memory):
            raise ValueError("the host's own")


def test_many_loops_one_after_the_other(tracker: Tracker, memory: MemorySink) -> None:
    """The tracker belongs to none of them, and a closed one takes nothing with it."""

    async def track(n: int) -> None:
        tracker.track_task_completion(TaskCompletionEvent(model=f"m{n}"))

    for n in range(5):
        asyncio.run(track(n))
    tracker.flush()
    assert models(memory) == [f"m{n}" for n in range(5)]


def test_many_loops_in_many_threads(tracker: Tracker, memory: MemorySink) -> None:
    """20 threads, each with one loop after the other."""

    async def track() -> None:
        tracker.track_task_completion(TaskCompletionEvent())

    def run_loops() -> None:
        for _ in range(3):
            asyncio.run(track())

    threads = [threading.Thread(target=run_loops) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert tracker.close().delivered == {"memory": 60}


@pytest.mark.parametrize(
    "sink", [FailingSink(), HangingSink(), FailingSink(error=SystemExit(3))], ids=["raises", "hangs", "exits"]
)
def test_a_bad_sink_reaches_nobody(sink: Any, memory: MemorySink) -> None:
    """Tracking goes on, the neighbour gets everything, and the loss is counted."""
    with start(sink, memory, retry_budget_s=0.05) as tracker:
        assert sum(map(tracker.track_task_completion, numbered(5))) == 5
        receipt = tracker.flush()
    assert receipt.lost == {sink.name: 5, "memory": 0}
    assert len(memory.events) == 5
    assert_conserved(receipt)


def test_a_full_disk_is_counted() -> None:
    """The file system says no; the program does not notice."""
    with start("ndjson:////dev/full", retry_budget_s=0.05) as tracker:
        tracker.track_task_completion(TaskCompletionEvent())
        receipt = tracker.flush()
    assert receipt.sinks["full"].dropped == {"sink_failed": 1}
    assert receipt.sinks["full"].last_error == "OSError: No space left on device"


def test_a_disk_with_space_again_gets_the_events(tmp_path: Path) -> None:
    """What failed a moment ago is written when it can be."""
    folder = tmp_path / "mounted"
    folder.mkdir()
    with start(folder / "usage.db", folder / "events.ndjson") as tracker:
        folder.rename(away := tmp_path / "unmounted")
        tracker.track_task_completion(TaskCompletionEvent())
        while not all(sink.failed_attempts for sink in tracker.receipt().sinks.values()):
            threading.Event().wait(0.001)
        away.rename(folder)
    assert tracker.receipt().complete


def test_a_signal_handler_may_track(tracker: Tracker) -> None:
    """Whatever the main thread was doing, tracking included."""
    handled: list[bool] = []  # a handler may be interrupted by itself, so it must not count with +=

    def handle(*_: Any) -> None:
        handled.append(tracker.track_task_completion(TaskCompletionEvent()))

    before = signal.signal(signal.SIGALRM, handle)
    signal.setitimer(signal.ITIMER_REAL, 0.0005, 0.0005)
    tracked = 0
    try:
        while len(handled) < 20:
            tracked += tracker.track_task_completion(TaskCompletionEvent())
            tracker.receipt()
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    receipt = tracker.close()
    assert receipt.accepted == tracked + sum(handled)
    assert_conserved(receipt)


def test_garbage_collection_may_track(tracker: Tracker, memory: MemorySink) -> None:
    """An object that tracks in `__del__` may die at any moment."""

    class Call:
        def __init__(self) -> None:
            self.itself = self

        def __del__(self) -> None:
            tracker.track_task_completion(TaskCompletionEvent(model="collected"))

    for _ in range(100):
        Call()
    gc.collect()
    assert tracker.close().delivered == {"memory": 100}


def test_a_sink_may_log(memory: MemorySink, caplog: pytest.LogCaptureFixture) -> None:
    """Its records are not tracked again, so they do not make more of themselves."""

    class Talkative(ListSink):
        async def write(self, batch: Any) -> None:
            logging.getLogger("taximeter").warning("writing")
            logging.getLogger().warning("writing")
            await super().write(batch)

    with start(Talkative(), "log:INFO", memory) as tracker, caplog.at_level("INFO"):
        tracker.track_task_completion(TaskCompletionEvent())
        tracker.flush()
    assert tracker.receipt().tracked == 1
    assert len([record for record in caplog.records if record.getMessage() == "writing"]) == 2


def test_a_sink_may_use_the_tracker() -> None:
    """Flushing and closing from inside a sink do not wait for themselves."""
    trackers: list[Tracker] = []

    class Meddling(ListSink):
        async def write(self, batch: Any) -> None:
            trackers[0].flush()
            trackers[0].close()
            await super().write(batch)

    trackers.append(start(Meddling()))
    trackers[0].track_task_completion(TaskCompletionEvent())
    assert trackers[0].flush().complete


def test_calls_without_an_event_are_losses_too(tracker: Tracker) -> None:
    """Capture counts here what it could not read."""
    tracker.count_loss("capture_failed")
    tracker.count_loss("capture_failed", 2)
    receipt = tracker.receipt()
    assert (receipt.tracked, receipt.dropped, receipt.complete) == (3, {"capture_failed": 3}, False)
    assert_conserved(receipt)


def test_the_builder_is_at_hand(tracker: Tracker) -> None:
    """One for the tracker, made when it is wanted."""
    assert isinstance(tracker.events, EventBuilder)
    assert tracker.events is tracker.events


PROLOGUE = """
import os, sys, time, taximeter
from taximeter.event import TaskCompletionEvent
from taximeter.sinks.memory import MemorySink
started = time.monotonic()
"""


def test_a_program_that_just_ends_loses_nothing(tmp_path: Path) -> None:
    """The end of the program is a close."""
    run_program(
        PROLOGUE + "tracker = taximeter.start('usage.db', 'events.ndjson')\n"
        "for _ in range(1000): tracker.track_task_completion(TaskCompletionEvent())\n",
        tmp_path,
    )
    assert len((tmp_path / "events.ndjson").read_bytes().splitlines()) == 1000
    connection = sqlite3.connect(tmp_path / "usage.db")
    assert connection.execute("SELECT count(*) FROM events").fetchone() == (1000,)
    connection.close()


def test_a_program_that_drops_its_tracker_and_ends_loses_nothing(tmp_path: Path) -> None:
    """The end waits for what the thread has left to deliver, and for no thread that has ended."""
    out = run_program(
        PROLOGUE + "import atexit\n"
        "ending = taximeter.start('others.ndjson', batch_max_age_s=60)\n"
        "for _ in range(100): ending.track_task_completion(TaskCompletionEvent())\n"
        "atexit.register(lambda: print(len(open('events.ndjson').readlines())))\n"
        "dropped = taximeter.start('events.ndjson', batch_max_age_s=60)\n"
        "for _ in range(100): dropped.track_task_completion(TaskCompletionEvent())\n"
        "del dropped\n",
        tmp_path,
    )
    assert out == "100\n"
    assert len((tmp_path / "others.ndjson").read_bytes().splitlines()) == 100


def test_what_is_tracked_at_the_very_end_arrives(tmp_path: Path) -> None:
    """Even where the first event comes from an `atexit` function, when Python starts no thread any more."""
    run_program(
        PROLOGUE + "import atexit\n"
        "tracker = taximeter.start('usage.db', 'events.ndjson')\n"
        "atexit.register(lambda: tracker.track_task_completion(TaskCompletionEvent()))\n",
        tmp_path,
    )
    assert len((tmp_path / "events.ndjson").read_bytes().splitlines()) == 1


@pytest.mark.parametrize("ending", ["pass", "sys.exit(0)", "tracker.flush(0.1)"])
def test_a_hanging_sink_delays_the_end_no_longer_than_it_may(tmp_path: Path, ending: str) -> None:
    """`close_timeout_s`, and a fifth of a second on top."""
    out = run_program(
        PROLOGUE + "import anyio, atexit\n"
        "class Hanging:\n"
        "    name = 'hanging'\n"
        "    async def write(self, batch): await anyio.sleep_forever()\n"
        "    async def aclose(self): await anyio.sleep_forever()\n"
        "atexit.register(lambda: print(time.monotonic() - ended))\n"
        "tracker = taximeter.start(Hanging(), close_timeout_s=0.5)\n"
        "tracker.track_task_completion(TaskCompletionEvent())\n"
        "ended = time.monotonic()\n" + ending,
        tmp_path,
    )
    assert float(out) < 0.5 + 0.2 + (0.1 if "flush" in ending else 0)


def test_a_sink_that_blocks_for_ever_delays_the_end_no_longer(tmp_path: Path) -> None:
    """Not even one that never gives the thread back."""
    out = run_program(
        PROLOGUE + "import atexit\n"
        "class Blocking:\n"
        "    name = 'blocking'\n"
        "    async def write(self, batch): time.sleep(3600)\n"
        "    async def aclose(self): pass\n"
        "atexit.register(lambda: print(time.monotonic() - ended, tracker.receipt().sinks['blocking'].dropped))\n"
        "tracker = taximeter.start(Blocking(), close_timeout_s=0.3, batch_max_age_s=0)\n"
        "tracker.track_task_completion(TaskCompletionEvent())\n"
        "ended = time.monotonic()\n",
        tmp_path,
    )
    seconds, dropped = out.split(maxsplit=1)
    assert float(seconds) < 0.5
    assert dropped.strip() == "{'close_timeout': 1}"


def test_a_child_starts_clean(tmp_path: Path) -> None:
    """Empty queue, fresh counts, a connection of its own; the parent's events come once and from the parent."""
    run_program(
        PROLOGUE
        + "import warnings; warnings.simplefilter('ignore', DeprecationWarning)  # fork with threads, 3.12\n"
        "tracker = taximeter.start('usage.db', 'events.ndjson', 'memory:')\n"
        "def track(n, model):\n"
        "    for _ in range(n): assert tracker.track_task_completion(TaskCompletionEvent(model=model))\n"
        "track(300, 'parent'); tracker.flush(); track(200, 'parent')\n"
        "child = os.fork()\n"
        "if not child:\n"
        "    assert tracker.receipt().tracked == 0, tracker.receipt()\n"
        "    assert tracker.sinks[2].events == ()\n"
        "    track(100, 'child')\n"
        "    receipt = tracker.close()\n"
        "    assert receipt.complete and receipt.tracked == 100, receipt\n"
        "    sys.exit(0)\n"
        "track(50, 'parent')\n"
        "assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0\n"
        "track(50, 'parent')\n"
        "receipt = tracker.close()\n"
        "assert receipt.complete and receipt.tracked == 600, receipt\n",
        tmp_path,
    )
    connection = sqlite3.connect(tmp_path / "usage.db")
    counts = connection.execute("SELECT model, count(*) FROM events GROUP BY model").fetchall()
    assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    connection.close()
    assert counts == [("child", 100), ("parent", 600)]
    assert len((tmp_path / "events.ndjson").read_bytes().splitlines()) == 700


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux wipes pages")
def test_a_child_of_a_c_library_starts_clean_too(tmp_path: Path) -> None:
    """A fork below Python runs none of its hooks; the first call in the child notices."""
    run_program(
        PROLOGUE + "import ctypes\n"
        "tracker = taximeter.start('events.ndjson')\n"
        "tracker.count_loss('before')\n"
        "child = ctypes.PyDLL(None).fork()\n"
        "if not child:\n"
        "    assert tracker.track_task_completion(TaskCompletionEvent())\n"
        "    receipt = tracker.close()\n"
        "    assert receipt.complete and receipt.tracked == 1, receipt\n"
        "    os._exit(0)\n"
        "assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0\n"
        "tracker.track_task_completion(TaskCompletionEvent())\n"
        "receipt = tracker.close()\n"
        "assert (receipt.tracked, receipt.dropped) == (2, {'before': 1}), receipt\n",
        tmp_path,
    )
    assert len((tmp_path / "events.ndjson").read_bytes().splitlines()) == 2


def test_a_child_that_tracks_nothing_touches_nothing(tmp_path: Path) -> None:
    """It ends at once, and the parent's sink is closed once, by the parent."""
    out = run_program(
        PROLOGUE + "import warnings; warnings.simplefilter('ignore', DeprecationWarning)\n"
        "class Told:\n"
        "    name = 'told'\n"
        "    async def write(self, batch): pass\n"
        "    async def aclose(self): print('closed in', 'parent' if os.getpid() == parent else 'child', flush=True)\n"
        "parent = os.getpid()\n"
        "tracker = taximeter.start(Told())\n"
        "tracker.track_task_completion(TaskCompletionEvent()); tracker.flush()\n"
        "if os.fork(): os.wait()\n",
        tmp_path,
    )
    assert out.split("\n")[:-1] == ["closed in parent"]


def test_a_fork_while_threads_track_hangs_nobody(tmp_path: Path) -> None:
    """Whatever lock a thread of the parent held, the child is not waiting for it."""
    run_program(
        PROLOGUE + "import threading, warnings; warnings.simplefilter('ignore', DeprecationWarning)\n"
        "tracker = taximeter.start('memory:')\n"
        "running = True\n"
        "def work():\n"
        "    while running: tracker.track_task_completion(TaskCompletionEvent()); tracker.receipt()\n"
        "threads = [threading.Thread(target=work) for _ in range(4)]\n"
        "for thread in threads: thread.start()\n"
        "for _ in range(20):\n"
        "    child = os.fork()\n"
        "    if not child:\n"
        "        tracker.track_task_completion(TaskCompletionEvent())\n"
        "        os._exit(0 if tracker.close().delivered == {'memory': 1} else 1)\n"
        "    assert os.waitpid(child, 0)[1] == 0\n"
        "running = False\n"
        "for thread in threads: thread.join()\n",
        tmp_path,
        timeout_s=60,
    )


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_workers_of_multiprocessing_lose_nothing(tmp_path: Path, method: str) -> None:
    """They end without `atexit`, and their last events arrive all the same."""
    (tmp_path / "app.py").write_text(
        "import multiprocessing, taximeter, warnings\n"
        "warnings.simplefilter('ignore', DeprecationWarning)  # fork with threads, 3.12\n"
        "tracker = taximeter.start('usage.db')\n"
        "def work(n):\n"
        "    for _ in range(n): tracker.track_task_completion(taximeter.TaskCompletionEvent())\n"
        "def main():\n"
        "    work(10); tracker.flush()\n"
        f"    context = multiprocessing.get_context({method!r})\n"
        "    workers = [context.Process(target=work, args=(n,)) for n in (100, 200)]\n"
        "    for worker in workers: worker.start()\n"
        "    for worker in workers: worker.join()\n"
        "    assert [worker.exitcode for worker in workers] == [0, 0]\n"
        "    assert tracker.close().tracked == 10\n"
    )
    run_program("import app; app.main()", tmp_path, timeout_s=60)
    connection = sqlite3.connect(tmp_path / "usage.db")
    assert connection.execute("SELECT count(*) FROM events").fetchone() == (310,)
    connection.close()


def test_listeners_hear_of_every_event(tracker: Tracker, memory: MemorySink) -> None:
    """From when they begin until they leave, also of what is refused; one that raises costs nobody anything."""
    heard: list[Any] = []

    def raises(_event: Any) -> None:
        raise RuntimeError

    first, second, third = numbered(3)
    tracker.track_task_completion(first)
    leave_raising, leave = tracker.listen(raises), tracker.listen(heard.append)
    tracker.track_task_completion(second)
    leave()
    leave_raising()
    tracker.track_task_completion(third)
    tracker.flush()
    assert heard == [second]
    assert models(memory) == ["m0", "m1", "m2"]


def test_the_newest_open_tracker_is_found() -> None:
    """The last one made that is neither closed nor forgotten."""
    before = newest_tracker()
    with start("memory:") as older:
        assert newest_tracker() is older
        with start("memory:") as newer:
            assert newest_tracker() is newer
        start("memory:")
        gc.collect()
        assert newest_tracker() is older
    assert newest_tracker() is before


def test_greenlets_in_the_place_of_threads_are_refused(tmp_path: Path) -> None:
    """With gevent's threads a fork would copy ours; with the system's threads beside its sockets all is well."""
    pytest.importorskip("gevent")
    program = (
        "import os, sys, warnings; warnings.simplefilter('ignore')\n"
        "from gevent import monkey; monkey.patch_all(**OPTIONS)\n"
        "import gevent, taximeter\n"
        "try:\n"
        "    tracker = taximeter.start('usage.db')\n"
        "except taximeter.ConfigurationError as error:\n"
        "    print(error); sys.exit()\n"
        "def work():\n"
        "    for _ in range(50):\n"
        "        assert tracker.track_task_completion(taximeter.TaskCompletionEvent()); gevent.sleep(0)\n"
        "gevent.joinall([gevent.spawn(work) for _ in range(10)])\n"
        "child = os.fork()\n"
        "if not child: work(); sys.exit()\n"
        "assert os.waitpid(child, 0)[1] == 0\n"
        "print(tracker.close().complete)\n"
    )
    refused = run_program(program.replace("OPTIONS", "{}"), tmp_path)
    assert refused == "threads='gevent': must be the system's: monkey.patch_all(thread=False)\n"
    assert run_program(program.replace("OPTIONS", "{'thread': False}"), tmp_path) == "True\n"
    connection = sqlite3.connect(tmp_path / "usage.db")
    assert connection.execute("SELECT count(*) FROM events").fetchone() == (550,)
    connection.close()


def test_only_what_can_be_called_listens(tracker: Tracker) -> None:
    """A slip is told where it is made, and not with every event."""
    with pytest.raises(ConfigurationError, match="listener=5"):
        tracker.listen(5)  # type: ignore[arg-type]  # what a type checker would have told
