"""The end of trackers that nobody closes."""

import sys
from pathlib import Path

import pytest

from sink_doubles import run_program

DROPPED = """
import anyio, os, sys, time, taximeter, warnings
warnings.simplefilter("ignore", DeprecationWarning)  # fork with threads, 3.12
class Hanging:
    name = "hanging"
    async def write(self, batch): await anyio.sleep_forever()
    async def aclose(self): pass
started = time.monotonic()
tracker = taximeter.start(Hanging(), close_timeout_s=TIMEOUT)
tracker.track_task_completion(taximeter.TaskCompletionEvent())
del tracker
"""


def test_the_end_waits_for_a_dropped_tracker_no_longer_than_it_may(tmp_path: Path) -> None:
    """Dropping it returns at once; the end of the program takes at most the time to close."""
    out = run_program(
        DROPPED.replace("TIMEOUT", "1.0") + "assert time.monotonic() - started < 1.0\n"
        "import atexit\n"
        "atexit._run_exitfuncs()\n"
        "print(time.monotonic() - started)\n",
        tmp_path,
    )
    assert 1.0 <= float(out) < 5.0  # a machine that is busy besides may take a while to be asked


@pytest.mark.skipif(sys.platform == "win32", reason="needs fork")
def test_a_child_waits_for_nothing_of_its_parent(tmp_path: Path) -> None:
    """The parent's dropped tracker is the parent's to end."""
    run_program(
        DROPPED.replace("TIMEOUT", "60") + "if child := os.fork():\n"
        "    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0\n"
        "    assert time.monotonic() - started < 20\n"
        "    os._exit(0)\n",
        tmp_path,
    )


def test_a_tracker_without_events_leaves_nothing_behind(tmp_path: Path) -> None:
    """No thread is started for its end, and nothing is called at the end of the program."""
    run_program(
        "import gc, threading, weakref, taximeter\n"
        "from taximeter.ending import Ending\n"
        "tracker = taximeter.start('events.ndjson')\n"
        "gone = weakref.ref(tracker)\n"
        "del tracker\n"
        "assert gone() is None and threading.active_count() == 1\n"
        "gc.collect()\n"
        "assert not [thing for thing in gc.get_objects() if type(thing) is Ending]\n",
        tmp_path,
    )


JOURNALED = """
import os, taximeter, time, weakref
def end_of_dropped(**options):
    global tracker
    tracker = taximeter.start('events.ndjson', journal='journal', **options)
    for _ in range(EVENTS): assert tracker.track_task_completion(taximeter.TaskCompletionEvent())
    flusher, gone = tracker._flusher, weakref.ref(tracker)
    del tracker
    assert gone() is None
    assert flusher.ended.wait(20)
    print(sum(1 for _ in open('events.ndjson')))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="the journal needs flock")
def test_a_dropped_tracker_that_only_delivers_a_backlog_ends(tmp_path: Path) -> None:
    """It had no event of its own, and its thread runs all the same."""
    out = run_program(
        JOURNALED.replace("EVENTS", "0")
        + "with taximeter.start('events.ndjson', journal='journal', carry=False) as before:\n"
        "    before.track_task_completion(taximeter.TaskCompletionEvent())\n"
        "end_of_dropped()\n",
        tmp_path,
    )
    assert out.strip() == "1"


@pytest.mark.skipif(sys.platform == "win32", reason="the journal needs flock")
def test_a_dropped_tracker_that_writes_through_ends(tmp_path: Path) -> None:
    """Its events never were in the queue."""
    out = run_program(JOURNALED.replace("EVENTS", "5") + "end_of_dropped(write_through=True)\n", tmp_path)
    assert out.strip() == "5"
