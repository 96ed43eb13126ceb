"""The price compiler: the same input gives the same table, and the shipped one is it."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
COMPILER = ROOT / "tools/compile_prices.py"


def test_the_shipped_table_is_what_the_compiler_makes() -> None:
    """Nobody has edited the table by hand or forgotten to compile it: the bytes are the same."""
    pytest.importorskip("genai_prices", reason="genai-prices is a development dependency")
    check = subprocess.run([sys.executable, COMPILER, "--check"], capture_output=True, text=True, check=False)
    assert check.returncode == 0, check.stdout + check.stderr
