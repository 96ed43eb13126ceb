"""Tests of the tables in benchmarks/README.md."""

import subprocess
import sys
from pathlib import Path

import msgspec

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
sys.path.insert(0, str(BENCHMARKS))
import table  # noqa: E402 - benchmarks/ is no package
from answer import Answer  # noqa: E402

OLD = Answer(
    question="hot_path",
    asks="What?",
    at="2026-11-22T01:05Z",
    seconds=30,
    taximeter="0.1.0",
    machine="Linux x86_64, 2 cores",
    load=0.4,
    versions={"python": "CPython 3.11.7"},
    figures={"track_x": 2.4},
)
NEW = msgspec.structs.replace(OLD, question="price", run="2026-11-23T01:00:00Z", at="2026-11-23T01:05Z")


def test_tables_are_what_the_results_say() -> None:
    """The README of the benchmarks shows the committed results, and nothing else."""
    process = subprocess.run([sys.executable, BENCHMARKS / "table.py", "--check"], check=False)
    assert process.returncode == 0, "run `python benchmarks/table.py`"


def test_what_is_older_than_the_last_run_is_marked_wherever_its_figures_stand() -> None:
    text = table.tables({"hot_path": OLD, "price": NEW})
    assert "| 2.4 x | <= 2 x | missed; kept from 2026-11-22T01:05Z |" in text
    assert "| [hot_path](results/hot_path.json) | 1 | 30 | kept from 2026-11-22T01:05Z |" in text
    assert text.count("kept from") == 2


def test_results_of_one_run_are_not_marked() -> None:
    assert "kept from" not in table.tables({"hot_path": OLD})


def test_the_seconds_of_all_questions_are_added_up() -> None:
    assert "The 2 questions took 60 seconds." in table.tables({"hot_path": OLD, "price": NEW})
