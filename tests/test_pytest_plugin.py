"""The pytest plugin, as the tests of other projects have it."""

import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import taximeter

PASSING = """
import anyio
import pytest

import taximeter
from taximeter.testing import sample

tracker = taximeter.start("usage.db")  # the program's own, made when it is imported


def track():
    tracker.track_task_completion(tracker.events.build(response=sample("openai.chat").payload))


def test_plain(taximeter_events, assert_cost):
    track()
    assert taximeter_events.one.provider == "openai"
    assert_cost(max_usd="0.01", max_tokens=17, max_calls=1)


@pytest.mark.anyio
@pytest.mark.parametrize("anyio_backend", ["asyncio", "trio"])
async def test_async(taximeter_events):
    await anyio.lowlevel.checkpoint()
    track()
    assert len(taximeter_events) == 1
"""

FAILING = (
    PASSING
    + """

def test_too_much(assert_cost):
    track()
    assert_cost(max_tokens=16)
"""
)


def run_pytest(folder: Path, code: str, *options: str) -> subprocess.CompletedProcess[str]:
    (folder / "test_it.py").write_text(code)
    return subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-p",
            "taximeter.pytest_plugin",
            "-p",
            "anyio",
            *options,
            "-W",
            "error",
        ],
        check=False,
        cwd=folder,
        env={**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        capture_output=True,
        text=True,
    )


def test_fixtures_capture_and_assert(tmp_path: Path) -> None:
    """Plain and async tests, each with events of its own, and nothing is written."""
    done = run_pytest(tmp_path, PASSING, "-p", "no:cacheprovider")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "3 passed" in done.stdout
    assert not (tmp_path / "usage.db").exists()


def test_a_failure_shows_the_calls_and_the_users_line(tmp_path: Path) -> None:
    """The report ends at the assertion in the test, not inside of us."""
    done = run_pytest(tmp_path, FAILING)
    assert done.returncode == 1, done.stdout
    assert "1 call: 17 tokens are more than max_tokens=16" in done.stdout
    assert "openai gpt-4o-mini-2024-07-18: success, 12/5 tokens in/out" in done.stdout
    assert "captured.py" not in done.stdout


def test_the_plugin_loads_nothing_until_a_test_asks(tmp_path: Path) -> None:
    """A run of tests that do not use it has none of our rooms, and no library of ours, in memory."""
    code = """
import sys


def test_it():
    ours = sorted(name for name in sys.modules if name.partition(".")[0] in {"taximeter", "msgspec", "httpx"})
    print("LOADED", __import__("json").dumps(ours))
"""
    done = run_pytest(tmp_path, code, "-s")
    (line,) = [line for line in done.stdout.splitlines() if "LOADED" in line]
    assert json.loads(line.partition("LOADED ")[2]) == [
        "taximeter",
        "taximeter.pytest_plugin",
        "taximeter.version",
    ]


def test_pytest_finds_the_plugin_by_itself() -> None:
    """An installed taximeter brings it along."""
    project = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text())["project"]
    assert project["entry-points"]["pytest11"] == {"taximeter": "taximeter.pytest_plugin"}


def test_who_imports_us_first_is_not_warned() -> None:
    """Pytest warns of plugins that were imported before it started, unless their docstring has this word."""
    assert "PYTEST_DONT_REWRITE" in str(taximeter.__doc__)
