"""Run folder: where the processes of one run leave their counts for the process that started them."""

import os
from collections.abc import Iterator
from pathlib import Path
from time import time_ns

import msgspec

from taximeter.receipt import Receipt
from taximeter.report.tally import Tally
from taximeter.sinks.batch import Batch

SINK_NAME = "taximeter run"


class ProcessRecord(msgspec.Struct, frozen=True, kw_only=True):
    """What one process has left: its tally so far and, if it came to its end, the receipt of its tracker."""

    pid: int
    tally: Tally
    receipt: Receipt | None = None


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(ProcessRecord)


class RunFolderSink:
    """Keeps this process's tally on disk, replaced as a whole after each batch, so a kill loses at most the last one.

    Args:
        folder: Where it goes; when the folder is gone nobody waits for it any more, and that is no failure.
    """

    name = SINK_NAME

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.forget()

    def forget(self) -> None:
        """Start from nothing, in a file of its own: at construction and in a forked child."""
        self._file = self._folder / f"{os.getpid()}-{time_ns()}.json"
        self._tally = Tally()
        self._last_batch: Batch | None = None

    async def write(self, batch: Batch) -> None:
        """Count the batch in; the same one again, after a failure, is counted once."""
        if batch is self._last_batch:
            return
        tally = Tally.from_json(self._tally.to_json())
        for event in batch.events:
            tally.add(event)
        self.save(tally)
        self._tally, self._last_batch = tally, batch

    def save(self, tally: Tally | None = None, receipt: Receipt | None = None) -> None:
        """Write down what is known; None means the tally of all batches so far."""
        record = ProcessRecord(pid=os.getpid(), tally=tally or self._tally, receipt=receipt)
        unfinished = self._file.with_suffix(".new")
        try:
            unfinished.write_bytes(_encoder.encode(record))
            unfinished.replace(self._file)
        except FileNotFoundError:
            pass

    async def aclose(self) -> None:
        """Do nothing: the file lies there for whoever started the run."""


def read_records(folder: Path) -> Iterator[ProcessRecord]:
    """Return what the processes of a run have left, in the order they began; what cannot be read is passed over."""
    for file in sorted(folder.glob("*.json"), key=lambda file: file.stem.rpartition("-")[2]):
        try:
            yield _decoder.decode(file.read_bytes())
        except (OSError, msgspec.DecodeError):
            continue
