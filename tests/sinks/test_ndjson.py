"""What the NDJSON file promises on top of the contract."""
# ruff: noqa: ASYNC240 - a test looks at its files while nothing else runs on its loop

import resource
import signal
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


async def test_a_batch_that_was_cut_is_continued_and_not_repeated(path: Path) -> None:
    """A limit strikes in the middle of a line; once it is lifted, each event is there once."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    again, sink = batch(*numbered(20)), NdjsonSink(path)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
    try:
        with pytest.raises(OSError, match="File too large"):
            await sink.write(again)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, handler)
    await sink.write(again)
    await sink.aclose()
    assert models(path) == [f"m{i}" for i in range(20)]


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
