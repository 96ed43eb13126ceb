"""`taximeter diff`."""

import csv
import json
import re
from pathlib import Path

import pytest

import taximeter
from console_script import environment, run, run_on_terminal
from event_samples import HOUR_US, NOVEMBER_US, call, write_lines, write_store

DAY_US = 24 * HOUR_US


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    october = [call(nanos=1_000_000_000, run_id="r1", agent="a", started_at_us=NOVEMBER_US - DAY_US)] * 1
    november = [
        call(nanos=1_000_000_000, run_id="r2", agent="a"),
        call(nanos=1_500_000_000, run_id="r2", agent="b", actual_input_tokens=1525),
        call("mystery", None, run_id="r2"),
    ]
    write_store(tmp_path / "usage.db", [*october, *november])
    write_lines(tmp_path / "october.ndjson", october)
    write_lines(tmp_path / "november.ndjson", november)
    return tmp_path


@pytest.mark.parametrize(
    "sides",
    [
        ("2026-10", "2026-11"),
        ("2026-10-31", "2026-11-01"),
        ("..2026-11-01", "2026-11-01.."),
        ("run:r1", "run:r2"),
        ("october.ndjson", "november.ndjson"),
        ("october.ndjson", "run:r2"),
    ],
)
def test_two_windows_runs_or_stores_are_compared(folder: Path, sides: tuple[str, str]) -> None:
    """All of them the same calls: the sentence at the top says what changed, and why."""
    lines = run("diff", *sides, cwd=folder).stdout.splitlines()
    assert lines[0] == "+$1.500 (+150 %): +$1.000 from more calls, +$0.500 from more tokens a call"
    assert lines[1].endswith("1 call, $1.00")
    assert lines[2].endswith("3 calls, $2.50 + 1 unpriced call")
    assert lines[-1] == "Calls without a price are in no amount, and their number is not the same."


def test_parts_sum_to_the_change_in_every_format(folder: Path) -> None:
    """Integers in JSON, exact dollars in CSV, by any dimension."""
    sides = ("diff", "run:r1", "run:r2", "--by", "agent")
    found = json.loads(run(*sides, "--json", cwd=folder).stdout)
    *groups, mystery = found["groups"]
    for each in (*groups, found["total"]):
        parts = [each[f"{name}_effect_usd_nanos"] for name in ("calls", "mix", "tokens", "price")]
        change = each["after"]["cost_usd_nanos"] - each["before"]["cost_usd_nanos"]
        assert sum(parts) == each["change_usd_nanos"] == change
    rows = list(csv.DictReader(run(*sides, "--format", "csv", cwd=folder).stdout.splitlines()))
    assert [row["agent"] for row in rows] == [row["agent"] or "" for row in found["groups"]]
    changes = [int(row["change_usd"].replace(".", "")) for row in rows[:-1]]
    assert sum(changes) == found["total"]["change_usd_nanos"]
    assert (mystery["after"]["cost_usd_nanos"], mystery["change_usd_nanos"]) == (None, None)
    assert [rows[-1][name] for name in ("cost_usd_after", "change_usd", "price_effect_usd")] == ["", "", ""]
    markdown = run(*sides, "--format", "markdown", cwd=folder).stdout.splitlines()
    assert markdown[0].startswith("| agent | calls before | calls after | before | after | change |")


def test_a_change_from_or_to_what_is_unknown_is_unknown(folder: Path) -> None:
    """Calls without a price are no reason to say that nothing changed."""
    calls = [call("mystery", None, run_id=run_id) for run_id in ("r3", "r4", "r4")]
    write_store(folder / "usage.db", calls)
    lines = run("diff", "run:r3", "run:r4", cwd=folder).stdout.splitlines()
    assert lines[0] == "unknown: calls without a price are in no amount"
    assert lines[1].endswith("1 call, unknown (1 unpriced call)")
    assert [line.split()[:6] for line in lines if line.startswith("mystery")] == [
        ["mystery", "1", "2", "unknown", "unknown", "unknown"]
    ]


def test_losses_are_said_of_the_side_that_is_short_of_them(folder: Path) -> None:
    """A change may be nothing but events that were lost on one side; in JSON too."""
    tracker = taximeter.start(folder / "short.db")
    tracker.track_task_completion(call())
    tracker.count_loss("capture_error", 3)
    tracker.close()
    sides = ("diff", "october.ndjson", "short.db")
    assert run(*sides, cwd=folder).stdout.splitlines()[-1] == "Not in it: 3 events lost: 3 capture_error."
    found = json.loads(run(*sides, "--json", cwd=folder).stdout)
    assert (found["before"]["lost"], found["after"]["lost"]) == ({}, {"capture_error": 3})


def test_a_narrow_terminal_gets_sentences(folder: Path) -> None:
    """Where the table does not fit, each group is told in words."""
    shown = run_on_terminal(
        "diff", "run:r1", "run:r2", cwd=folder, env=environment(TERM="xterm", COLUMNS="30")
    )
    shown = re.sub(r"\x1b\[[0-9;]*m", "", shown)
    assert "gpt-4o +$1.500 (+150 %): +$1.000 from more calls" in " ".join(shown.split())
    assert max(map(len, shown.splitlines())) <= 30


def test_nothing_on_either_side_is_said(folder: Path) -> None:
    """It is no error."""
    done = run("diff", "2025-01", "2025-02", cwd=folder)
    assert (done.returncode, done.stdout) == (0, "No calls on either side.\n")


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["soon", "7d"], "BEFORE='soon': must be the file of a store, run:ID, a day"),
        (["7d", "missing.db"], "AFTER='missing.db': must be the file of a store"),
        (["7d..14d", "7d"], "BEFORE='7d..14d': must be a span that ends after it begins"),
        (["7d", "7d", "--since", "3d"], "BEFORE='7d': must be a file or run:ID"),
        (["run:a", "7d", "--where", "run=b"], "BEFORE='run:a': must be a span or a file"),
        (["7d", "7d", "--store", "missing.db"], "store='missing.db': must be an existing file"),
        (["7d", "7d", "--by", "day"], "by='day': must be a dimension that both sides have in common"),
        (["7d", "7d", "--tz", "Mars/Olympus"], "--tz='Mars/Olympus'"),
        (["7d"], "Missing argument"),
    ],
)
def test_what_cannot_be_compared_is_said_in_one_line(
    folder: Path, arguments: list[str], complaint: str
) -> None:
    """On stderr, with the code for wrong usage."""
    done = run("diff", *arguments, cwd=folder)
    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (2, "", 1)
    assert complaint in done.stderr
