"""The carrier: every event to every sink, the cursor behind it, and only then the segment gone."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread
import pytest

from journal_samples import (
    ListWay,
    assert_conserved,
    carrier_to,
    carry_all,
    line,
    lines,
    segment_paths,
    writer_in,
)
from taximeter.delivery import Delivery
from taximeter.journal.cursor import (
    Account,
    Cursor,
    Position,
    load_cursor,
    peek_cursor,
    save_cursor,
    sinks_of,
)
from taximeter.journal.folder import CARRIER_LOCK, Folder, Lock
from taximeter.journal.ledger import read_ledger
from taximeter.journal.segment import SegmentName, new_writer_name
from taximeter.journal.tidying import tidy
from taximeter.sinks.batch import Batch

TESTS = Path(__file__).parent.parent


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path / "journal")


def test_everything_comes_to_every_sink(folder: Folder) -> None:
    """In order, in batches of the size asked for, and nothing stays behind."""
    writer = writer_in(folder, segment_bytes=1000)
    for n in range(100):
        writer.append([line(n)])
    writer.close()
    one, other = ListWay("one"), ListWay("other", failures=3)
    carry_all(folder, one, other, batch_max_events=30)
    assert one.lines == other.lines == lines(100)
    assert [len(batch) for batch in one.batches] == [30, 30, 30, 10]
    assert segment_paths(folder.path) == []
    assert {sink: ledger.delivered for sink, ledger in read_ledger(folder).items()} == {
        "one": 100,
        "other": 100,
    }


def test_batches_hold_the_events_of_several_writers(folder: Folder) -> None:
    """Many processes with few events each still make full batches."""
    for n in range(10):
        writer_in(folder).append([line(n)])
    way = ListWay()
    carry_all(folder, way)
    assert [len(batch) for batch in way.batches] == [10]
    assert sorted(way.lines) == sorted(lines(10))


def test_a_segment_that_is_written_is_not_deleted(folder: Folder) -> None:
    """Its lock says that the writer lives; delivered it is all the same."""
    writer = writer_in(folder)
    writer.append(lines(2))
    way = ListWay()
    carry_all(folder, way)
    assert way.lines == lines(2)
    assert len(segment_paths(folder.path)) == 1
    writer.append(lines(1, 2))
    writer.close()
    carry_all(folder, way)
    assert way.lines == lines(3)
    assert segment_paths(folder.path) == []


def test_a_segment_that_is_written_after_it_was_looked_at_stays(tmp_path: Path) -> None:
    """A new one is empty and not locked for a moment; what its writer puts in later is not deleted with it."""

    class Interrupted(Folder):
        """Lets the writer go on while the cursor is saved, which is after the look and before the deletion."""

        def replace(self, name: str, data: bytes, *, sync: bool) -> None:
            super().replace(name, data, sync=sync)
            (self.path / str(fresh)).write_bytes(b"written by now")

    fresh = SegmentName(new_writer_name(), 2)
    (tmp_path / "journal").mkdir(0o700)
    (tmp_path / "journal" / str(fresh)).touch(0o600)
    folder = Interrupted(tmp_path / "journal")
    cursor = Cursor("list", accounts={fresh.writer: Account(position=Position(2, 0, 0))})
    tidy(folder, [cursor], retention_s=60, sync=False)
    assert folder.read(str(fresh)) == b"written by now"
    folder.close()


def test_a_segment_stays_for_the_slowest_sink(folder: Folder) -> None:
    """It is deleted when the last sink has it, even one that is not delivered to today."""
    writer = writer_in(folder)
    writer.append(lines(2))
    carry_all(folder, ListWay("slow"))
    writer.append(lines(2, 2))
    writer.close()
    carry_all(folder, ListWay("fast"))
    assert len(segment_paths(folder.path)) == 1
    slow = ListWay("slow")
    carry_all(folder, slow)
    assert slow.lines == lines(2, 2)
    assert segment_paths(folder.path) == []


def test_a_sink_forgotten_for_long_keeps_nothing(folder: Folder) -> None:
    """After the retention its cursor is renamed, and the segments go."""
    writer = writer_in(folder)
    writer.append(lines(2))
    carry_all(folder, ListWay("gone"))
    writer.append(lines(2, 2))
    writer.close()
    os.utime(folder.path / "gone.cursor", (0, 0))
    carry_all(folder, ListWay("here"), retention_s=60)
    assert segment_paths(folder.path) == []
    assert (folder.path / "gone.cursor.expired").exists()


def test_the_cursor_is_on_disk_before_a_segment_goes(folder: Folder) -> None:
    """Where no cursor can be saved no segment is deleted; a crash then would make a loss of what was delivered."""
    writer = writer_in(folder, segment_bytes=1000)
    for n in range(50):
        writer.append([line(n)])
    writer.close()
    before = segment_paths(folder.path)
    (folder.path / "list.cursor.new").mkdir()  # no cursor can be saved now
    way = ListWay()
    carry_all(folder, way)
    assert way.lines == lines(50)
    assert segment_paths(folder.path) == before
    (folder.path / "list.cursor.new").rmdir()
    again = ListWay()
    carry_all(folder, again)
    assert again.lines == lines(50)  # a duplicate is allowed there, a loss never
    assert segment_paths(folder.path) == []
    assert_conserved(folder)


def test_a_batch_stays_the_same_until_it_is_settled(folder: Folder) -> None:
    """Every attempt offers the same frozen batch, whatever is appended meanwhile."""
    writer = writer_in(folder)
    writer.append(lines(2))
    offered: list[Batch] = []
    third = anyio.Event()

    class Appending(ListWay):
        async def write(self, delivery: Delivery, /) -> str | None:
            offered.append(delivery.piece)
            writer.append(lines(1, 1 + len(offered)))
            if len(offered) > 2:
                third.set()
            return "sink_failed"

    carrier = carrier_to(folder, [Appending()])

    async def three_attempts() -> None:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(carrier.run)
            await third.wait()
            tasks.cancel_scope.cancel()

    anyio.run(three_attempts)
    assert offered[0] is offered[1] is offered[2]
    assert list(offered[0].lines) == lines(2)


def test_a_cancelled_delivery_is_delivered_again(folder: Folder) -> None:
    """At the deadline of a close what is not confirmed stays pending, and the lock is free."""
    writer_in(folder).append(lines(3))

    class Hanging(ListWay):
        async def write(self, _delivery: Delivery, /) -> str | None:
            await anyio.sleep_forever()
            return None

    carrier = carrier_to(folder, [Hanging()])

    async def until_deadline() -> None:
        with anyio.move_on_after(0.01):
            await carrier.run()

    anyio.run(until_deadline)
    assert read_ledger(folder, ["list"])["list"].pending == 3
    way = ListWay()
    carry_all(folder, way)
    assert way.lines == lines(3)


def test_a_sink_that_never_took_anything_stands_in_the_ledger(folder: Folder) -> None:
    """From the moment it is carried to; or nobody would see that its backlog stands still."""
    writer_in(folder).append(lines(3))

    class Looking(ListWay):
        async def write(self, delivery: Delivery, /) -> str | None:
            assert sinks_of(folder) == ["list"]
            return await super().write(delivery)

    carry_all(folder, Looking())


def test_damage_is_counted_and_set_aside(folder: Folder) -> None:
    """Everything else is delivered, the segment goes to the quarantine whole, and conservation holds."""
    writer = writer_in(folder, segment_bytes=1000)
    for n in range(60):
        writer.append([line(n)])
    writer.close()
    victim = segment_paths(folder.path)[1]
    data = bytearray(victim.read_bytes())
    data[200] ^= 1
    victim.write_bytes(data)
    way = ListWay()
    carry_all(folder, way)
    ledger = read_ledger(folder)["list"]
    assert (ledger.tracked, ledger.delivered, ledger.pending) == (60, 59, 0)
    assert ledger.dropped == {"journal_damaged": 1}
    assert [path.name for path in (folder.path / "quarantine").iterdir()] == [victim.name]
    assert (folder.path / "quarantine" / victim.name).read_bytes() == data


def test_nothing_unknown_is_touched(folder: Folder) -> None:
    """Files of other names, and strangers of a segment's name, stay."""
    (folder.path / "notes.txt").write_bytes(b"precious")
    stranger = folder.path / f"{'0' * 32}-000001.segment"
    stranger.write_bytes(b"precious too")
    writer_in(folder).append(lines(1))
    way = ListWay()
    carry_all(folder, way)
    assert way.lines == lines(1)
    assert (folder.path / "notes.txt").read_bytes() == b"precious"
    kept = list(folder.path.rglob(stranger.name))
    assert [path.read_bytes() for path in kept] == [b"precious too"]


