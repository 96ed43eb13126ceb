"""Tests of the tables in benchmarks/README.md."""

import subprocess
import sys
from pathlib import Path

TABLE = Path(__file__).parents[2] / "benchmarks" / "table.py"


def test_tables_are_what_the_results_say() -> None:
    """The README of the benchmarks shows the committed results, and nothing else."""
    process = subprocess.run([sys.executable, TABLE, "--check"], check=False)
    assert process.returncode == 0, "run `python benchmarks/table.py`"
