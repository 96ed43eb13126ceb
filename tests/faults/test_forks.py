"""Forks of every kind, with a journal: each process's events arrive once, and nobody touches what is another's."""

import socket
import sqlite3
import subprocess
import sys
import urllib.request
from contextlib import closing
from pathlib import Path
from time import monotonic, sleep

import pytest

import taximeter
from sink_doubles import run_program
from taximeter.journal.ledger import read_ledger_at

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs fork")

PROLOGUE = """
import os, signal, sys, threading, time, taximeter, warnings
warnings.simplefilter("ignore", DeprecationWarning)  # fork with threads, 3.12
def track(n, model="m"):
    return sum(tracker.track_task_completion(taximeter.TaskCompletionEvent(model=model)) for _ in range(n))
"""
JOURNALED = PROLOGUE + "tracker = taximeter.start('usage.db', journal='journal')\n"


def events_in(store: Path) -> dict[str, int]:
    """Return how many events of each model there are."""
    with closing(sqlite3.connect(store)) as connection:
        return dict(connection.execute("SELECT model, count(DISTINCT event_id) FROM events GROUP BY model"))


def deliver(folder: Path) -> None:
    """Start anew, which delivers what was left, and see that the folder's ledger is exact."""
    taximeter.start(folder / "usage.db", journal=folder / "journal", close_timeout_s=15).close()
    (ledger,) = read_ledger_at(folder / "journal").values()
    assert ledger.is_conserved
    assert not ledger.pending


@pytest.mark.parametrize("end", ["sys.exit(3)", "os._exit(3)", "os.kill(os.getpid(), signal.SIGKILL)"])
def test_a_childs_exit_leaves_the_parents_journal_alone(end: str, tmp_path: Path) -> None:
    """The end of a forked child deletes, moves and changes nothing of its parent's (logfire 5.2)."""
    run_program(
        PROLOGUE + "from pathlib import Path\n"
        "tracker = taximeter.start('usage.db', journal='journal', carry=False)\n"
        "def files(): return {p.name: p.read_bytes() for p in Path('journal').iterdir()}\n"
        "assert track(100) == 100; tracker.flush(0.2)\n"
        "while tracker.receipt().journaled < 100: time.sleep(0.01)\n"
        "before = files()\n"
        f"if not os.fork(): {end}\n"
        "os.wait()\n"
        "assert files() == before\n"
        "assert track(100) == 100\n",
        tmp_path,
    )
    deliver(tmp_path)
    assert events_in(tmp_path / "usage.db") == {"m": 200}


def test_locks_that_threads_of_the_parent_hold_hold_up_no_child(tmp_path: Path) -> None:
    """Forked while each lock of ours is held, a child tracks, flushes and closes."""
    run_program(
        JOURNALED + "assert track(10) == 10; tracker.flush()\n"
        "journal = tracker._flusher.journal\n"
        "locks = [tracker._flusher._ledger, tracker._flusher._claim, journal._opening, journal._writer._lock]\n"
        "for n, lock in enumerate(locks):\n"
        "    held, done = threading.Event(), threading.Event()\n"
        "    def hold():\n"
        "        with lock: held.set(); done.wait(20)\n"
        "    holder = threading.Thread(target=hold); holder.start(); held.wait()\n"
        "    child = os.fork()\n"
        "    if not child:\n"
        "        os._exit(0 if track(5, f'child {n}') == 5 and tracker.close(10).journaled == 5 else 1)\n"
        "    assert os.waitpid(child, 0)[1] == 0, n\n"
        "    done.set(); holder.join()\n",
        tmp_path,
        timeout_s=60,
    )
    deliver(tmp_path)
    assert events_in(tmp_path / "usage.db") == {"m": 10, **{f"child {n}": 5 for n in range(4)}}


