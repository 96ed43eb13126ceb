"""The line that a call leaves in the log."""

import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sink_doubles import batch
from taximeter.errors import ConfigurationError
from taximeter.event import (
    CallFinishedEvent,
    CallFinishedPayload,
    RunFinishedEvent,
    RunFinishedPayload,
    RunStartedEvent,
    RunStartedPayload,
    TaskCompletionEvent,
)
from taximeter.sinks.log import LogSink, log_line
from taximeter.vocabulary import Outcome


def test_a_whole_call() -> None:
    """Every value has its key, in a fixed order."""
    event = TaskCompletionEvent(
        provider="anthropic",
        model="claude-sonnet-4-5",
        task_duration_ms=1234.5678,
        actual_input_tokens=1200,
        actual_output_tokens=30,
        cache_read_tokens=1000,
        cache_write_5m_tokens=50,
        cache_write_1h_tokens=5,
        actual_cost_usd_nanos=1_234_567,
        actual_cost_usd_micros=1235,
        finish_reasons=("end_turn",),
    )
    assert log_line(event) == (
        "LLM call | provider=anthropic model=claude-sonnet-4-5 duration_ms=1234.6 input_tokens=1200"
        " output_tokens=30 total_tokens=1230 cache_read_tokens=1000 cache_write_tokens=55"
        " cost_usd=0.001234567 stop_reason=end_turn"
    )


def test_what_is_unknown_is_called_so() -> None:
    """Never 0, and cache counters that are unknown are left out."""
    assert log_line(TaskCompletionEvent()) == (
        "LLM call | provider=unknown model=unknown duration_ms=unknown input_tokens=unknown"
        " output_tokens=unknown total_tokens=unknown cost_usd=unknown stop_reason=unknown"
    )


def test_a_failed_call_has_a_line_too() -> None:
    """Its stop reason is its error."""
    failed = TaskCompletionEvent(outcome=Outcome.FAILURE, error_type="rate_limit_error")
    assert log_line(failed).endswith("stop_reason=rate_limit_error")
    assert log_line(TaskCompletionEvent(outcome=Outcome.CANCELLED)).endswith("stop_reason=cancelled")


@pytest.mark.parametrize(
    ("nanos", "micros", "text"),
    [
        (0, 0, "0.000000000"),
        (1, 0, "0.000000001"),
        (12_000_000_001, 1, "12.000000001"),
        (None, 5, "0.000005"),
        (-1, 0, "-0.000000001"),
    ],
)
def test_money_is_written_from_its_integer(nanos: int | None, micros: int, text: str) -> None:
    """To the last digit, without a float in between."""
    event = TaskCompletionEvent(actual_cost_usd_nanos=nanos, actual_cost_usd_micros=micros)
    assert f" cost_usd={text} " in log_line(event)


def test_a_lifecycle_event_has_its_own_words() -> None:
    """Its type comes first, so that nobody counts it as a call."""
    event = CallFinishedEvent(run_id="r 1", payload=CallFinishedPayload(call_id="c", latency_ms=2.0))
    assert log_line(event) == 'LLM_CALL_FINISHED | call_id=c run_id="r 1" duration_ms=2.0'


def test_a_run_is_one_line_of_its_totals() -> None:
    """What its calls add up to, the money from its integer."""
    payload = RunFinishedPayload(name="nightly", calls=3, cost_usd_nanos=1_500_000_000, duration_ms=12.34)
    line = log_line(RunFinishedEvent(run_id="r", payload=payload))
    assert line.startswith("RUN_FINISHED | run_id=r name=nightly outcome=success duration_ms=12.3 calls=3 ")
    assert " cost_usd=1.500000000 " in line
    started = RunStartedEvent(run_id="r", payload=RunStartedPayload(name="nightly"))
    assert log_line(started) == "RUN_STARTED | run_id=r name=nightly"


@given(st.text(), st.text())
def test_no_value_forges_a_line_or_a_pair(model: str, reason: str) -> None:
    """One line of printable ASCII, each key once."""
    line = log_line(TaskCompletionEvent(model=model, finish_reasons=(reason,)))
    assert line.isascii()
    assert line.isprintable()
    assert line.split(" stop_reason=")[0].count(" provider=") == 1


@pytest.mark.anyio
async def test_the_level_is_configurable(caplog: pytest.LogCaptureFixture) -> None:
    """Records carry the level asked for, in any case."""
    with caplog.at_level(logging.DEBUG, "taximeter.calls"):
        await LogSink("warning").write(batch(TaskCompletionEvent()))
    assert [record.levelno for record in caplog.records] == [logging.WARNING]


def test_an_unknown_level_is_refused() -> None:
    """At construction, with the levels there are."""
    with pytest.raises(ConfigurationError, match=r"level='LOUD'.*INFO"):
        LogSink("LOUD")
