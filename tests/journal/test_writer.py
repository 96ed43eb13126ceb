"""The writer: appends all or nothing, within its bounds, and says what is written."""

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from journal_samples import (
    ListWay,
    carry_all,
    descriptors,
    line,
    lines,
    read_all,
    segment_paths,
    writer_in,
)
from taximeter.journal.folder import Folder
from taximeter.journal.recovery import verify
from taximeter.journal.sync import Sync
from taximeter.journal.writer import JournalFullError, Writer, folder_bytes, largest_event_bytes


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path / "journal")


def test_what_is_appended_can_be_read(folder: Folder) -> None:
    """In order, across segments, while the writer lives."""
    writer = writer_in(folder, segment_bytes=1000)
    for n in range(100):
        writer.append([line(n)])
    assert read_all(folder) == (lines(100), 0)
    assert len(segment_paths(folder.path)) > 3
    assert max(path.stat().st_size for path in segment_paths(folder.path)) <= 1000
    assert (writer.journaled, writer.durable) == (100, 0)


def test_durable_events_are_counted_as_such(folder: Folder) -> None:
    """With sync, `append` returns when they are on the disk."""
    writer = writer_in(folder, sync=Sync.DURABLE)
    writer.append(lines(3))
    assert (writer.journaled, writer.durable) == (3, 3)


def test_the_bound_of_the_folder_is_exact(folder: Folder) -> None:
    """What does not fit is refused, and fits once there is room."""
    writer = writer_in(folder, segment_bytes=4096, max_bytes=3 * 4096)
    written = fill(writer)
    assert writer.journaled == written
    assert folder_bytes(folder) <= 3 * 4096
    assert len(segment_paths(folder.path)) == 3
    way = ListWay()
    carry_all(folder, way)
    assert way.lines == [line(n, 100) for n in range(written)]
    writer.append([line(written)])
    assert writer.journaled == written + 1


def fill(writer: Writer) -> int:
    """Append until there is no room; return how many events were taken."""
    for n in range(10_000):
        try:
            writer.append([line(n, 100)])
        except JournalFullError:
            return n
    raise AssertionError("never full")


def test_two_writers_share_the_bound(folder: Folder) -> None:
    """Each segment that is still written counts as if it were full, so that the sum stays under the bound."""
    one, other, third = (writer_in(folder, segment_bytes=4096, max_bytes=2 * 4096 + 1000) for _ in range(3))
    one.append([line(0)])
    other.append([line(0)])
    with pytest.raises(JournalFullError):
        third.append([line(0)])
    for writer in (one, other):
        fill(writer)
    assert folder_bytes(folder) <= 2 * 4096 + 1000


def test_an_event_larger_than_a_segment_is_refused(folder: Folder) -> None:
    """The largest that fits is known beforehand."""
    writer = writer_in(folder, segment_bytes=4096)
    writer.append([b"x" * largest_event_bytes(4096)])
    with pytest.raises(JournalFullError):
        writer.append([b"x" * 4096])


def test_threads_lose_nothing_to_each_other(folder: Folder) -> None:
    """Every event once, each thread's in its order."""
    writer = writer_in(folder)

    def work(thread: int) -> None:
        for n in range(200):
            writer.append([line(thread * 1000 + n)])

    threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found, missing = read_all(folder)
    assert (len(found), missing) == (1600, 0)
    for thread_number in range(8):
        mine = lines(200, thread_number * 1000)
        assert [each for each in found if each in set(mine)] == mine


def test_a_reader_in_the_way_of_a_new_segment_refuses_nothing(folder: Folder) -> None:
    """Whoever finds a segment before its writer has locked it makes the writer take the next one."""
    stop = threading.Event()

    def look() -> None:
        while not stop.is_set():
            folder_bytes(folder)  # locks every segment for a moment, to see whether its writer lives

    readers = [threading.Thread(target=look) for _ in range(3)]
    for reader in readers:
        reader.start()
    try:
        for n in range(150):
            writer = writer_in(folder)
            writer.append([line(n)])
            writer.close()
            for path in segment_paths(folder.path)[:-3]:
                path.unlink()
    finally:
        stop.set()
        for reader in readers:
            reader.join()


