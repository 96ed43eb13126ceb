"""`taximeter forecast`."""

import json
import time
from pathlib import Path

import pytest

from console_script import environment, run, run_on_terminal
from event_samples import write_lines, write_store
from histories import START_US, answered, steady

MINUTE_US = 60_000_000


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store and a file of calls up to now, some without a price."""
    folder = tmp_path_factory.mktemp("history")
    shift_us = time.time_ns() // 1000 - START_US - 200 * MINUTE_US
    calls = [
        answered(
            at,
            event.actual_output_tokens or 0,
            agent=event.agent,
            started_at_us=event.started_at_us + shift_us,
        )
        for at, event in enumerate(steady(150))
    ]
    calls += [
        answered(
            provider="acme",
            model="own",
            requested_model="own",
            started_at_us=START_US + shift_us,
            actual_cost_usd_nanos=None,
        )
    ]
    write_store(folder / "usage.db", calls)
    write_lines(folder / "events.ndjson", calls)
    return folder


@pytest.mark.parametrize("source", ["usage.db", "events.ndjson"])
def test_a_job_is_foreseen_from_the_calls_in_a_store(folder: Path, source: str) -> None:
    """One call and all of them, with p50 and p90, by whoever provides the model."""
    done = run(
        "forecast", source, "--model", "gpt-4o-mini", "--calls", "1000", "--input-tokens", "500", cwd=folder
    )
    assert (done.returncode, done.stderr) == (0, "")
    rows = [line.split() for line in done.stdout.splitlines()]
    assert rows[0] == ["for", "input", "output", "p50", "output", "p90", "cost", "p50", "cost", "p90"]
    assert rows[2][:3] == ["a", "call", "500"]
    assert rows[3][:3] == ["1,000", "calls", "500,000"]
    assert "150 calls of the same model" in done.stdout


def test_json_has_all_of_it(folder: Path) -> None:
    """For programs: tokens, nanodollars and what they rest on."""
    done = run(
        "forecast", "--model", "gpt-4o-mini", "--agent", "a1", "--max-tokens", "9", "--json", cwd=folder
    )
    found = json.loads(done.stdout)
    assert (found["calls"], found["each"]["output_tokens_p90"], found["unpriced_calls"]) == (1, 9, 0)
    assert found["cost_p50_usd_nanos"] <= found["cost_p90_usd_nanos"]


def test_unpriced_calls_never_vanish(folder: Path) -> None:
    """A model without a price costs an unknown amount, and its calls are named."""
    done = run("forecast", "--model", "own", "--calls", "7", cwd=folder)
    assert "unknown" in done.stdout
    assert "No price of acme/own is known: 7 unpriced calls." in done.stdout
    assert "unpriced" in run("forecast", "--model", "own", "--format", "markdown", cwd=folder).stdout


def test_the_calibration_is_printed(folder: Path) -> None:
    """How often forecasts have held, by how much history they had."""
    done = run("forecast", "--calibration", cwd=folder)
    assert done.stdout.splitlines()[0].startswith("earlier calls alike")
    assert "90 %" in done.stdout
    rows = json.loads(run("forecast", "--calibration", "--json", cwd=folder).stdout)
    assert (rows[-1]["history"], rows[-1]["output_calls"]) == ("all", 151)
    assert 0.8 < rows[-1]["output_within_p90"] <= 1


def test_without_a_model_it_is_about_the_month(folder: Path) -> None:
    """What was spent so far and what it comes to, in any zone, for some of the calls."""
    done = run("forecast", "--tz", "Asia/Kathmandu", "--where", "provider=openai", cwd=folder)
    assert (done.returncode, done.stderr) == (0, "")
    assert "in all" in done.stdout
    found = json.loads(run("forecast", "--month", "--json", cwd=folder).stdout)
    assert found["cost_p50_usd_nanos"] >= found["so_far"]["cost_usd_nanos"]
    assert "| so far |" in run("forecast", "--format", "markdown", cwd=folder).stdout


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--calls", "3"], "--model"),
        (["--month", "--calibration"], "--calibration"),
        (["--model", "nope"], "--provider"),
        (["--tz", "Mars/Olympus"], "--tz"),
        (["nothing.db"], "existing file"),
        (["--model", "gpt-4o-mini", "--calls", "0"], "calls"),
    ],
)
def test_mistakes_are_one_line(folder: Path, options: list[str], said: str) -> None:
    """The option is named, and the exit code is 2."""
    done = run("forecast", *options, cwd=folder)
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_an_empty_store_has_nothing_to_say(tmp_path: Path) -> None:
    """No history is no error."""
    write_store(tmp_path / "usage.db", [])
    assert "No calls" in run("forecast", "--calibration", cwd=tmp_path).stdout
    assert "no calls to tell a rate by" in run("forecast", cwd=tmp_path).stdout
    guess = run("forecast", "--model", "gpt-4o", "--provider", "openai", cwd=tmp_path)
    assert "a guess" in guess.stdout
    assert "--input-tokens" in guess.stdout


def test_a_narrow_terminal_loses_no_digits(folder: Path) -> None:
    """Where no table fits there are lines."""
    shown = run_on_terminal(
        "forecast", "--model", "gpt-4o-mini", cwd=folder, env=environment(TERM="xterm", COLUMNS="40")
    )
    assert "a call" in shown
    assert "…" not in shown
