"""The ledger says where every event is, also while somebody moves them."""

from pathlib import Path

from journal_samples import ListWay, carry_all, line, writer_in
from taximeter.event import TaskCompletionEvent, encode_event
from taximeter.identifier import new_event_id
from taximeter.journal.folder import Folder
from taximeter.journal.health import folder_health
from taximeter.journal.ledger import SinkLedger, ledger_now, read_ledger

HOUR_S = 3600


def test_it_is_exact_while_segments_are_deleted(tmp_path: Path) -> None:
    """What a carrier delivers and unlinks between two looks is neither missing nor damaged."""
    folder = Folder(tmp_path / "journal")
    writer = writer_in(folder, segment_bytes=300)
    writer.append([line(0)])
    carry_all(folder, ListWay("sink"))
    for n in range(1, 30):
        writer.append([line(n)])
    writer.close()

    class Overtaken(Folder):
        def read(self, name: str) -> bytes:
            """Read a cursor that is out of date as soon as it is read."""
            data = super().read(name)
            carry_all(folder, ListWay("sink"))
            return data

    ledger = ledger_now(Overtaken(folder.path), "sink")
    assert (ledger.tracked, ledger.delivered, ledger.pending, ledger.dropped) == (30, 30, 0, {})


def made_at(folder: Folder, age_s: int) -> None:
    event_id = new_event_id(1_700_000_000_000_000_000 - age_s * 10**9)
    writer_in(folder).append([encode_event(TaskCompletionEvent(event_id=event_id))])


def test_it_says_since_when_a_backlog_stands_still(tmp_path: Path) -> None:
    """Since the oldest event that is pending was made, or since the last delivery."""
    folder = Folder(tmp_path / "journal")
    made_at(folder, 5)
    made_at(folder, 9)
    before = read_ledger(folder, ["sink"])["sink"]
    assert before.stands_since_us == 1_700_000_000_000_000 - 9_000_000
    carry_all(folder, ListWay("sink"))
    assert read_ledger(folder)["sink"].stands_since_us is None
    made_at(folder, 9)
    after = read_ledger(folder)["sink"].stands_since_us
    assert after is not None
    assert after > 1_700_000_000_000_000, "delivered a moment ago"


def problems(ledger: SinkLedger, stalled_after_s: float = HOUR_S) -> list[str]:
    return [
        problem.what for problem in folder_health({"sink": ledger}, stalled_after_s=stalled_after_s).problems
    ]


def test_health_of_a_folder() -> None:
    """Bad where something is pending that does not move, or whose sink fails; nothing pending is good health."""
    pending = {"tracked": 2, "delivered": 1, "pending": 1, "dropped": {}}
    assert problems(SinkLedger(**pending)) == []  # type: ignore[arg-type]  # all are fields
    assert problems(SinkLedger(**pending, stands_since_us=1)) == ["backlog_stalled"]  # type: ignore[arg-type]  # as above
    assert problems(SinkLedger(**pending, breaker="denied")) == ["access_denied"]  # type: ignore[arg-type]  # as above
    assert problems(SinkLedger(**pending, breaker="open")) == ["breaker_open"]  # type: ignore[arg-type]  # as above
    done = SinkLedger(tracked=1, delivered=1, pending=0, dropped={}, breaker="open")
    assert problems(done) == []
