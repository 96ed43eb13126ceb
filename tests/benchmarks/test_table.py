"""Tests of the tables in benchmarks/README.md."""

import subprocess
import sys

import msgspec

import table
from benchmark_samples import BENCHMARKS, FOUND

OLD = msgspec.structs.replace(FOUND, run="", figures={"track_x": 2.4})
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
