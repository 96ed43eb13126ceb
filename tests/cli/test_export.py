"""`taximeter export`."""

import csv
import io
import json
import os
from decimal import Decimal
from pathlib import Path

import pytest

from console_script import run
from event_samples import HOUR_US, NOVEMBER_US, write_lines, write_store
from focus_rules import broken_by_columns, broken_by_row
from taximeter.builder import EventBuilder
from taximeter.usage import Usage

parquet = pytest.importorskip("pyarrow.parquet", reason="belongs to the extra `parquet`")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    builder, usage = EventBuilder(), Usage(uncached_input_tokens=1000, text_output_tokens=100)
    calls = [
        builder.build(
            provider="openai", model=model, usage=usage, started_at_us=NOVEMBER_US + at * HOUR_US, agent="@a"
        )
        for at, model in enumerate(["gpt-4o", "gpt-4o", "our-own"])
    ]
    write_store(tmp_path / "usage.db", calls)
    write_lines(tmp_path / "events.ndjson", calls)
    return tmp_path


@pytest.mark.parametrize("source", ["usage.db", "events.ndjson"])
def test_events_as_csv(folder: Path, source: str) -> None:
    """One line an event on standard output, what was done on standard error; unknown money is an empty field."""
    done = run("export", source, cwd=folder)
    rows = list(csv.DictReader(io.StringIO(done.stdout)))
    assert [row["actual_cost_usd_nanos"] for row in rows] == ["3500000", "3500000", ""]
    assert (rows[0]["started_at"], rows[0]["agent"]) == ("2026-11-01T00:00:00.000000Z", "'@a")
    assert done.stderr == "3 events\n"


def test_events_as_lines_and_as_parquet(folder: Path) -> None:
    """The name of the file says the format; lines are events that can be read again."""
    assert run("export", "--out", "copy.ndjson", "--where", "model=gpt-4o", cwd=folder).returncode == 0
    assert run("report", "copy.ndjson", cwd=folder).stdout.endswith("2 calls: $0.00700\n")
    assert run("export", "--out", "calls.parquet", cwd=folder).returncode == 0
    assert parquet.read_table(folder / "calls.parquet").num_rows == 3


def test_focus_is_valid_and_says_what_it_leaves_out(folder: Path) -> None:
    """Rows that keep the rules, on standard error what has none, and the metadata beside it."""
    done = run("export", "-f", "focus", "--per", "hour", "--metadata", "schema.json", cwd=folder)
    rows = list(csv.DictReader(io.StringIO(done.stdout)))
    assert list(broken_by_columns(list(rows[0]), "1.2")) == []
    assert [broken for row in rows for broken in broken_by_row(row)] == []
    assert sum(Decimal(row["BilledCost"]) for row in rows) == Decimal("0.007")
    assert done.stderr == (
        "4 rows for 2 calls, $0.00700; 1 unpriced call left out: FOCUS has no unknown cost\n"
    )
    document = json.loads((folder / "schema.json").read_text())
    assert document["x_Completeness"]["unpriced_calls"] == 1


def test_focus_as_parquet_carries_its_metadata(folder: Path) -> None:
    """Decimals stay exact, and what was left out is in the file itself."""
    done = run("export", "-f", "focus", "--focus-version", "1.4", "--out", "focus.Parquet", cwd=folder)
    assert done.returncode == 0
    table = parquet.read_table(folder / "focus.Parquet")
    assert sum(table.column("BilledCost").to_pylist()) == Decimal("0.007")
    assert list(broken_by_columns(table.column_names, "1.4")) == []
    footer = parquet.read_metadata(folder / "focus.Parquet").metadata
    assert json.loads(footer[b"focus"])["x_Completeness"]["unpriced_calls"] == 1


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (["--format", "xml"], "--format"),
        (["--format", "focus", "--focus-version", "0.9"], "--focus-version"),
        (["--format", "focus", "--per", "week"], "--per"),
        (["--format", "focus", "--prices", "nowhere.toml"], "nowhere.toml"),
        (["--out", "nowhere/x.csv"], "--out"),
        (["--out", "usage.db"], "--out"),
        (["--out", "usage.db-wal", "--format", "csv"], "--out"),
        (["--out", "pipe", "--format", "csv"], "--out"),
        (["--out", "calls.xlsx"], "--out"),
        (["--format", "focus", "--metadata", "usage.db"], "--metadata"),
        (["--format", "focus", "--metadata", "./usage.db-wal"], "--metadata"),
        (["--format", "focus", "--out", "costs.csv", "--metadata", "costs.csv"], "--metadata"),
        (["--format", "focus", "--out", "contract.toml", "--prices", "contract.toml"], "--out"),
        (["--format", "csv", "--metadata", "schema.json"], "--metadata"),
        (["--out", "calls.csv", "--per", "hour"], "--per"),
        (["--prices", "contract.toml"], "--prices"),
        (["--where", "colour=red"], "--where"),
    ],
)
def test_what_cannot_be_is_one_line_and_leaves_nothing(folder: Path, options: list[str], named: str) -> None:
    """A wrong option is named before a file is begun, and before one that is read is written over."""
    (folder / "contract.toml").write_text('[[overrides]]\nprovider = "openai"\nmultiplier = "0.8"\n')
    os.mkfifo(folder / "pipe")
    before = {path: path.stat().st_mtime_ns for path in folder.iterdir()}
    done = run("export", *options, cwd=folder)
    assert done.returncode == 2
    assert named in done.stderr
    assert done.stderr.count("\n") == 1
    assert {path: path.stat().st_mtime_ns for path in folder.iterdir()} == before
