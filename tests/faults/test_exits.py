"""Every manner in which a program ends while a sink hangs: in time, and what was journaled is delivered later."""

import os
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

import taximeter
from sink_doubles import run_program

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals are other ones there")

PROGRAM = """
import anyio, atexit, os, signal, sys, threading, time, taximeter
class Hanging:
    name = "usage.db"
    async def write(self, batch): await anyio.sleep_forever()
    async def aclose(self): await anyio.sleep_forever()
atexit.register(lambda: print(time.monotonic() - ended, flush=True))  # runs after ours, which is registered later
tracker = taximeter.start(Hanging(), journal="journal", write_through=True, close_timeout_s=0.5)
def track(n):
    for _ in range(n): assert tracker.track_task_completion(taximeter.TaskCompletionEvent())
def kill_soon(*numbers):
    for number in numbers: os.kill(os.getpid(), number); time.sleep(0.05)
track(50)
ended = time.monotonic()
"""
MANNERS = {
    "return": ("pass", 0),
    "exception": ("raise ValueError", 1),
    "sys.exit": ("sys.exit(4)", 4),
    "a thread that tracks": ("threading.Thread(target=track, args=(10,)).start()", 0),
    "SIGTERM, unhandled": ("kill_soon(signal.SIGTERM)", -signal.SIGTERM),
    "SIGTERM, handled": (
        "signal.signal(signal.SIGTERM, lambda *_: sys.exit(5)); kill_soon(signal.SIGTERM)",
        5,
    ),
    "SIGINT": ("kill_soon(signal.SIGINT)", -signal.SIGINT),
    "SIGINT twice": (
        "threading.Thread(target=lambda: kill_soon(0, 0, signal.SIGINT), daemon=True).start(); kill_soon(signal.SIGINT)",
        -signal.SIGINT,
    ),
    "os._exit": ("os._exit(6)", 6),
    "abort": ("os.abort()", -signal.SIGABRT),
}


@pytest.mark.parametrize("manner", MANNERS)
def test_a_program_ends_in_time_and_loses_nothing_journaled(manner: str, tmp_path: Path) -> None:
    """Within the deadline and 0.2 s where there is anything to wait for, and the next start delivers (langfuse 6515)."""
    code, status = MANNERS[manner]
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM + code],
        cwd=tmp_path,
        check=False,
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert done.returncode == status, done.stderr
    assert all(float(line) < 0.5 + 0.2 for line in done.stdout.split())
    taximeter.start(tmp_path / "usage.db", journal=tmp_path / "journal", close_timeout_s=15).close()
    with closing(sqlite3.connect(tmp_path / "usage.db")) as connection:
        assert connection.execute("SELECT count(*) FROM events").fetchone() >= (50,)


def test_trackers_share_the_time_of_a_programs_end(tmp_path: Path) -> None:
    """Four of them with hanging sinks hold the exit up as long as one, and a healthy fifth delivers meanwhile."""
    printed = run_program(
        PROGRAM + "others = [taximeter.start(Hanging(), close_timeout_s=0.5) for _ in range(4)]\n"
        "healthy = taximeter.start('healthy.db', close_timeout_s=0.5)\n"
        "for tracker in (*others, healthy): track(5)\n",
        tmp_path,
    )
    assert float(printed) < 4 * 0.5
    with closing(sqlite3.connect(tmp_path / "healthy.db")) as connection:
        assert connection.execute("SELECT count(*) FROM events").fetchone() == (5,)


def test_a_stopped_process_goes_on_where_it_was(tmp_path: Path) -> None:
    """SIGSTOP and SIGCONT, again and again, the carrier's lock in hand: all arrives, and nobody else was held up."""
    program = (
        "import time, taximeter\n"
        "tracker = taximeter.start('usage.db', journal='journal')\n"
        "for n in range(300):\n"
        "    tracker.track_task_completion(taximeter.TaskCompletionEvent()); time.sleep(0.001)\n"
        "    if n == 0: print(flush=True)\n"
    )
    stopped = subprocess.Popen([sys.executable, "-c", program], cwd=tmp_path, stdout=subprocess.PIPE)
    assert stopped.stdout is not None
    stopped.stdout.readline()
    for _ in range(3):
        os.kill(stopped.pid, signal.SIGSTOP)
        other = taximeter.start(tmp_path / "usage.db", journal=tmp_path / "journal", write_through=True)
        assert all(other.track_task_completion(taximeter.TaskCompletionEvent()) for _ in range(20))
        other.close(0.1)
        os.kill(stopped.pid, signal.SIGCONT)
    stopped.stdout.close()
    assert stopped.wait(30) == 0
    taximeter.start(tmp_path / "usage.db", journal=tmp_path / "journal", close_timeout_s=15).close()
    with closing(sqlite3.connect(tmp_path / "usage.db")) as connection:
        assert connection.execute("SELECT count(*) FROM events").fetchone() == (360,)


CLOCKS = {
    "an hour back": "now() - (3_600_000_000_000 if calls > 500 else 0)",
    "a day forward": "now() + (86_400_000_000_000 if calls > 500 else 0)",
    "frozen": "1_800_000_000_000_000_000",
    "to and fro": "now() + (-1) ** calls * 3_600_000_000_000",
}


@pytest.mark.parametrize("clock", CLOCKS)
def test_a_clock_that_jumps_delays_nothing_and_doubles_no_id(clock: str, tmp_path: Path) -> None:
    """The program's clock is set: flushes return, nothing is dropped, each event has an id of its own."""
    out = run_program(
        "import time\n"
        "now, calls = time.time_ns, 0\n"
        "def shifted():\n"
        "    global calls\n"
        "    calls += 1\n"
        f"    return {CLOCKS[clock]}\n"
        "time.time_ns = shifted\n"
        "import taximeter\n"
        "with taximeter.start('usage.db', 'memory:', journal='journal') as tracker:\n"
        "    for n in range(4):\n"
        "        for _ in range(500): assert tracker.track_task_completion(taximeter.TaskCompletionEvent())\n"
        "        assert tracker.flush(10).complete\n"
        "assert tracker.receipt().complete, tracker.receipt()\n"
        "print(len({event.event_id for event in tracker.sinks[1].events}), calls > 500)\n",
        tmp_path,
    )
    assert out.split() == ["2000", "True"]
