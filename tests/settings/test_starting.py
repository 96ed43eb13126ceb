"""Trackers whose settings come from outside."""

import os
from pathlib import Path

import pytest

import taximeter
from taximeter.errors import ConfigurationError


def test_arguments_win_over_environment_and_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Argument, environment, file: in this order of strength, setting by setting."""
    file = tmp_path / "taximeter.toml"
    file.write_text("sinks = 'file.db'\nservice = 'file'\nmax_events = 7\n")
    monkeypatch.setenv("TAXIMETER_SERVICE", "environment")
    with taximeter.start_configured(config=file) as tracker:
        assert [sink.name for sink in tracker.sinks] == ["file.db"]
        assert tracker.events.build(provider="openai").service == "environment"
    with taximeter.start_configured("memory:", config=file, service="argument") as tracker:
        assert [sink.name for sink in tracker.sinks] == ["memory"]
        assert tracker.events.build(provider="openai").service == "argument"
    assert not (tmp_path / "file.db").exists()


def test_start_reads_neither_file_nor_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A library that a program has written down does what is written there."""
    monkeypatch.setenv("TAXIMETER_SERVICE", "environment")
    with taximeter.start("memory:") as tracker:
        assert tracker.events.build(provider="openai").service is None


def test_prices_of_files_lie_over_the_table(tmp_path: Path) -> None:
    """The setting `prices` names files of the user's own."""
    (tmp_path / "mine.toml").write_text(
        "provider = 'acme'\n[prices]\ninput_usd_per_mtok = 2\noutput_usd_per_mtok = 2\n"
    )
    (tmp_path / "taximeter.toml").write_text("prices = 'mine.toml'\nsinks = 'memory:'\n")
    with taximeter.start_configured(config=tmp_path / "taximeter.toml") as tracker:
        event = tracker.events.build(
            provider="acme", model="m", actual_input_tokens=1_000_000, actual_output_tokens=0
        )
    assert event.actual_cost_usd_micros == 2_000_000


def test_an_option_that_there_is_not_is_an_error() -> None:
    """As with `start`."""
    with pytest.raises(ConfigurationError, match="servise"):
        taximeter.start_configured("memory:", config=os.devnull, servise="x")


def test_budgets_of_the_file_hold(tmp_path: Path) -> None:
    """What `[[budgets]]` says limits the tracker's calls, and a wrong one is an error."""
    file = tmp_path / "taximeter.toml"
    file.write_text('[[budgets]]\nname = "team"\nlimit_usd = 2.5\n')
    with taximeter.start_configured(tmp_path / "usage.db", config=file) as tracker:
        assert tracker.budgets is not None
        assert [budget.limit_usd_nanos for budget in tracker.budgets.budgets] == [2_500_000_000]
    file.write_text('[[budgets]]\nname = "team"\nlimt_usd = 2.5\n')
    with pytest.raises(ConfigurationError, match="did you mean 'limit_usd'"):
        taximeter.start_configured(tmp_path / "usage.db", config=file)


def test_an_argument_stands_in_for_the_budgets_of_the_file(tmp_path: Path) -> None:
    """Even one that says there are none."""
    file = tmp_path / "taximeter.toml"
    file.write_text("[[budgets]]\nname = 'all'\nlimit_usd = '5'\n")
    with taximeter.start_configured("memory:", config=file, budgets=None) as tracker:
        assert tracker.budgets is None
