"""Numbered events: each tells its round and number, and all its other fields follow from these.

So a lost, a doubled, an invented and an altered event are told apart, and a lost one can be looked for.
"""

import mmap
import sqlite3
import struct
import sys
from collections.abc import Collection, Mapping
from pathlib import Path
from time import monotonic_ns

import msgspec

from faults.row import Row
from taximeter.event import TaskCompletionEvent
from taximeter.journal.cursor import peek_cursor
from taximeter.journal.folder import Folder
from taximeter.journal.frame import Kind, scan
from taximeter.journal.ledger import read_ledger_at
from taximeter.journal.segment import SegmentName

_NUMBER = struct.Struct("Q")  # the machine's own: written at once, so a kill tears none

Numbers = Mapping[int, Collection[int]]
"""Of events, by round."""


class Acknowledgements:
    """Memory shared with a child that will be killed: how many events it was told are safe, and when each was.

    Args:
        size: Room for so many events.
        file: Where a program that is no child of ours finds it too.
    """

    def __init__(self, size: int, file: Path | None = None) -> None:
        length = 8 * (size + 1)
        self.size = size
        if file is None:
            self._page = mmap.mmap(-1, length)
            return
        with file.open("a+b") as opened:
            opened.truncate(length)
            self._page = mmap.mmap(opened.fileno(), length)

    @property
    def count(self) -> int:
        """One more than the number of the last event that was told of."""
        return int(_NUMBER.unpack_from(self._page, 0)[0])

    @property
    def numbers(self) -> list[int]:
        """The events told of; those between them were refused, and are counted by the tracker."""
        return [n for n in range(self.count) if self.at_ns(n)]

    @property
    def times_ns(self) -> list[int]:
        """When each was tracked, by number; 0 for those that were refused."""
        return [self.at_ns(n) for n in range(self.count)]

    def add(self, n: int) -> None:
        """Say that event *n* is safe."""
        _NUMBER.pack_into(self._page, 8 * (n + 1), monotonic_ns())
        _NUMBER.pack_into(self._page, 0, n + 1)

    def at_ns(self, n: int) -> int:
        """When event *n* was tracked; 0 when it was refused."""
        return int(_NUMBER.unpack_from(self._page, 8 * (n + 1))[0])

    def clear(self) -> None:
        """Begin another round; one time more than were counted may stand here, from a kill between time and count."""
        end = min(8 * (self.count + 2), len(self._page))
        self._page[:end] = bytes(end)


def event_of(round_number: int, n: int) -> TaskCompletionEvent:
    """Return the event of a round and number; everything but its id follows from these."""
    return TaskCompletionEvent(
        model=f"{round_number}-{n}",
        provider="openai",
        started_at_us=round_number * 1_000_000 + n,
        actual_input_tokens=n * 7919 % 100_003,
        user="u" * (1 + n % 97),
    )


class Witness:
    """Looks into the journal right after a kill, so that it is known of each lost event where it was lost.

    Args:
        journal: The folder.
    """

    def __init__(self, journal: Path) -> None:
        self._journal = journal
        self._where: dict[tuple[int, int], str] = {}
        self._seen: set[str] = set()

    def look(self, told: Collection[int], round_number: int) -> None:
        """Note of each event told of where it is in the segments that have come since the last look."""
        places: dict[str, str] = {}
        for path in sorted(self._journal.iterdir()):
            if SegmentName.parse(path.name) and path.name not in self._seen:
                self._seen.add(path.name)
                places |= _places(path)
        for n in told:
            place = places.get(f"{round_number}-{n}", "in no segment when the process was killed")
            self._where[round_number, n] = place

    def explain(self, lost: Collection[tuple[int, int]], sink: str) -> str:
        """Return where each lost event was, and what the sink's cursor says of its writer."""
        folder = Folder(self._journal)
        try:
            accounts = peek_cursor(folder, sink).accounts
        finally:
            folder.close()
        lines = []
        for number, n in sorted(lost)[:20]:
            place = self._where.get((number, n), "in a round nobody looked at")
            account = accounts.get(place.partition("-")[0])
            lines.append(f"event {number}-{n} was {place}; its writer's account: {account}")
        return "\n".join(lines)


def _places(path: Path) -> dict[str, str]:
    """Return each event's model and where its frame is."""
    data = path.read_bytes()
    frames = scan(data, whole=True, max_frames=len(data) or 1).frames
    model = msgspec.json.Decoder(TaskCompletionEvent).decode
    return {
        model(frame.payload).model or "": f"{path.name}, number {frame.sequence}"
        for frame in frames
        if frame.kind is Kind.EVENT
    }


def models_in(store: Path) -> list[str]:
    """Return the model of every row, doubled ones included."""
    connection = sqlite3.connect(store)
    models = [row[0] for row in connection.execute("SELECT model FROM events")]
    connection.close()
    return models


class Trial(msgspec.Struct, kw_only=True):
    """A fault that was made, and the events that were tracked meanwhile."""

    fault: str
    rounds: int
    guard: str
    """What would be missed if it were taken away."""
    tracked: Numbers
    """The events whose `track_task_completion` returned True."""
    in_flight: int = 0
    """How many events after the last of a round may be there although their `track_task_completion` had not returned."""
    witness: Witness | None = None
    """Explains what is lost, if anything is."""

    def compare(self, store: Path, journal: Path | None) -> Row:
        """Return what became of the events: those in a SQLite file, and the journal's ledger where there is one."""
        connection = sqlite3.connect(store)
        rows = connection.execute(
            "SELECT model, started_at_us, actual_input_tokens, user FROM events"
        ).fetchall()
        connection.close()
        row = self.count([(model, tuple(fields)) for model, *fields in rows], store.name)
        if journal is None:
            return row
        ledger = read_ledger_at(journal)[store.name]
        return msgspec.structs.replace(
            row,
            note=", ".join(f"{reason}={n}" for reason, n in ledger.dropped.items()),
            is_conserved=ledger.is_conserved
            and not ledger.pending
            and ledger.delivered >= row.tracked - row.lost,
        )

    def count(self, rows: Collection[tuple[str, tuple[object, ...]]], sink: str) -> Row:
        """Return what became of the events, told from the model and the three other fields of what arrived."""
        there: dict[tuple[int, int], int] = {}
        altered = invented = 0
        for model, fields in rows:
            number, n = map(int, model.split("-"))
            expected = event_of(number, n)
            altered += fields != (expected.started_at_us, expected.actual_input_tokens, expected.user)
            there[number, n] = there.get((number, n), 0) + 1
        told = {(number, n) for number, numbers in self.tracked.items() for n in numbers}
        for number, n in there.keys() - told:
            last = max(self.tracked.get(number, ()), default=-1)
            invented += not last < n <= last + self.in_flight
        lost = told - there.keys()
        if lost and self.witness:
            print(self.witness.explain(lost, sink), file=sys.stderr)
        return Row(
            fault=self.fault,
            rounds=self.rounds,
            tracked=len(told),
            delivered=len(rows),
            lost=len(lost),
            duplicates=len(rows) - len(there),
            invented=invented,
            altered=altered,
            guard=self.guard,
            is_conserved=True,
        )
