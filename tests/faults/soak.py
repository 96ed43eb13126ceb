"""Soak: very many events while the sink goes up and down, and nothing grows."""

import os
import threading
from pathlib import Path
from time import monotonic, sleep

import msgspec

import taximeter
from faults.numbered import Trial, event_of
from faults.row import Row
from taximeter.sinks.batch import Batch
from taximeter.sinks.refusal import TryLater

_JOURNAL_BYTES = 8 << 20
_UP_S, _DOWN_S = 0.5, 0.25


class Flapping:
    """Takes batches for half a second, and refuses them for a quarter; remembers by a bit what has come."""

    name = "flapping"

    def __init__(self, size: int) -> None:
        self.seen = bytearray(size)
        self.duplicates = self.altered = 0
        self.is_steady = False

    async def write(self, batch: Batch) -> None:
        """Count the events, or refuse them."""
        if not self.is_steady and monotonic() % (_UP_S + _DOWN_S) > _UP_S:
            raise TryLater("down", retry_after_s=0.05)
        for event in batch.events:
            assert isinstance(event, taximeter.TaskCompletionEvent)
            n = int((event.model or "").partition("-")[2])
            self.duplicates += self.seen[n]
            self.altered += event.actual_input_tokens != event_of(0, n).actual_input_tokens
            self.seen[n] = 1

    async def aclose(self) -> None:
        """Keep what is known."""


def soak(folder: Path, events: int) -> Row:
    """Track so many events through a small journal, at the pace at which they are taken."""
    sink, peak_bytes, refused = Flapping(events), 0, 0
    began = monotonic()
    with taximeter.start(
        sink,
        journal=folder / "journal",
        journal_max_bytes=_JOURNAL_BYTES,
        max_events=20_000,
        close_timeout_s=300,
    ) as tracker:
        before = None
        for n in range(events):
            while not tracker.track_task_completion(event_of(0, n)):
                refused += 1
                sleep(0.001)
            if n % 1000 == 0:
                sleep(0.002)
                peak_bytes = max(peak_bytes, _folder_bytes(folder / "journal"))
            if n == events // 4:
                while not any(sink.seen):  # before the first delivery not every file is open yet
                    sleep(0.001)
                before = _usage()
        after, sink.is_steady = _usage(), True
    receipt = tracker.receipt()
    assert before is not None
    grown = [now - then for now, then in zip(after, before, strict=True)]
    is_flat = grown[0] < 32 << 20 and grown[1] <= 1 and grown[2] == 0 and peak_bytes <= _JOURNAL_BYTES
    lost = events - sum(sink.seen)
    row = Trial(
        fault="soak, sink up and down", rounds=1, guard="the bounds of queue and journal", tracked={}
    ).count([], "")
    return msgspec.structs.replace(
        row,
        tracked=events,
        delivered=sum(sink.seen) + sink.duplicates,
        lost=lost,
        duplicates=sink.duplicates,
        altered=sink.altered,
        is_conserved=is_flat and receipt.tracked == events + refused and receipt.lost["flapping"] == refused,
        note=f"{events / (monotonic() - began):,.0f}/s, memory {grown[0] / 2**20:+.1f} MiB, files {grown[1]:+}, threads"
        f" {grown[2]:+}, journal at most {peak_bytes / 2**20:.1f} of {_JOURNAL_BYTES >> 20} MiB",
    )


def _usage() -> tuple[int, int, int]:
    """Return resident bytes, open files and threads.

    Of several looks the least counts: the carrier opens a segment, a cursor or the folder for a moment only.
    """
    looks = []
    for _ in range(10):
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        files = len(list(Path("/proc/self/fd").iterdir()))
        looks.append((pages * os.sysconf("SC_PAGE_SIZE"), files, threading.active_count()))
        sleep(0.002)
    memory, files, threads = map(min, zip(*looks, strict=True))
    return memory, files, threads


def _folder_bytes(folder: Path) -> int:
    if not folder.exists():
        return 0
    total = 0
    for path in folder.glob("*.segment"):
        try:
            total += path.stat().st_size
        except FileNotFoundError:  # delivered
            continue
    return total