def test_refusals_stand_in_the_ledger(folder: Folder) -> None:
    """What a process says it refused is part of what was tracked, as it last said."""
    writer = writer_in(folder)
    writer.append(lines(2))
    writer.note_losses({"queue_full": 3})
    assert read_ledger(folder, ["list"])["list"].tracked == 5
    writer.note_losses({"queue_full": 4})
    carry_all(folder, ListWay())
    writer.note_losses({"queue_full": 5, "too_large": 1})
    ledger = read_ledger(folder)["list"]
    assert (ledger.tracked, ledger.delivered, ledger.pending) == (8, 2, 0)
    assert ledger.dropped == {"queue_full": 5, "too_large": 1}
    assert ledger.is_conserved


def test_the_ledger_outlives_the_writers(folder: Folder) -> None:
    """A writer that ended is forgotten after a while; its counts are not."""
    for start in (0, 10):
        writer = writer_in(folder)
        writer.append(lines(10, start))
        writer.note_losses({"queue_full": 1})
        writer.close()
        carry_all(folder, ListWay())
    cursor = load_cursor(folder, "list")
    for account in cursor.accounts.values():
        account.done_at_us = 1
    tidy(folder, [cursor], retention_s=60, sync=False)
    save_cursor(folder, cursor)
    assert peek_cursor(folder, "list").accounts == {}
    ledger = read_ledger(folder)["list"]
    assert (ledger.tracked, ledger.delivered, ledger.dropped) == (22, 20, {"queue_full": 2})


