"""Journals for tests: lines that can be told apart, folders, writers, and reading all that is there."""

import os
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import anyio

from taximeter.delivery import Delivery
from taximeter.journal.carrier import Carrier, Load
from taximeter.journal.cursor import Account, Position
from taximeter.journal.folder import Folder
from taximeter.journal.frame import HEAD_BYTES, Kind, scan
from taximeter.journal.ledger import passages_after, read_ledger
from taximeter.journal.segment import segments_of
from taximeter.journal.sync import Sync
from taximeter.journal.writer import Writer
from taximeter.sinks.batch import Batch

NEW = Account(position=Position(sequence=0))


def line(n: int, length: int = 0) -> bytes:
    """Return a line of its own number, which can be made again from that number."""
    return b'{"n":%d,"pad":"%s"}' % (n, b"x" * length)


def lines(count: int, start: int = 0, length: int = 0) -> list[bytes]:
    return [line(n, length) for n in range(start, start + count)]


def writer_in(folder: Folder, **options: Any) -> Writer:
    bounds: dict[str, Any] = {
        "segment_bytes": 1 << 16,
        "max_bytes": 1 << 24,
        "sync": Sync.JOURNALED,
    } | options
    return Writer(folder, **bounds)


def read_all(folder: Folder) -> tuple[list[bytes], int]:
    """Return all lines in the folder, each writer's in order, and how many are missing."""
    found: list[bytes] = []
    missing = 0
    for writer, numbers in segments_of(folder).items():
        for passage in passages_after(folder, writer, numbers, NEW):
            found += passage.lines
            missing += passage.missing
    return found, missing


def segment_paths(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.segment"))


def event_offsets(data: bytes) -> list[tuple[int, int]]:
    """Return start and end of each event's frame."""
    found, at = [], 0
    while at < len(data):
        piece = scan(data[at:], whole=True, max_frames=1)
        if not piece.frames:
            break
        start = at + piece.end - HEAD_BYTES - len(piece.frames[0].payload)
        at += piece.end
        if piece.frames[0].kind is Kind.EVENT:
            found.append((start, at))
    return found


class ListWay:
    """A way to a sink that keeps what it gets, by content, after failing as often as told."""

    state = "closed"
    last_error: str | None = None

    def __init__(self, name: str = "list", failures: int = 0) -> None:
        self.name = name
        self.failures = failures
        self.batches: list[Batch] = []
        self.losses: dict[str, dict[str, int]] = {}

    async def note_losses(self, source: str, lost: Mapping[str, int], *, at_last: bool = False) -> None:
        """Keep what was last said of a source."""
        if lost:
            self.losses[source] = dict(lost)

    async def write(self, delivery: Delivery, /) -> str | None:
        """Keep the batch, or fail."""
        if self.failures:
            self.failures -= 1
            return "sink_failed"
        self.batches.append(delivery.batch)
        delivery.take()
        return None

    @property
    def lines(self) -> list[bytes]:
        """All that came, in order."""
        return [each for batch in self.batches for each in batch.lines]


def carrier_to(folder: Folder, ways: Sequence[Any], **load: Any) -> Carrier:
    return Carrier(folder, ways, Load(**({"batch_max_age_s": 0.0} | load)), ledger=threading.RLock())


def carry_all(folder: Folder, *ways: Any, **load: Any) -> None:
    """Deliver all that is there, and end."""
    carrier = carrier_to(folder, ways, **load)
    carrier.finish()
    anyio.run(carrier.run)


def assert_conserved(folder: Folder) -> None:
    for ledger in read_ledger(folder).values():
        assert ledger.is_conserved, ledger


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - names are all that is wanted
