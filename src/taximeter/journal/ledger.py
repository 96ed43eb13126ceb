"""Ledger: what became of every event of a folder, per sink, read from its cursors and segments."""

from collections.abc import Iterable
from pathlib import Path

import msgspec

from taximeter.identifier import time_of_id_us
from taximeter.journal.cursor import Account, Cursor, add, peek_cursor, sinks_of
from taximeter.journal.folder import Folder
from taximeter.journal.reader import Passage, read_passage
from taximeter.journal.segment import segments_of

DAMAGED = "journal_damaged"

_SCAN_EVENTS = 1000
_MOST_READINGS = 20


class SinkLedger(msgspec.Struct, frozen=True, kw_only=True):
    """The counts of one sink: `tracked == delivered + pending + sum(dropped.values())`."""

    tracked: int
    """Events written to the journal, and those that their processes said they had refused."""
    delivered: int
    pending: int
    dropped: dict[str, int]
    """By reason; the same refusals stand in the ledger of every sink."""
    stands_since_us: int | None = None
    """Since when events are pending and none has been delivered; None where nothing is pending."""
    breaker: str = "closed"
    """How the sink stood when the carrier last saw a change, see `SinkReceipt.breaker`."""
    last_error: str | None = None
    """What its last failure was then."""

    @property
    def is_conserved(self) -> bool:
        """Whether every event is in exactly one of the counts."""
        return self.tracked == self.delivered + self.pending + sum(self.dropped.values())


def read_ledger(folder: Folder, sinks: Iterable[str] = ()) -> dict[str, SinkLedger]:
    """Return the ledger of each sink that has a cursor, and of those named, from what is on disk.

    Reads all that is pending, so it takes about a second per gigabyte.
    """
    names = dict.fromkeys((*sinks, *sinks_of(folder)))
    return {sink: ledger_now(folder, sink) for sink in names}


def ledger_now(folder: Folder, sink: str) -> SinkLedger:
    """Return the ledger of a sink, which may have no cursor yet.

    It is read until the cursor has not moved meanwhile: a segment that goes with it would seem to be missing.
    """
    cursor = peek_cursor(folder, sink)
    for _ in range(_MOST_READINGS):
        before, ledger = cursor, ledger_of(folder, cursor)
        cursor = peek_cursor(folder, sink)
        if cursor.total() == before.total():
            break
    return ledger


def read_ledger_at(path: Path, sinks: Iterable[str] = ()) -> dict[str, SinkLedger]:
    """Return `read_ledger` of the folder at a path.

    Raises:
        ConfigurationError, OSError: It is no journal's folder, or cannot be read.
    """
    folder = Folder(path)
    try:
        return read_ledger(folder, sinks)
    finally:
        folder.close()


def ledger_of(folder: Folder, cursor: Cursor) -> SinkLedger:
    """Return the ledger of one sink; what the cursor has not passed is pending where it can be read."""
    total = cursor.total()
    behind = Account(recorded=total.recorded)
    oldest_us = []
    for writer, numbers in segments_of(folder).items():
        account = cursor.account(writer)
        for passage in passages_after(folder, writer, numbers, account):
            behind.recorded += len(passage.lines) + passage.missing
            behind.delivered += len(passage.lines)  # would be, that is: pending
            oldest_us += [_tracked_at_us(line) for line in passage.lines[:1]]
            _drop(total, passage.missing)
            if passage.refused is not None:
                _replace_refused(total, account, passage.refused)
                account = msgspec.structs.replace(account, refused=passage.refused)
    dropped = Account()
    add(dropped, Account(dropped=total.dropped))
    add(dropped, Account(dropped=total.refused))
    return SinkLedger(
        tracked=behind.recorded + sum(total.refused.values()),
        delivered=total.delivered,
        pending=behind.delivered,
        dropped={reason: n for reason, n in dropped.dropped.items() if n},
        stands_since_us=max(min(oldest_us), cursor.moved_at_us) or None if oldest_us else None,
        breaker=cursor.breaker,
        last_error=cursor.last_error,
    )


def passages_after(folder: Folder, writer: str, numbers: list[int], account: Account) -> Iterable[Passage]:
    """Yield what follows an account's position, to the end."""
    position = account.position
    while passage := read_passage(folder, writer, numbers, position, max_events=_SCAN_EVENTS):
        yield passage
        position = passage.end


class _Identified(msgspec.Struct):
    event_id: str = ""


def _tracked_at_us(line: bytes) -> int:
    """Return when an event was made, which its id says; 0 where it does not."""
    try:
        return time_of_id_us(msgspec.json.decode(line, type=_Identified).event_id) or 0
    except msgspec.DecodeError:
        return 0


def _drop(total: Account, missing: int) -> None:
    if missing:
        total.dropped[DAMAGED] = total.dropped.get(DAMAGED, 0) + missing


def _replace_refused(total: Account, account: Account, refused: dict[str, int]) -> None:
    """Put what a writer's process says now in the place of what it said before."""
    for reason in {*account.refused, *refused}:
        change = refused.get(reason, 0) - account.refused.get(reason, 0)
        total.refused[reason] = total.refused.get(reason, 0) + change