def test_one_carries_at_a_time(folder: Folder) -> None:
    """While the lock is somebody's, nothing is delivered here, and finishing does not wait for it."""
    writer_in(folder).append(lines(1))
    lock = Lock(folder, CARRIER_LOCK)
    assert lock.acquire()
    way = ListWay()
    carry_all(folder, way)
    assert way.lines == []
    lock.release()
    carry_all(folder, way)
    assert way.lines == lines(1)


CARRIER_PROGRAM = """
import sys, anyio, threading
from pathlib import Path
from journal_samples import ListWay, carrier_to
from taximeter.journal.folder import Folder

class Printing(ListWay):
    async def write(self, delivery):
        for line in delivery.batch.lines:
            sys.stdout.write(line.decode() + "\\n")
        sys.stdout.flush()
        delivery.take()

anyio.run(carrier_to(Folder(sys.argv[1]), [Printing()]).run)
"""


def carrier_process(folder: Folder) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        [sys.executable, "-W", "error", "-c", CARRIER_PROGRAM, str(folder.path)],
        cwd=TESTS,
        stdout=subprocess.PIPE,
    )


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM])
def test_another_process_takes_over_within_two_seconds(folder: Folder, end: signal.Signals) -> None:
    """When the carrier dies, in whatever way, the next one holds the lock and delivers what is left."""
    writer = writer_in(folder)
    writer.append(lines(1))
    with carrier_process(folder) as first:
        assert first.stdout is not None
        assert first.stdout.readline().strip() == line(0)
        way, carrier = delivered_here(folder)
        with carrier:
            assert way.lines == []
            first.send_signal(end)
            first.wait()
            died = time.monotonic()
            writer.append(lines(1, 1))
            while line(1) not in way.lines:
                assert time.monotonic() - died < 2
                time.sleep(0.005)


class delivered_here:  # noqa: N801 - reads as a call
    """A carrier in a thread of this process, until the block ends."""

    def __init__(self, folder: Folder) -> None:
        self.way = ListWay()
        self.carrier = carrier_to(folder, [self.way])
        self.thread = threading.Thread(target=anyio.run, args=(self.run,))
        self.stop = threading.Event()

    def __iter__(self) -> Any:
        return iter((self.way, self))

    async def run(self) -> None:
        """Carry until the block ends."""
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self.carrier.run)
            await anyio.to_thread.run_sync(self.stop.wait)
            tasks.cancel_scope.cancel()

    def __enter__(self) -> None:
        self.thread.start()

    def __exit__(self, *_: object) -> None:
        self.stop.set()
        self.thread.join()
