"""`taximeter replay`."""

import gzip
import json
import subprocess
from pathlib import Path

import pytest

from console_script import TAXIMETER, run
from recording_samples import chat, message_stream, model_list, refused, write_recordings
from taximeter.event import TaskCompletionEvent, decode_event
from taximeter.store import open_store


@pytest.fixture
def recordings(tmp_path: Path) -> Path:
    return write_recordings(tmp_path / "calls.jsonl", [chat(), message_stream(), model_list(), refused()])


def events_in(stdout: str) -> list[TaskCompletionEvent]:
    events = [decode_event(line) for line in stdout.splitlines()]
    return [event for event in events if isinstance(event, TaskCompletionEvent)]


def test_ndjson_is_one_event_a_line_and_nothing_else(recordings: Path) -> None:
    """Each inference is one line on stdout with the recording's id; what is none is not there."""
    done = run("replay", recordings, "--ndjson")
    assert [event.tags for event in events_in(done.stdout)] == [
        {"replay_id": "chat-1"},
        {"replay_id": "stream-1"},
        {"replay_id": "refused-1"},
    ]
    assert done.returncode == 0
    assert "4 recordings: 3 events, 1 not an inference" in done.stderr


def test_without_ndjson_a_table_is_printed(recordings: Path) -> None:
    """Totals by wire format and model, with the counts below."""
    done = run("replay", recordings)
    (chat_line,) = [line.split() for line in done.stdout.splitlines() if "gpt-4o-2024" in line]
    assert chat_line[:4] == ["openai.chat", "gpt-4o-2024-08-06", "1", "0"]
    assert "4 recordings: 3 events, 1 not an inference" in done.stdout
    assert (done.returncode, done.stderr) == (0, "")


def test_the_table_can_be_cut_otherwise(recordings: Path) -> None:
    """Any dimension of a report works here."""
    lines = run("replay", recordings, "--by", "day", "--tz", "Asia/Kathmandu").stdout.splitlines()
    assert lines[0].split()[0] == "day"
    assert lines[2].split()[:2] == ["2026-11-01", "3"]


def test_bad_lines_are_named_and_do_not_stop_the_replay(tmp_path: Path) -> None:
    """A bad line is named by its number in the file; all others are replayed."""
    path = write_recordings(tmp_path / "calls.jsonl", [chat(), "{broken", "", "[]", message_stream()])
    done = run("replay", path, "--ndjson")
    assert len(events_in(done.stdout)) == 2
    named = [line for line in done.stderr.splitlines() if "not a recording" in line]
    assert [line.split(": ")[2] for line in named] == ["line 2", "line 4"]
    assert "2 unreadable lines" in done.stderr
    assert done.returncode == 0


def test_thousands_of_bad_lines_are_not_thousands_of_messages(tmp_path: Path) -> None:
    """Twenty are named, the rest are counted; a file without any recording is an error."""
    done = run("replay", write_recordings(tmp_path / "wrong.txt", ["no recording"] * 3_000))
    assert len(done.stderr.splitlines()) == 21
    assert done.stderr.splitlines()[-1].endswith("wrong.txt: holds no recording")
    assert done.returncode == 1
    assert "3,000 unreadable lines" in done.stdout


def test_a_packed_file_is_unpacked(recordings: Path) -> None:
    """Gzip is told by its bytes, not by the name."""
    recordings.write_bytes(gzip.compress(recordings.read_bytes()))
    assert "3 events" in run("replay", recordings).stdout


def test_a_torn_archive_shows_what_it_held(tmp_path: Path) -> None:
    """What can be read is replayed; then the command fails, and says where."""
    path = write_recordings(tmp_path / "calls.jsonl", [chat(id=f"chat-{n}") for n in range(500)])
    path.write_bytes(gzip.compress(path.read_bytes())[:-100])
    done = run("replay", path, "--ndjson")
    assert events_in(done.stdout)
    assert done.returncode == 1
    assert "cannot be read beyond line" in done.stderr.splitlines()[-1]


def test_a_dash_reads_standard_input(recordings: Path) -> None:
    """Recordings may come through a pipe."""
    done = run("replay", "-", "--ndjson", stdin=recordings.read_text())
    assert len(events_in(done.stdout)) == 3


def test_events_go_to_the_sinks_that_were_named(recordings: Path, tmp_path: Path) -> None:
    """Several sinks get the same events, and the counts say so."""
    done = run("replay", recordings, "--to", "usage.db", "--to", "events.ndjson", cwd=tmp_path)
    assert done.returncode == 0
    assert done.stdout.count("3 events written") == 2
    for name in ("usage.db", "events.ndjson"):
        with open_store(tmp_path / name) as store:
            assert [group.totals.calls for group in store.totals()] == [3]


def test_more_events_than_a_queue_holds_all_arrive(tmp_path: Path) -> None:
    """A replay waits for its sinks instead of losing events."""
    path = write_recordings(tmp_path / "calls.jsonl", [chat(id=n) for n in range(5_000)])
    done = run("replay", path, "--to", "usage.db", cwd=tmp_path)
    assert "5,000 events written" in done.stdout
    assert "lost" not in done.stdout


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["nothing.jsonl"], "file='nothing.jsonl': must be an existing file"),
        (["."], "file='.': must be an existing file"),
        (["-", "--by", "colour"], "by='colour': must be one of model"),
        (["-", "--to", "gopher://x"], "gopher"),
        (["-", "--tz", "Mars"], "--tz='Mars': must be an IANA time zone"),
        (["--ndjson"], "Missing argument"),
    ],
)
def test_wrong_usage_is_one_line(arguments: list[str], complaint: str, tmp_path: Path) -> None:
    """One line on stderr, nothing on stdout, no traceback, the code 2."""
    done = run("replay", *arguments, cwd=tmp_path)
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert complaint in done.stderr
    assert done.stdout == ""


def test_a_reader_that_leaves_ends_the_replay_quietly(tmp_path: Path) -> None:
    """`taximeter replay --ndjson | head -1` says nothing but that line."""
    path = write_recordings(tmp_path / "calls.jsonl", [chat() for _ in range(3_000)])
    with subprocess.Popen(
        [TAXIMETER, "replay", path, "--ndjson"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == ""
        assert process.wait() != 0


def test_names_in_events_cannot_steer_the_terminal(tmp_path: Path) -> None:
    """An escape sequence in a model's name is shown as what it is: nothing to print."""
    answer = {**json.loads(chat()["response_text"]), "model": "\x1b[31mred\x07[bold]"}
    path = write_recordings(tmp_path / "calls.jsonl", [chat(response_text=json.dumps(answer))])
    out = run("replay", path).stdout
    assert "\x1b" not in out
    assert "[31mred" in out
    assert "[bold]" in out


@pytest.mark.parametrize("arguments", [["--ndjson"], ["--by", "run"]], ids=["lines", "table"])
def test_a_reader_that_stops_reading_ends_it_quietly(recordings: Path, arguments: list[str]) -> None:
    """As `| head` does: no complaint, and the code of a program that a closed pipe has ended."""
    with subprocess.Popen(
        [TAXIMETER, "replay", recordings, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout
        assert process.stderr
        process.stdout.close()
        complaint = process.stderr.read()
        assert (process.wait(60), complaint) == (141, b"")
