"""A forecast that learns from a store by itself."""

from pathlib import Path
from typing import Any

import pytest

import taximeter
from histories import answered
from taximeter.errors import ConfigurationError
from taximeter.forecast import BackgroundForecast
from taximeter.foresight import Estimate


def fill(path: Path, *outputs: int) -> None:
    with taximeter.start(path) as tracker:
        now_us = tracker.events.build(provider="openai").started_at_us
        for output in outputs:
            tracker.track_task_completion(answered(0, output, started_at_us=now_us, agent="a"))


def asked(forecast: BackgroundForecast) -> Estimate:
    call: dict[str, Any] = {
        "provider": "openai",
        "model": "gpt-4o-mini",
        "operation": "chat",
        "task_type": "unknown",
        "complexity": "unknown",
    }
    return forecast.estimate(**call, agent="a", request=None, at_us=0)


def test_it_learns_behind_the_first_question_and_again_when_it_is_time(tmp_path: Path) -> None:
    """Nobody waits: what is not read yet is unknown, and what is new counts after a while."""
    path, now = tmp_path / "usage.db", [100.0]
    fill(path, *[200] * 30)
    forecast = BackgroundForecast(path, refresh_s=60, clock=lambda: now[0])
    asked(forecast)
    assert forecast.wait()
    first = asked(forecast).output_tokens
    assert first == 200
    fill(path, *[900] * 200)
    now[0] += 61
    asked(forecast)
    forecast.wait()
    assert asked(forecast).output_tokens == 900


def test_a_store_that_is_not_there_or_broken_costs_nothing(tmp_path: Path) -> None:
    """Estimates stay open, and the calls go on."""
    missing = BackgroundForecast(tmp_path / "missing.db")
    asked(missing)
    missing.wait()
    assert asked(missing) == Estimate()
    (tmp_path / "broken.db").write_bytes(b"no store" * 1000)
    broken = BackgroundForecast(tmp_path / "broken.db")
    asked(broken)
    assert not broken.wait()
    assert asked(broken) == Estimate()


def test_a_file_turns_it_on(tmp_path: Path) -> None:
    """`forecast = true` is all that a program started as configured needs; without a store it is an error."""
    file, path = tmp_path / "taximeter.toml", tmp_path / "usage.db"
    fill(path, *[200] * 30)
    file.write_text("forecast = true\nsinks = 'usage.db'\n")
    with taximeter.start_configured(config=file) as tracker:
        build: Any = tracker.events.build
        call = {"provider": "openai", "model": "gpt-4o-mini", "operation": "chat", "agent": "a"}
        build(**call)
        learned = tracker._forecast
        assert isinstance(learned, BackgroundForecast)
        assert learned.wait()
        assert build(**call).estimated_output_tokens == 200
    with pytest.raises(ConfigurationError, match="forecast"):
        taximeter.start_configured("memory:", config=file)
    with taximeter.start_configured("memory:", config=file, forecast=None) as tracker:
        assert tracker.events.build(provider="openai").estimated_output_tokens is None