def test_a_fork_in_the_middle_of_a_transaction_leaves_the_child_a_database_to_write_to(
    tmp_path: Path,
) -> None:
    """SQLite remembers the locks of a process's connections: a copy of them would say "busy" to the child for ever."""
    run_program(
        PROLOGUE + "tracker = taximeter.start('usage.db', batch_max_age_s=0.005)\n"
        "done = threading.Event()\n"
        "def work():\n"
        "    while not done.wait(0.0003): track(1, 'parent')\n"
        "threads = [threading.Thread(target=work) for _ in range(3)]\n"
        "for thread in threads: thread.start()\n"
        "for n in range(30):\n"
        "    child = os.fork()\n"
        "    if not child:\n"
        "        os._exit(0 if track(5, 'child') == 5 and tracker.close(10).complete else 1)\n"
        "    assert os.waitpid(child, 0)[1] == 0, n\n"
        "done.set()\n"
        "for thread in threads: thread.join()\n",
        tmp_path,
        timeout_s=120,
    )
    assert events_in(tmp_path / "usage.db")["child"] == 150


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux wipes pages")
def test_a_c_librarys_fork_keeps_to_its_own_journal(tmp_path: Path) -> None:
    """It runs no hook, the flusher of the parent is at work, and the child may well be the one that carries.

    A child made while threads take turns can be left with CPython's own lock held by nobody, whatever its program:
    that one is ended, and what it had written is delivered too.
    """
    printed = run_program(
        "import signal\n"
        "signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGCHLD])\n" + JOURNALED + "import ctypes\n"
        "fork = ctypes.PyDLL(None).fork\n"
        "stuck = 0\n"
        "for n in range(5):\n"
        "    track(200, 'parent')\n"
        "    child = fork()\n"
        "    if not child:\n"
        "        os._exit(0 if track(50, 'child') == 50 and tracker.close().journaled == 50 else 1)\n"
        "    track(200, 'parent')\n"
        "    if not signal.sigtimedwait([signal.SIGCHLD], 4):\n"
        "        stuck += 1\n"
        "        os.kill(child, signal.SIGKILL)\n"
        "        signal.sigwait([signal.SIGCHLD])\n"
        "    assert os.waitpid(child, 0)[1] in (0, signal.SIGKILL)\n"
        "print(5 - stuck)\n",
        tmp_path,
        timeout_s=120,
    )
    ended = int(printed)
    assert ended
    deliver(tmp_path)
    found = events_in(tmp_path / "usage.db")
    assert found.pop("parent") == 2000
    assert ended * 50 <= found.pop("child") <= 250
    assert not found


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_workers_that_do_one_task_each_lose_nothing(method: str, tmp_path: Path) -> None:
    """`maxtasksperchild=1`, as Celery's `max_tasks_per_child`: each worker ends right after its only task."""
    (tmp_path / "app.py").write_text(
        JOURNALED + "import multiprocessing\n"
        "def main():\n"
        "    track(10, 'parent')\n"
        f"    with multiprocessing.get_context({method!r}).Pool(1, maxtasksperchild=1) as pool:\n"
        "        assert pool.map(track, [20] * 2, chunksize=1) == [20] * 2\n"
        "        pool.close(); pool.join()\n"
        "    tracker.close()\n"
    )
    run_program("import app; app.main()", tmp_path, timeout_s=60)
    deliver(tmp_path)
    assert events_in(tmp_path / "usage.db") == {"parent": 10, "m": 40}


def test_two_that_adopt_one_orphan_deliver_it_once(tmp_path: Path) -> None:
    """What a killed process left is carried by one of those that start at the same moment."""
    orphan = "tracker = taximeter.start('usage.db', journal='journal', write_through=True, carry=False)\n"
    run_program(PROLOGUE + orphan + "assert track(500, 'orphan') == 500; os._exit(0)\n", tmp_path)
    program = PROLOGUE + (
        "sys.stdin.readline()\n"
        "tracker = taximeter.start('events.ndjson', journal='journal', batch_max_age_s=0)\n"
        "track(20, sys.argv[1]); tracker.close(20)\n"
    )
    heirs = [
        subprocess.Popen(
            [sys.executable, "-c", program, str(n)], cwd=tmp_path, stdin=subprocess.PIPE, text=True
        )
        for n in range(2)
    ]
    for heir in heirs:
        heir.communicate("\n", timeout=60)
    taximeter.start(tmp_path / "events.ndjson", journal=tmp_path / "journal").close()
    lines = (tmp_path / "events.ndjson").read_bytes().splitlines()
    assert [heir.returncode for heir in heirs] == [0, 0]
    assert len(lines) == len(set(lines)) == 540


APP = """
import os, taximeter
tracker = taximeter.start("usage.db", JOURNAL)
tracker.track_task_completion(taximeter.TaskCompletionEvent(model="preload"))
tracker.flush()
def app(environ, start_response):
    tracker.track_task_completion(taximeter.TaskCompletionEvent(model="worker"))
    receipt = tracker.flush(5) if environ["PATH_INFO"] == "/flush" else tracker.receipt()
    start_response("200 OK", [])
    return [f"{os.getpid()} {receipt.complete}".encode()]
"""


@pytest.mark.parametrize("journal", ["", "journal='journal'"], ids=["memory", "journal"])
def test_gunicorn_preload_and_one_request_a_worker(journal: str, tmp_path: Path) -> None:
    """Events of workers forked from a loaded app arrive, and a flush there returns (langfuse 1658, posthog 290)."""
    pytest.importorskip("gunicorn")
    (tmp_path / "app.py").write_text(APP.replace("JOURNAL", journal))
    with closing(socket.create_server(("127.0.0.1", 0))) as free:
        port = free.getsockname()[1]
    command = [
        sys.executable,
        "-m",
        "gunicorn",
        "app:app",
        "--preload",
        "--workers",
        "2",
        "--max-requests",
        "1",
    ]
    options = ["--bind", f"127.0.0.1:{port}", "--log-level", "error", "--no-control-socket"]
    server = subprocess.Popen([*command, *options], cwd=tmp_path)
    try:
        answers = [
            _ask(f"http://127.0.0.1:{port}{path}") for path in ("/flush", "/", "/flush", "/", "/flush", "/")
        ]
    finally:
        server.terminate()
        assert server.wait(30) == 0
    assert [answer.split()[1] for answer in answers[::2]] == ["True"] * 3
    assert len({answer.split()[0] for answer in answers}) > 1
    if journal:
        deliver(tmp_path)
    assert events_in(tmp_path / "usage.db") == {"preload": 1, "worker": 6}


def _ask(url: str) -> str:
    """Return the answer of a server that may just be starting, or between two workers."""
    deadline = monotonic() + 30
    while True:
        try:
            with urllib.request.urlopen(url, timeout=20) as answer:  # noqa: S310 - our own server
                return str(answer.read(), "utf-8")
        except OSError:
            if monotonic() > deadline:
                raise
            sleep(0.05)
