"""`taximeter why`."""

import json
from pathlib import Path

import pytest

from console_script import run
from event_samples import write_lines, write_store
from taximeter.builder import EventBuilder
from taximeter.event import TaskCompletionEvent

AT_US = 1_767_225_600_000_000  # 2026-01-01


@pytest.fixture
def event(tmp_path: Path) -> TaskCompletionEvent:
    event = EventBuilder().build(
        provider="anthropic",
        response={
            "model": "claude-sonnet-4-5-20250929",
            "usage": {"input_tokens": 150_000, "output_tokens": 1000, "cache_read_input_tokens": 60_000},
        },
        started_at_us=AT_US,
    )
    write_store(tmp_path / "usage.db", [event])
    write_lines(tmp_path / "events.ndjson", [event])
    return event


@pytest.mark.parametrize("source", [[], ["--store", "events.ndjson"]])
def test_a_cost_is_shown_by_component_and_rule(
    event: TaskCompletionEvent, source: list[str], tmp_path: Path
) -> None:
    """Quantity x rate = amount, with the rule that moved the rate, the price's id and the table's version."""
    done = run("why", event.event_id, *source, cwd=tmp_path)
    rows = {line.split()[0]: line.split() for line in done.stdout.splitlines() if line.strip()}
    assert rows["input"][1:6] == ["150,000", "$6", "per", "million", "$0.900000000"]
    assert rows["cache_read"][1:6] == ["60,000", "$0.6", "per", "million", "$0.036000000"]
    assert rows["total"] == ["total", "$0.958500000"]
    assert "over 200,000 input tokens" in done.stdout
    assert rows["price"][1] == event.price_id
    assert rows["table"][1] == event.price_version
    assert "The event says" not in done.stdout
    assert done.returncode == 0


def test_json_has_the_same(event: TaskCompletionEvent, tmp_path: Path) -> None:
    """Components sum to the cost, and there is no doubt."""
    found = json.loads(run("why", event.event_id, "--json", cwd=tmp_path).stdout)
    assert sum(part["usd_nanos"] for part in found["components"]) == found["cost_usd_nanos"] == 958_500_000
    assert found["recomputed"]["cost_usd_nanos"] == 958_500_000
    assert found["doubts"] == []


def test_an_unknown_event_is_one_line(event: TaskCompletionEvent, tmp_path: Path) -> None:
    """Wrong id, wrong file: one line each."""
    for arguments in (["nope"], [event.event_id, "--store", "missing.db"]):
        done = run("why", *arguments, cwd=tmp_path)
        assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (2, "", 1)


def test_a_file_without_events_is_said_to_have_none(tmp_path: Path) -> None:
    """No id would be right there, in a store or in a file of lines."""
    write_store(tmp_path / "usage.db", [])
    (tmp_path / "events.ndjson").touch()
    for name in ("usage.db", "events.ndjson"):
        assert "holds no events" in run("why", "nope", "--store", name, cwd=tmp_path).stderr


def test_a_call_without_a_price_says_unknown(tmp_path: Path) -> None:
    """No price is shown as no price."""
    call = EventBuilder().build(
        provider="openai",
        response={
            "object": "chat.completion",
            "model": "made-up",
            "usage": {"prompt_tokens": 3, "completion_tokens": 4},
        },
    )
    write_store(tmp_path / "usage.db", [call])
    shown = run("why", call.event_id, cwd=tmp_path).stdout
    assert "unknown (unknown, from none)" in shown
