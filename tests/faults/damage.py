"""Damage: journals whose bytes are not what was written."""

from pathlib import Path
from random import Random

import msgspec

import taximeter
from faults.numbered import Trial, event_of
from faults.row import Row
from taximeter.journal.ledger import read_ledger_at
from taximeter.journal.segment import SegmentName


def flipped_bits(folder: Path, rounds: int) -> Row:
    """Flip a bit of a segment in each round; the other events arrive, and the hit one is counted."""
    random, store, journal = Random(rounds), folder / "usage.db", folder / "journal"
    tracked: dict[int, list[int]] = {}
    for number in range(rounds):
        with taximeter.start(store, journal=journal, carry=False, journal_segment_bytes=8000) as tracker:
            tracked[number] = [n for n in range(100) if tracker.track_task_completion(event_of(number, n))]
        segments = sorted(path for path in journal.iterdir() if SegmentName.parse(path.name))
        victim = random.choice(segments[:-1])
        data = bytearray(victim.read_bytes())
        bit = random.randrange(len(data) * 8)
        data[bit // 8] ^= 1 << bit % 8
        victim.write_bytes(data)
        taximeter.start(store, journal=journal, close_timeout_s=600).close()
    row = Trial(fault="flipped bit", rounds=rounds, guard="the checksum", tracked=tracked).compare(
        store, journal
    )
    counted = read_ledger_at(journal)[store.name].dropped.get("journal_damaged", 0)
    return msgspec.structs.replace(
        row, lost=row.lost - counted, note=f"{counted} damaged, counted and set aside"
    )