def test_closing_lets_go_of_every_file(folder: Folder) -> None:
    """No descriptor is left, whatever was written."""
    before = descriptors()
    writer = writer_in(folder, segment_bytes=1000)
    for n in range(50):
        writer.append([line(n)])
    writer.close()
    assert descriptors() == before
    assert not any(segment.is_live for segment in verify(folder).segments)


def test_a_file_size_limit_begins_a_new_segment(tmp_path: Path) -> None:
    """Where the system lets no file grow as large as a segment, segments are smaller and nothing is lost."""
    code = (
        "import resource, sys\n"
        "from journal_samples import ListWay, carry_all, line, read_all, segment_paths, writer_in\n"
        "from taximeter.journal.folder import Folder\n"
        "folder = Folder(sys.argv[1])\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (70_000, resource.RLIM_INFINITY))\n"
        "writer = writer_in(folder, segment_bytes=1 << 20)\n"
        "for n in range(1000):\n"
        "    writer.append([line(n, 200)])\n"
        "assert read_all(folder) == ([line(n, 200) for n in range(1000)], 0)\n"
        "assert len(segment_paths(folder.path)) >= 3\n"
    )
    run_in_tests(code, tmp_path / "journal")


def run_in_tests(code: str, *arguments: object) -> str:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code, *map(str, arguments)],
        cwd=Path(__file__).parent.parent,
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small disk needs root")
@pytest.mark.parametrize("sync", ["journaled", "durable"])
def test_a_full_disk_refuses_and_recovers(tmp_path: Path, sync: str) -> None:
    """On a disk of 1 MiB: no refused event is half there, the backlog drains while it is full, and then goes on."""
    disk = tmp_path / "disk"
    disk.mkdir()
    code = (
        "import subprocess, sys\n"
        "from pathlib import Path\n"
        "from taximeter.journal.ledger import read_ledger\n"
        "from taximeter.journal.sync import Sync\n"
        "from journal_samples import ListWay, carry_all, line, read_all, segment_paths, writer_in\n"
        "from taximeter.journal.folder import Folder\n"
        "path = Path(sys.argv[1])\n"
        "subprocess.run(['mount', '-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', path], check=True)\n"
        "folder = Folder(path / 'journal')\n"
        "writer = writer_in(folder, segment_bytes=100_000, sync=Sync(sys.argv[2]))\n"
        "kept, way = [], ListWay()\n"
        "def fill(start):\n"
        "    for n in range(start, start + 5000):\n"
        "        try:\n"
        "            writer.append([line(n, 777)])\n"
        "        except OSError as error:\n"
        "            assert error.errno == 28, error\n"
        "            return\n"
        "        kept.append(line(n, 777))\n"
        "    raise AssertionError('never full')\n"
        "for start in (0, 10_000, 20_000):\n"
        "    fill(start)\n"
        "    filler = open(path / 'filler', 'ab', buffering=0)\n"
        "    try:\n"
        "        while True: filler.write(bytes(512))\n"
        "    except OSError: pass\n"
        "    carry_all(folder, way)\n"
        "    assert way.lines == kept\n"
        "    assert read_ledger(folder)['list'].is_conserved\n"
        "    assert not segment_paths(folder.path)\n"  # the last one may be all the room that there will be
        "    filler.truncate(0)\n"
        "    filler.close()\n"
        "assert len(kept) > 2000, len(kept)\n"
        "assert not folder.has('quarantine')\n"
    )
    done = subprocess.run(
        ["unshare", "-m", sys.executable, "-W", "error", "-c", code, disk, sync],
        cwd=Path(__file__).parent.parent,
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
