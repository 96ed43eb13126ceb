"""What stands below a total."""

import json
import sqlite3
from pathlib import Path

import pytest

from console_script import run
from event_samples import call, write_store
from taximeter.sinks.loss_table import CREATE, note_losses


@pytest.fixture
def short(tmp_path: Path) -> Path:
    """Return the folder of a store with one call that lost a dozen others."""
    path = write_store(tmp_path / "usage.db", [call()])
    connection = sqlite3.connect(path)
    connection.execute(CREATE)
    note_losses(connection, "a tracker", {"queue_full": 10, "sink_timeout": 2})
    connection.commit()
    connection.close()
    return tmp_path


@pytest.mark.parametrize(
    "command",
    ["report", "report --chart", "report --per-outcome", "top", "waste", "diff ..2026-01-01 2026-01-01.."],
)
def test_every_total_says_what_it_is_short_of(short: Path, command: str) -> None:
    """How many events are known to be lost, and why: a sum without them is a lower bound."""
    lines = run(*command.split(), cwd=short).stdout.splitlines()
    assert "Not in it: 12 events lost: 10 queue_full, 2 sink_timeout." in lines


@pytest.mark.parametrize("command", ["report", "report --per-outcome", "waste"])
def test_programs_are_told_too(short: Path, command: str) -> None:
    """By reason; nothing where nothing is known to be lost."""
    found = json.loads(run(*command.split(), "--json", cwd=short).stdout)
    assert found["lost"] == {"queue_full": 10, "sink_timeout": 2}
    before = run(*command.split(), "--json", "--until", "2026-01-01", cwd=short).stdout
    assert json.loads(before)["lost"] == {}
