"""What the NDJSON file promises on top of the contract."""
# ruff: noqa: ASYNC240 - a test looks at its files while nothing else runs on its loop

import resource
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from sink_doubles import batch, numbered, run_program
from taximeter.event import TaskCompletionEvent, decode_event, encode_event
from taximeter.sinks.ndjson import NdjsonSink

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    """The flusher's loop is asyncio's."""
    return "asyncio"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "events.ndjson"


def models(path: Path) -> list[str | None]:
    events = map(decode_event, path.read_bytes().splitlines())
    return [event.model for event in events if isinstance(event, TaskCompletionEvent)]


async def test_a_line_is_the_event_as_encoded(path: Path) -> None:
    """Byte for byte, with one line's end."""
    event = TaskCompletionEvent(model="m\nn", tags={"a": "\u2028"})
    sink = NdjsonSink(path)
    await sink.write(batch(event))
    await sink.aclose()
    assert path.read_bytes() == encode_event(event) + b"\n"


async def test_it_appends_to_what_is_there(path: Path) -> None:
    """A second run adds to the first."""
    for _ in range(2):
        sink = NdjsonSink(path)
        await sink.write(batch(*numbered(2)))
        await sink.aclose()
    assert models(path) == ["m0", "m1", "m0", "m1"]


async def test_a_file_that_was_rotated_away_is_made_anew(path: Path) -> None:
    """The old file ends with the last batch before, the new one begins with the next."""
    sink = NdjsonSink(path)
    await sink.write(batch(*numbered(1)))
    path.rename(rotated := path.with_suffix(".1"))
    await sink.write(batch(*numbered(2)))
    await sink.aclose()
    assert (models(rotated), models(path)) == (["m0"], ["m0", "m1"])


async def test_a_file_that_was_emptied_is_written_from_its_beginning(path: Path) -> None:
    """Rotation by copy and truncate leaves no hole."""
    sink = NdjsonSink(path)
    await sink.write(batch(*numbered(3)))
    path.write_bytes(b"")
    await sink.write(batch(*numbered(1)))
    await sink.aclose()
    assert models(path) == ["m0"]


async def test_a_torn_last_line_is_not_glued_to_the_next_event(path: Path) -> None:
    """What a crash left stays as it is, on a line of its own."""
    path.write_bytes(b'{"type":"TASK_COMPL')
    sink = NdjsonSink(path)
    await sink.write(batch(*numbered(1)))
    await sink.aclose()
    torn, whole = path.read_bytes().splitlines()
    assert torn == b'{"type":"TASK_COMPL'
    decode_event(whole)


async def test_a_full_device_is_an_error(tmp_path: Path) -> None:
    """Nothing is said to be written that is not."""
    with pytest.raises(OSError, match="No space left"):
        await NdjsonSink("/dev/full").write(batch(*numbered(1)))


@contextmanager
def file_size_limit(limit_bytes: int) -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit_bytes, hard))
    try:
        with pytest.raises(OSError, match="File too large"):
            yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, handler)


async def test_a_batch_that_was_cut_leaves_nothing(path: Path) -> None:
    """A limit strikes in the middle of a line; what was there stays, and once it is lifted each event is there once."""
    sink = NdjsonSink(path)
    await sink.write(batch(*numbered(1)))
    again = batch(*numbered(20))
    with file_size_limit(1000):
        await sink.write(again)
    assert models(path) == ["m0"]
    await sink.write(again)
    await sink.aclose()
    assert models(path) == ["m0", *(f"m{i}" for i in range(20))]


def test_a_full_disk_holds_what_the_receipt_calls_delivered(tmp_path: Path) -> None:
    """Nothing that was dropped is in the file."""
    out = run_program(
        "import resource, taximeter\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (65_536, resource.RLIM_INFINITY))\n"
        "tracker = taximeter.start('e.ndjson', batch_max_events=100, retry_budget_s=0.02)\n"
        "for _ in range(2000): tracker.track_task_completion(taximeter.TaskCompletionEvent())\n"
        "sink = tracker.close().sinks['e.ndjson']\n"
        "print(sink.delivered, sink.dropped['sink_failed'])\n",
        tmp_path,
    )
    delivered, dropped = map(int, out.split())
    lines = (tmp_path / "e.ndjson").read_bytes().splitlines()
    assert len([decode_event(line) for line in lines]) == delivered > 0
    assert delivered + dropped == 2000


def test_processes_that_append_together_tear_no_line(tmp_path: Path) -> None:
    """Each batch is one write at the end of the file."""
    run_program(
        "import subprocess, sys\n"
        "code = '''import taximeter\n"
        "from taximeter.event import TaskCompletionEvent\n"
        'with taximeter.start("events.ndjson", batch_max_events=7) as tracker:\n'
        '    for i in range(300): tracker.track_task_completion(TaskCompletionEvent(user="u" * (i * 7)))\n'
        "'''\n"
        "programs = [subprocess.Popen([sys.executable, '-c', code]) for _ in range(3)]\n"
        "assert [program.wait() for program in programs] == [0] * 3\n",
        tmp_path,
        timeout_s=60,
    )
    # A program that starts in the middle of another's write may take its line for torn and begin with a blank one
    lines = [line for line in (tmp_path / "events.ndjson").read_bytes().splitlines() if line]
    assert len({decode_event(line).event_id for line in lines}) == 900 == len(lines)
