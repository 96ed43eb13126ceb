"""Disks that fail under the journal: nothing that was told to be safe depends on a file that is beyond trust."""

import json
import os
import resource
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import taximeter
from journal_samples import assert_conserved, line, lines, read_all, writer_in
from sink_doubles import run_program
from taximeter.journal.folder import Folder

pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="the journal needs flock, and the tools are Linux's"
)


@pytest.mark.skipif(shutil.which("strace") is None, reason="making a system call fail needs strace")
def test_a_sync_that_fails_is_not_tried_again_on_the_same_file(tmp_path: Path) -> None:
    """After an EIO the kernel forgets what was not written: the events go to a new segment, and are synced there."""
    program = (
        "import sys; from pathlib import Path\n"
        "from taximeter.journal.folder import Folder\n"
        "from taximeter.journal.writer import Writer\n"
        "from taximeter.journal.sync import Sync\n"
        "writer = Writer(Folder('journal'), segment_bytes=65536, max_bytes=1 << 24, sync=Sync.DURABLE)\n"
        'for n in range(6): writer.append([b\'{"n":%d,"pad":""}\' % n])\n'
        "assert writer.durable == 6\n"
    )
    log = tmp_path / "log"
    inject = ("-e", "trace=fdatasync,openat", "-e", "inject=fdatasync:error=EIO:when=3", "-o", str(log))
    subprocess.run(
        ["strace", "-y", *inject, sys.executable, "-c", program], cwd=tmp_path, check=True, timeout=60
    )
    synced = [
        part.partition("<")[2].partition(">")[0]
        for part in log.read_text().splitlines()
        if "fdatasync" in part
    ]
    failed = synced[2]
    assert failed not in synced[3:]
    assert len(set(synced)) == 2
    folder = Folder(tmp_path / "journal")
    assert read_all(folder) == (lines(6), 0)
    folder.close()


@pytest.mark.skipif(shutil.which("strace") is None, reason="making a system call fail needs strace")
def test_an_event_that_could_not_be_synced_is_not_taken_for_the_next_one(tmp_path: Path) -> None:
    """Where the new segment's sync fails too it is refused, and the next event has its number."""
    program = (
        "from taximeter.journal.folder import Folder\n"
        "from taximeter.journal.writer import Writer\n"
        "from taximeter.journal.sync import Sync\n"
        "writer = Writer(Folder('journal'), segment_bytes=65536, max_bytes=1 << 24, sync=Sync.DURABLE)\n"
        'try: writer.append([b\'{"n":"refused"}\'])\n'
        "except OSError: pass\n"
        "else: raise AssertionError('synced')\n"
        'for n in range(6): writer.append([b\'{"n":%d,"pad":""}\' % n])\n'
        "assert writer.durable == 6\n"
    )
    inject = ("-e", "trace=fdatasync", "-e", "inject=fdatasync:error=EIO:when=1..2", "-o", os.devnull)
    subprocess.run(["strace", *inject, sys.executable, "-c", program], cwd=tmp_path, check=True, timeout=60)
    folder = Folder(tmp_path / "journal")
    assert read_all(folder) == (lines(6), 0)
    folder.close()


def test_without_descriptors_events_wait(tmp_path: Path) -> None:
    """EMFILE when the journal, the sink and the cursor are to be opened: later all is delivered."""
    run_program(
        "import os, resource, taximeter, time\n"
        "soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)\n"
        "tracker = taximeter.start('usage.db', 'events.ndjson', journal='journal', close_timeout_s=15)\n"
        "event = taximeter.TaskCompletionEvent\n"
        "assert tracker.track_task_completion(event(model='first')); assert tracker.flush(10).complete\n"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (len(os.listdir('/proc/self/fd')) - 1, hard))\n"
        "os.rename('events.ndjson', 'events.1')  # it has to be opened anew, and cannot\n"
        "for n in range(100): assert tracker.track_task_completion(event(model=str(n)))\n"
        "assert not tracker.flush(0.5).complete\n"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))\n"
        "receipt = tracker.close()\n"
        "assert receipt.complete and receipt.tracked == 101, receipt\n",
        tmp_path,
        timeout_s=60,
    )
    assert sum(path.read_bytes().count(b"\n") for path in tmp_path.glob("events*")) == 101


def test_a_limit_on_file_sizes_costs_nothing(tmp_path: Path) -> None:
    """EFBIG, and the short writes before it: a line is whole or not there, in journal and file."""
    program = (
        "import resource, signal, taximeter\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        f"resource.setrlimit(resource.RLIMIT_FSIZE, (10_001, {resource.RLIM_INFINITY}))\n"
        "with taximeter.start('events.ndjson', journal='journal', carry=False, write_through=True) as tracker:\n"
        "    for n in range(200): assert tracker.track_task_completion(taximeter.TaskCompletionEvent(model=str(n)))\n"
    )
    run_program(program, tmp_path)
    taximeter.start(tmp_path / "events.ndjson", journal=tmp_path / "journal").close()
    arrived = [json.loads(each)["model"] for each in (tmp_path / "events.ndjson").read_bytes().splitlines()]
    assert arrived == [str(n) for n in range(200)]


def test_the_lock_decides_and_not_the_process_number(tmp_path: Path) -> None:
    """A segment whose recorded process number is that of a living process is an orphan all the same, and the reverse."""
    folder = Folder(tmp_path / "journal")
    living, dead = writer_in(folder), writer_in(folder)  # both record our own number
    living.append(lines(2))
    dead.append(lines(2, 2))
    dead.close()
    with taximeter.start(tmp_path / "events.ndjson", journal=tmp_path / "journal") as tracker:
        tracker.flush()
    assert sorted((tmp_path / "events.ndjson").read_bytes().splitlines()) == lines(4)
    left = [path.name for path in (tmp_path / "journal").glob("*.segment")]
    assert [name.partition("-")[0] for name in left] == [living.name]
    living.append([line(4)])
    living.close()
    assert_conserved(folder)
    folder.close()
