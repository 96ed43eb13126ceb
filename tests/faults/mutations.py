"""Take away one guard of the journal at a time: `make mutations` shows which test misses it.

Each mutation is made in a copy of the source; it fails here when no test fails there.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import msgspec
import pytest

ROOT = Path(__file__).parent.parent.parent


class Mutation(msgspec.Struct, frozen=True):
    """A guard, what it looks like without it, and the test that must miss it."""

    guard: str
    path: str
    old: str
    new: str
    test: str


_JOURNAL = "taximeter/journal"
MUTATIONS = (
    Mutation(
        "the fdatasync",
        f"{_JOURNAL}/segment.py",
        "os.fdatasync(self._descriptor)",
        "pass",
        "tests/faults/test_faults.py::test_promises_hold[power]",
    ),
    Mutation(
        "the cursor before the unlink",
        f"{_JOURNAL}/tidying.py",
        "        for cursor in cursors:\n            save_cursor(folder, cursor, sync=sync)\n",
        "",
        "tests/journal/test_carrier.py::test_the_cursor_is_on_disk_before_a_segment_goes",
    ),
    Mutation(
        "the checksum",
        f"{_JOURNAL}/frame.py",
        "!= expected or kind",
        "== -1 or kind",
        "tests/journal/test_frame.py::test_a_flipped_bit_costs_one_frame",
    ),
    Mutation(
        "the look at the process id",
        "taximeter/tracker.py",
        "if not self._mark[0] or self._pid != os.getpid():",
        "if False:",
        "tests/test_journal_outlet.py::test_forked_children_write_segments_of_their_own",
    ),
    Mutation(
        "the wait of a fork for a transaction",
        "taximeter/unforked.py",
        "before=_wait_for_all, ",
        "",
        "tests/faults/test_forks.py::test_a_fork_in_the_middle_of_a_transaction_leaves_the_child_a_database_to_write_to",
    ),
    Mutation(
        "the lock of a living writer",
        f"{_JOURNAL}/tidying.py",
        "    if not try_lock(descriptor):\n        return False\n",
        "",
        "tests/journal/test_carrier.py::test_a_segment_that_is_written_is_not_deleted",
    ),
    Mutation(
        "the truncation after a short write",
        f"{_JOURNAL}/segment.py",
        "os.ftruncate(self._descriptor, self.size_bytes)",
        "pass",
        "tests/journal/test_writer.py::test_a_full_disk_refuses_and_recovers",
    ),
    Mutation(
        "the check whether we interrupted ourselves",
        f"{_JOURNAL}/writer.py",
        "            if self._busy:\n                return False\n",
        "",
        "tests/test_journal_outlet.py::test_write_through_inside_a_write",
    ),
    Mutation(
        "the room that living writers may still take",
        f"{_JOURNAL}/writer.py",
        "max(size_bytes, live_bytes) if is_live(descriptor) else size_bytes",
        "size_bytes",
        "tests/journal/test_writer.py::test_two_writers_share_the_bound",
    ),
    Mutation(
        "the lock while a segment is deleted",
        f"{_JOURNAL}/tidying.py",
        "        if not _is_behind(descriptor, name, positions):\n            return\n",
        "",
        "tests/journal/test_carrier.py::test_a_segment_that_is_written_after_it_was_looked_at_stays",
    ),
    Mutation(
        "the new segment after a failed sync",
        f"{_JOURNAL}/writer.py",
        "            self._end_segment()\n            self._write(self._begin_segment(sequence, len(data)), data)\n",
        "            self._write(segment, data)\n",
        "tests/faults/test_disks.py::test_a_sync_that_fails_is_not_tried_again_on_the_same_file",
    ),
    Mutation(
        "the page that the kernel wipes in a child",
        "taximeter/fork.py",
        "        page.madvise(_MADV_WIPEONFORK)\n",
        "",
        "tests/faults/test_forks.py::test_a_c_librarys_fork_keeps_to_its_own_journal",
    ),
    Mutation(
        "the scrubbing of secrets",
        "taximeter/encoding.py",
        "event if scrubber is None else scrubber.event(event)",
        "event",
        "tests/faults/test_secrets.py::test_no_byte_of_a_key_leaves_memory",
    ),
    Mutation(
        "the refusal of links in the place of our files",
        "taximeter/private_file.py",
        "    if not is_plain and not stat.S_ISCHR(status.st_mode):\n",
        "    if False:\n",
        "tests/faults/test_files.py::test_what_is_planted_is_neither_followed_nor_filled",
    ),
    Mutation(
        "the deadline of the end",
        "taximeter/tracker.py",
        "        timeout_s = self._policy.close_timeout_s",
        "        timeout_s = 60.0",
        "tests/faults/test_exits.py::test_a_program_ends_in_time_and_loses_nothing_journaled",
    ),
    Mutation(
        "the numbers of the events",
        f"{_JOURNAL}/reader.py",
        "missing += max(frame.sequence - sequence, 0)",
        "pass",
        "tests/journal/test_reader.py::test_a_missing_segment_is_counted",
    ),
    Mutation(
        "what a server says in Retry-After",
        "taximeter/sinks/http_answer.py",
        ", retry_after_s=retry_after_s(answer.retry_after, time())",
        "",
        "tests/sinks/test_http_answer.py::test_a_server_that_is_busy_or_down",
    ),
    Mutation(
        "the count of a result's events",
        "taximeter/sinks/http_answer.py",
        "if told != len(lines) or",
        "if",
        "tests/sinks/test_http_answer.py::test_a_result_that_cannot_be_believed_is_asked_for_again",
    ),
    Mutation(
        "the order of storing and answering",
        "taximeter/sinks/sqlite.py",
        '                connection.execute("COMMIT")\n            except BaseException:\n                self',
        "            except BaseException:\n                self",
        "tests/web/test_intake.py::test_events_are_stored_before_the_result_is_there",
    ),
    Mutation(
        "the wait that a sink asks for (Retry-After)",
        "taximeter/courier.py",
        "self._fail(describe(error), error.retry_after_s)",
        "self._fail(describe(error))",
        "tests/test_courier.py::test_it_waits_as_long_as_the_sink_asks_for",
    ),
    Mutation(
        "the halving of a refused batch",
        "taximeter/delivery.py",
        "        if not middle:\n            return self.take({0: reason})\n",
        "        if True:\n            return self.take(dict.fromkeys(range(len(piece)), reason))\n",
        "tests/contract/test_delivery.py::test_413_does_not_drop_a_whole_batch",
    ),
    Mutation(
        "the pause when access is denied",
        "taximeter/courier.py",
        "self._breaker.deny(anyio.current_time())",
        "self._breaker.fail(anyio.current_time())",
        "tests/test_lane.py::test_a_sink_that_denies_access_keeps_its_backlog_to_the_bound",
    ),
    Mutation(
        "the count of what a sink refuses of a batch",
        f"{_JOURNAL}/consumer.py",
        "self._pass(passage, Counter(refused[place] for place in range(start, end) if place in refused))",
        "self._pass(passage, Counter())",
        "tests/journal/test_consumer.py::test_a_mixed_result_is_counted_for_each_writer",
    ),
    Mutation(
        "the second look at the cursor",
        f"{_JOURNAL}/ledger.py",
        "if cursor.total() == before.total():",
        "if True:",
        "tests/journal/test_ledger.py::test_it_is_exact_while_segments_are_deleted",
    ),
)


def survives(mutation: Mutation) -> bool:
    """Whether the test passes without the guard."""
    with tempfile.TemporaryDirectory() as folder:
        shutil.copytree(ROOT / "src", folder, dirs_exist_ok=True)
        path = Path(folder, mutation.path)
        text = path.read_text()
        if mutation.old not in text:
            raise LookupError(f"{mutation.guard} is not where it was: {mutation.path}")
        path.write_text(text.replace(mutation.old, mutation.new))
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", mutation.test],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": folder},
            check=False,
            capture_output=True,
            timeout=300,
        )
    if done.returncode not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED):
        raise RuntimeError(f"{mutation.test} could not be run: {done.stdout.decode()}")
    return done.returncode == pytest.ExitCode.OK


def main() -> int:
    """Print a line a mutation; return how many no test noticed."""
    unnoticed = 0
    for mutation in MUTATIONS:
        alive = survives(mutation)
        unnoticed += alive
        print(
            f"without {mutation.guard}: {'NOT NOTICED by' if alive else 'missed by'} {mutation.test}",
            flush=True,
        )
    return unnoticed


if __name__ == "__main__":
    sys.exit(main())
