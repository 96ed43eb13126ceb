"""`taximeter waste`."""

import csv
import json
from pathlib import Path

import pytest

from console_script import run
from event_samples import call, write_lines, write_store
from taximeter.vocabulary import Outcome


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    calls = [
        call(nanos=3_000_000_000),
        call(nanos=1_000_000_000, outcome=Outcome.CANCELLED, agent="a"),
        call("mystery", None, quality_gate_passed=False, agent="b"),
    ]
    write_store(tmp_path / "usage.db", calls)
    write_lines(tmp_path / "events.ndjson", calls)
    return tmp_path


@pytest.mark.parametrize("source", ["usage.db", "events.ndjson"])
def test_waste_is_shown_by_kind_with_advice(folder: Path, source: str) -> None:
    """What it cost, its share of all, and what can be done; unknown is told from nothing."""
    lines = run("waste", source, cwd=folder).stdout.splitlines()
    assert lines[0].split() == ["waste", "calls", "cost", "share", "unpriced"]
    assert lines[2].split() == ["cut", "short", "1", "$1.00", "25.0", "%", "0"]
    assert lines[3].split() == ["failed", "gate", "1", "unknown", "-", "1"]
    assert any(line.startswith("cut short: ") for line in lines)
    assert lines[-1] == "Wasted: $1.00 + 1 unpriced call (25.0 %) of $4.00 + 1 unpriced call, 3 calls"


def test_waste_comes_in_every_format_and_by_any_dimension(folder: Path) -> None:
    """Integers in JSON, exact dollars in CSV."""
    found = json.loads(run("waste", "--by", "agent", "--json", cwd=folder).stdout)
    assert [(each["kind"], each["agent"], each["cost_usd_nanos"]) for each in found["waste"]] == [
        ("cut short", "a", 1_000_000_000),
        ("failed gate", "b", None),
    ]
    assert found["total"]["unpriced_calls"] == 1
    rows = list(csv.DictReader(run("waste", "-f", "csv", cwd=folder).stdout.splitlines()))
    assert [(row["waste"], row["cost_usd"]) for row in rows] == [
        ("cut short", "1.000000000"),
        ("failed gate", ""),
    ]
    markdown = run("waste", "-f", "markdown", cwd=folder).stdout
    assert "| cut short | 1 | $1.00 | 25.0 % | 0 |" in markdown


def test_no_waste_is_good_news(folder: Path) -> None:
    """And no calls are no news."""
    assert run("waste", "-w", "agent=", cwd=folder).stdout == (
        "No waste found: $0.00 of $3.00, 1 call with agent=\n"
    )
    assert run("waste", "-w", "agent=c", cwd=folder).stdout == "No calls in usage.db with agent=c.\n"
    assert run("waste", "missing.db", cwd=folder).returncode == 2
