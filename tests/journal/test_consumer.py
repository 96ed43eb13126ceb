"""A consumer's cursor counts what became of each event, whoever wrote it."""

from pathlib import Path

import pytest

from journal_samples import line, lines, writer_in
from taximeter.journal.consumer import Consumer
from taximeter.journal.cursor import peek_cursor
from taximeter.journal.folder import Folder
from taximeter.journal.ledger import read_ledger


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path / "journal")


def consumer_of(folder: Folder) -> Consumer:
    return Consumer(folder, "sink", batch_max_events=100, batch_max_bytes=1 << 20, batch_max_age_s=0.0)


def test_a_mixed_result_is_counted_for_each_writer(folder: Folder) -> None:
    """Refused events by reason, the others as delivered; saved together with the position."""
    writers = [writer_in(folder), writer_in(folder)]
    for writer, start in zip(writers, (0, 10), strict=True):
        writer.append(lines(5, start))
    consumer = consumer_of(folder)
    batch = consumer.next_batch()
    assert batch is not None
    refused = {batch.lines.index(line(n)): reason for n, reason in ((1, "a"), (4, "b"), (10, "a"))}
    consumer.settle(refused)
    accounts = peek_cursor(folder, "sink").accounts
    assert [accounts[writer.name].delivered for writer in writers] == [3, 4]
    assert [accounts[writer.name].dropped for writer in writers] == [{"a": 1, "b": 1}, {"a": 1}]
    ledger = read_ledger(folder)["sink"]
    assert (ledger.tracked, ledger.delivered, ledger.dropped) == (10, 7, {"a": 2, "b": 1})


def test_a_sinks_reason_may_be_a_word_of_ours(folder: Folder) -> None:
    """Both count."""
    writer = writer_in(folder, segment_bytes=600)
    for n in range(30):
        writer.append([line(n)])
    writer.close()
    victim = min(folder.path.glob("*.segment"))
    data = bytearray(victim.read_bytes())
    data[-5] ^= 1
    victim.write_bytes(data)
    consumer = consumer_of(folder)
    consumer.next_batch()
    consumer.settle({0: "journal_damaged"})
    ledger = read_ledger(folder)["sink"]
    assert ledger.is_conserved
    assert (ledger.tracked, ledger.delivered, ledger.dropped) == (30, 28, {"journal_damaged": 2})


def test_it_notes_when_the_backlog_moved_and_how_the_sink_stands(folder: Folder) -> None:
    """What is refused whole is no movement."""
    writer = writer_in(folder)
    writer.append(lines(2))
    consumer = consumer_of(folder)
    consumer.next_batch()
    consumer.settle({0: "a", 1: "a"})
    assert peek_cursor(folder, "sink").moved_at_us == 0
    writer.append(lines(1, 2))
    consumer.next_batch()
    consumer.settle()
    assert peek_cursor(folder, "sink").moved_at_us > 0
    consumer.note("open", "OSError")
    cursor = peek_cursor(folder, "sink")
    assert (cursor.breaker, cursor.last_error) == ("open", "OSError")
