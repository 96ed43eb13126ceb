"""Run folder: where the processes of one run leave their counts for the process that started them."""

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from time import time_ns

import msgspec

from taximeter.receipt import Receipt
from taximeter.report.tally import Tally
from taximeter.sinks.batch import Batch

SINK_NAME = "taximeter run"


class ProcessRecord(msgspec.Struct, frozen=True, kw_only=True):
    """What one process has left: its tally so far and, if it came to its end, the receipt of its tracker.

    `begun_calls` are the calls it began, known even of a process that was killed before it could tally them.
    """

    pid: int
    tally: Tally = msgspec.field(default_factory=Tally)
    receipt: Receipt | None = None
    begun_calls: int = 0

    @property
    def missing_calls(self) -> int:
        """Calls that a process without a receipt has begun and not tallied."""
        return 0 if self.receipt else max(0, self.begun_calls - self.tally.total.calls)


_RECORD = ".json"
_TRACE = ".calls"  # one + for each call that begins, one - for one that was none
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
        self._file = self._folder / f"{os.getpid()}-{time_ns()}{_RECORD}"
        self._tally = Tally()
        self._last_batch: Batch | None = None

    def trace(self, sign: bytes) -> None:
        """Leave a trace of a call that begins (`+`), or turns out to be none (`-`), before anything can end us; 20 µs.

        The file is opened each time: a program that closes all its descriptors would get our number for its own file.
        """
        with suppress(OSError):
            file = os.open(self._file.with_suffix(_TRACE), os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
            try:
                os.write(file, sign)
            finally:
                os.close(file)

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
    names = {file.stem for kind in (_RECORD, _TRACE) for file in folder.glob(f"*{kind}")}
    for name in sorted(names, key=lambda name: name.rpartition("-")[2]):
        with suppress(OSError, msgspec.DecodeError):
            yield _read(folder / name)


def _read(file: Path) -> ProcessRecord:
    """Read what one process has left; one that never came to write its tally has only a trace."""
    record, trace = file.with_suffix(_RECORD), file.with_suffix(_TRACE)
    signs = trace.read_bytes() if trace.exists() else b""
    known = _decoder.decode(record.read_bytes()) if record.exists() else ProcessRecord(pid=_pid(file))
    return msgspec.structs.replace(known, begun_calls=signs.count(b"+") - signs.count(b"-"))


def _pid(file: Path) -> int:
    return int(file.name.partition("-")[0])
