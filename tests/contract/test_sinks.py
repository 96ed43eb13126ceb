"""What every sink promises."""
# ruff: noqa: ASYNC240 - a test looks at its files while nothing else runs on its loop

import logging
import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec
import pytest

from receiver_server import TOKEN, models_in, receiving
from sink_doubles import assert_conserved, batch, numbered
from taximeter.event import CallStartedEvent, TaskCompletionEvent, decode_event
from taximeter.sinks.http import HttpSink
from taximeter.sinks.protocol import Sink
from taximeter.sinks.table import sink_for
from taximeter.tracker import start


class Case(msgspec.Struct, frozen=True):
    """One sink under test: its address, how its models are read back, and how it is made to fail."""

    address: str
    """A file's name, or the whole address; `http:` stands for a receiver that runs for the test."""
    read: Callable[[Sink, Path], list[Any]]
    spoil: Callable[[Path], None] | None
    """Make the sink's next write fail; None where nothing can."""


class Lines(logging.Handler):
    """Keeps log lines; raises instead when it is broken."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []
        self.broken = False

    def emit(self, record: logging.LogRecord) -> None:
        """Take a record."""
        if self.broken:
            raise OSError(28, "No space left on device")
        self.lines.append(record.getMessage())


LINES = Lines()


@pytest.fixture(autouse=True)
def _logged() -> Iterator[None]:
    logger = logging.getLogger("taximeter.calls")
    LINES.lines, LINES.broken = [], False
    logger.addHandler(LINES)
    logger.setLevel("INFO")
    yield
    logger.removeHandler(LINES)
    logger.setLevel("NOTSET")


def read_sqlite(_sink: Sink, folder: Path) -> list[Any]:
    connection = sqlite3.connect(folder / "usage.db")
    models = [model for (model,) in connection.execute("SELECT model FROM events ORDER BY position")]
    connection.close()
    return models


def read_ndjson(_sink: Sink, folder: Path) -> list[Any]:
    events = map(decode_event, (folder / "events.ndjson").read_bytes().splitlines())
    return [event.model for event in events if isinstance(event, TaskCompletionEvent)]


def read_memory(sink: Any, _folder: Path) -> list[Any]:
    return [event.model for event in sink.events if isinstance(event, TaskCompletionEvent)]


def read_log(_sink: Sink, _folder: Path) -> list[Any]:
    calls = [line for line in LINES.lines if line.startswith("LLM call | ")]
    return [line.split(" model=")[1].split(" ")[0] for line in calls]


def read_receiver(_sink: Sink, folder: Path) -> list[Any]:
    return models_in(folder.with_name("receiver.db"))


def spoil_receiver(folder: Path) -> None:
    folder.with_name("receiver.db").unlink(missing_ok=True)
    folder.with_name("receiver.db").mkdir()


def remove_folder(folder: Path) -> None:
    folder.rename(folder.with_name("elsewhere"))


def break_handler(_folder: Path) -> None:
    LINES.broken = True


CASES = [
    Case("usage.db", read_sqlite, remove_folder),
    Case("events.ndjson", read_ndjson, remove_folder),
    Case("memory:", read_memory, None),
    Case("log:", read_log, break_handler),
    Case("http:", read_receiver, spoil_receiver),
]


@pytest.fixture(params=CASES, ids=lambda case: case.address)
def case(request: pytest.FixtureRequest) -> Case:
    return request.param  # type: ignore[no-any-return]  # pytest does not know


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (made := tmp_path / "sink").mkdir()
    return made


@pytest.fixture
def sink(case: Case, folder: Path) -> Iterator[Sink]:
    if case.address == "http:":
        with receiving(folder.with_name("receiver.db")) as url:
            yield HttpSink(url, token=TOKEN)
        return
    yield sink_for(case.address if ":" in case.address else str(folder / case.address))


@pytest.fixture
def anyio_backend() -> str:
    """The flusher's loop is asyncio's, whatever the host uses."""
    return "asyncio"


@pytest.mark.anyio
async def test_it_keeps_all_events_in_order(case: Case, sink: Sink, folder: Path) -> None:
    """Batch after batch, as they were tracked."""
    events = numbered(250)
    for start_at in range(0, 250, 100):
        await sink.write(batch(*events[start_at : start_at + 100]))
    await sink.aclose()
    assert case.read(sink, folder) == [event.model for event in events]


@pytest.mark.anyio
async def test_a_batch_that_comes_again_adds_nothing(case: Case, sink: Sink, folder: Path) -> None:
    """A retry after a write that had worked after all is harmless."""
    again = batch(*numbered(3))
    await sink.write(again)
    await sink.write(again)
    await sink.aclose()
    assert case.read(sink, folder) == ["m0", "m1", "m2"]


@pytest.mark.anyio
async def test_it_takes_lifecycle_events_too(case: Case, sink: Sink, folder: Path) -> None:
    """They are accepted, and not mistaken for calls."""
    await sink.write(batch(CallStartedEvent(run_id="r"), *numbered(1), CallStartedEvent()))
    await sink.aclose()
    assert case.read(sink, folder) == ["m0"]


HOSTILE: dict[str, Any] = {
    "nul": TaskCompletionEvent(model="m", user="a\x00b"),
    "surrogate": TaskCompletionEvent(model="m", user="\ud800", tags={"\udfff": "x"}),
    "line breaks": TaskCompletionEvent(model="m", user="a\r\nb\u2028c\x85", finish_reasons=("a\nb",)),
    "terminal": TaskCompletionEvent(model="m", agent="\x1b[2J\x07", finish_reasons=("\x1b[31m",)),
    "huge integer": TaskCompletionEvent(model="m", actual_input_tokens=2**63, tool_call_count=-(10**30)),
    "nan": TaskCompletionEvent(model="m", task_duration_ms=float("nan"), raw_usage={"x": float("inf")}),
    "wrong types": TaskCompletionEvent(model="m", provider=object(), event_id=7, tags=[1], attempt="x"),  # type: ignore[arg-type]  # wrong on purpose
    "sql": TaskCompletionEvent(model="m", user="'); DROP TABLE events; --"),
    "long": TaskCompletionEvent(model="m", user="é" * 100_000),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_it_survives_hostile_values(case: Case, sink: Sink, folder: Path, name: str) -> None:
    """The hostile event arrives, and so does the one after it."""
    with start(sink) as tracker:
        tracker.track_task_completion(HOSTILE[name])
        tracker.track_task_completion(TaskCompletionEvent(model="after"))
    receipt = tracker.receipt()
    assert receipt.complete, receipt
    assert case.read(sink, folder) == ["m", "after"]


@pytest.mark.parametrize(
    "case", [case for case in CASES if case.spoil], ids=lambda case: case.address, indirect=True
)
def test_its_failure_is_counted_and_reaches_nobody(case: Case, sink: Sink, folder: Path) -> None:
    """The loss is in the receipt, with what went wrong; a neighbour gets every event."""
    assert case.spoil
    with start(sink, "memory:", retry_budget_s=0.05) as tracker:
        case.spoil(folder)
        assert sum(map(tracker.track_task_completion, numbered(3))) == 3
        receipt = tracker.flush()
    dropped = receipt.sinks[sink.name].dropped
    assert sum(dropped.values()) == 3
    assert dropped.keys() <= {
        "sink_failed",
        "sink_timeout",
    }  # an attempt may be on its way when the time is over
    assert receipt.sinks[sink.name].last_error
    assert receipt.delivered["memory"] == 3
    assert_conserved(receipt)


def descriptors() -> set[str]:
    """Return what this process has open below the temporary folder."""
    links = set()
    for descriptor in Path("/proc/self/fd").iterdir():
        with suppress(OSError):  # the one that lists them is gone by now
            links.add(str(descriptor.readlink()))
    return links


@pytest.mark.anyio
@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="needs /proc")
async def test_closing_lets_go_of_files(sink: Sink, folder: Path) -> None:
    """After aclose nothing below the folder is open; closing twice is nothing."""
    await sink.write(batch(*numbered(1)))
    await sink.aclose()
    await sink.aclose()
    assert not [link for link in descriptors() if link.startswith(str(folder))]


@pytest.mark.anyio
async def test_what_it_makes_is_private(sink: Sink, folder: Path) -> None:
    """Files are readable and writable by their owner alone, whatever the umask."""
    before = os.umask(0)
    try:
        await sink.write(batch(*numbered(1)))
        assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} <= {0o600}
    finally:
        os.umask(before)
        await sink.aclose()
