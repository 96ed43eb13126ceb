"""`taximeter tail`."""

import subprocess
from pathlib import Path
from typing import Any

import pytest

from console_script import TAXIMETER, environment, interactive, run
from event_samples import call, write_lines, write_store
from taximeter.event import decode_event, encode_event
from taximeter.vocabulary import Complexity, Outcome, TaskType, UsageStatus

CALLS = [
    call(
        nanos=12_300_000,
        task_duration_ms=1234.0,
        task_type=TaskType.PLANNING,
        complexity=Complexity.HIGH,
        agent="a",
        user="u\x1b[31m",
        attempt=2,
    ),
    call("mystery", None, outcome=Outcome.CANCELLED, task_duration_ms=80.0),
    call(
        None,
        None,
        requested_model="m",
        outcome=Outcome.FAILURE,
        error_status=429,
        actual_input_tokens=None,
        actual_output_tokens=None,
        usage_status=UsageStatus.MISSING,
        started_at_us=10**18,
    ),
]


@pytest.fixture(params=["usage.db", "events.ndjson"])
def source(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    write: Any = write_store if request.param == "usage.db" else write_lines
    path: Path = write(tmp_path / request.param, CALLS)
    return path


def test_calls_are_a_line_each(source: Path) -> None:
    """When, what, how much, how long, how it went, who and why; nothing in it steers a terminal."""
    done = run("tail", source, "--tz", "Asia/Kathmandu")
    assert done.stdout.splitlines() == [
        (
            "2026-11-01 05:45:00  openai/gpt-4o  1,000 in, 50 out  $0.0123  1.2 s  task=planning  complexity=high  "
            "agent=a  user=u\N{REPLACEMENT CHARACTER}[31m  attempt=2"
        ),
        "2026-11-01 05:45:00  openai/mystery  1,000 in, 50 out  no price  80 ms  cancelled",
        "1000000000000000000 us  openai/m  no usage  $0.00  failure (429)",
    ]
    assert done.stderr == ""


def test_as_many_as_asked_for_of_those_asked_for(source: Path) -> None:
    """The ones that came last."""
    assert "mystery" in run("tail", source, "-n", "1", "-w", "outcome=cancelled").stdout
    assert len(run("tail", source, "-n", "2").stdout.splitlines()) == 2
    assert run("tail", source, "-w", "agent=nobody").stdout == ""


def test_programs_get_whole_events(source: Path) -> None:
    """One a line, as they were written."""
    lines = run("tail", source, "--ndjson").stdout.splitlines()
    assert list(map(decode_event, lines)) == CALLS


def test_those_that_come_are_shown_until_ctrl_c(tmp_path: Path) -> None:
    """Soon after they are written; an interrupt ends it quietly."""
    path = write_lines(tmp_path / "events.ndjson", [call("first")])
    with interactive("tail", path, "--follow", "--interval", "0.05") as command:
        command.wait_for("first")
        with path.open("ab") as file:
            file.write(encode_event(call("second")) + b"\n")
        command.wait_for("second")
        code, shown = command.interrupt()
    assert code == 130
    assert "Traceback" not in shown
    assert "first" not in shown


def test_it_ends_when_nobody_reads_any_more(source: Path) -> None:
    """`tail -f | head -1` does not wait for a call that may never come."""
    command = [TAXIMETER, "tail", str(source), "-f", "--interval", "0.05"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment()
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        assert process.wait(timeout=30) == 141
        assert process.stderr.read() == b""


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["missing.db"], "store='missing.db': must be an existing file"),
        (["usage.db", "-n", "0"], "--lines=0: must be a whole number from 1 to 1,000,000,000"),
        (["usage.db", "-n", "9" * 30], "--lines=999"),
        (["usage.db", "-w", "agnet=a"], "did you mean 'agent'?"),
        (["usage.db", "--interval", "0"], "--interval=0.0: must be from 0.05"),
        (["usage.db", "--tz", "Mars/Olympus"], "--tz='Mars/Olympus'"),
    ],
)
def test_what_cannot_be_is_said_in_one_line(tmp_path: Path, arguments: list[str], complaint: str) -> None:
    """On stderr, with the code for wrong usage."""
    write_store(tmp_path / "usage.db", CALLS)
    done = run("tail", *arguments, cwd=tmp_path)
    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (2, "", 1)
    assert complaint in done.stderr


def test_an_empty_store_has_nothing_to_show(tmp_path: Path) -> None:
    """In whatever encoding."""
    write_store(tmp_path / "usage.db", [])
    done = run("tail", cwd=tmp_path, env=environment(PYTHONIOENCODING="ascii"))
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_events_for_programs_are_utf8_in_every_locale(tmp_path: Path) -> None:
    """What a terminal cannot show must not become a question mark in what a program reads."""
    event = call(agent="zo\u00eb")
    write_store(tmp_path / "usage.db", [event])
    done = run("tail", "--ndjson", cwd=tmp_path, env=environment(PYTHONIOENCODING="ascii"))
    assert decode_event(done.stdout) == event
