"""`taximeter top`."""

import time
from pathlib import Path

import pytest

from console_script import interactive, run
from event_samples import HOUR_US, call, write_lines, write_store
from taximeter.event import encode_event

MINUTE_US = HOUR_US // 60


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    now_us = time.time_ns() // 1000
    calls = [
        call("small", 1_000_000_000, agent="a", started_at_us=now_us - 10 * MINUTE_US),
        call("large", 3_000_000_000, agent="b", started_at_us=now_us - 20 * MINUTE_US),
        call("mystery", None, started_at_us=now_us - 20 * MINUTE_US),
        call("old", 9_000_000_000, started_at_us=now_us - 40 * MINUTE_US),
    ]
    write_store(tmp_path / "usage.db", calls)
    write_lines(tmp_path / "events.ndjson", calls)
    return tmp_path


@pytest.mark.parametrize("source", ["usage.db", "events.ndjson"])
def test_in_a_pipe_it_looks_once(folder: Path, source: str) -> None:
    """The last minutes, the dearest first, with what an hour costs at this rate."""
    lines = run("top", source, "--last", "30m", cwd=folder).stdout.splitlines()
    assert lines[0].startswith(f"{source} at ")
    assert lines[1] == "3 calls in the last 30 minutes: $4.00 + 1 unpriced call, $8.00 an hour"
    rows = {line.split()[0]: line.split()[-1] for line in lines[5:] if line.strip()}
    assert rows == {"large": "$6.00", "small": "$2.00", "mystery": "unknown", "total": "$8.00"}


def test_it_takes_any_dimension_and_filter(folder: Path) -> None:
    """As reports do."""
    shown = run("top", "--by", "agent", "-w", "agent=a", "--last", "1h", cwd=folder).stdout
    assert "with agent=a" in shown
    assert "1 call in the last hour: $1.00, $1.00 an hour" in shown


def test_a_quiet_time_is_said(folder: Path) -> None:
    """No table of nothing."""
    assert run("top", "--last", "1m", cwd=folder).stdout.splitlines()[1:] == ["0 calls in the last minute"]


def test_on_a_terminal_it_goes_on_until_ctrl_c(folder: Path) -> None:
    """What is written meanwhile shows, and the screen is given back at the end."""
    with interactive("top", "events.ndjson", "--interval", "0.05", cwd=folder) as command:
        command.wait_for("0 calls in the last 5 minutes")
        with (folder / "events.ndjson").open("ab") as file:
            file.write(encode_event(call("fresh", started_at_us=time.time_ns() // 1000)) + b"\n")
        command.wait_for("fresh")
        code, shown = command.interrupt()
    assert code == 130
    assert "Traceback" not in shown
    assert shown.endswith("\x1b[?1049l")


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["missing.db"], "store='missing.db': must be an existing file"),
        (["--last", "soon"], "--last='soon': must be an age such as 90m, 24h or 7d"),
        (["--last", "0m"], "--last='0m': must be an age"),
        (["--by", "agnet"], "did you mean 'agent'?"),
        (["--interval", "nan"], "--interval=nan: must be from 0.05"),
    ],
)
def test_what_cannot_be_is_said_in_one_line(folder: Path, arguments: list[str], complaint: str) -> None:
    """On stderr, with the code for wrong usage."""
    done = run("top", *arguments, cwd=folder)
    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (2, "", 1)
    assert complaint in done.stderr
