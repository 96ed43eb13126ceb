"""The call log sink: lines as pipelines with an events.ndjson of their own have them."""

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sink_doubles import batch, numbered
from taximeter.calls import call
from taximeter.errors import ConfigurationError
from taximeter.scopes import scope
from taximeter.sinks.call_log import CallLogSink, usd_of
from taximeter.sinks.table import sink_for
from taximeter.tracker import start


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "events.ndjson"


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_a_call_is_two_lines(path: Path) -> None:
    """Begin and end, tied together, the cost in dollars and to the last digit."""
    it = call(model="gpt-4o-mini", temperature=0.5, call_id="c", prompt="x")
    with start(f"call-log:{path}"), scope(run_id="r") as around, it:
        it.record_usage({"prompt_tokens": 1, "completion_tokens": 0})
    started, finished = lines(path)
    for line in (started, finished):
        assert list(line) == [
            *("event_id", "run_id", "ts", "type", "payload", "trace_id", "span_id", "parent_span_id")
        ]
        assert (line["run_id"], line["trace_id"]) == ("r", around.trace_id)
        assert (line["span_id"], line["parent_span_id"]) == (it.scope.span_id, around.span_id)
        assert datetime.fromisoformat(line["ts"]).utcoffset() is not None
    assert started["type"] == "LLM_CALL_STARTED"
    assert started["payload"].keys() == {"call_id", "model", "temperature", "prompt_hash"}
    assert finished["type"] == "LLM_CALL_FINISHED"
    assert finished["payload"]["token_usage"] == {"input_tokens": 1, "output_tokens": 0, "total_tokens": 1}
    assert '"api_cost_usd":0.000000150' in path.read_text()


def test_a_failed_call_has_its_error(path: Path) -> None:
    """Class, summary and whether to try again."""
    with start(f"call-log:{path}") as tracker, pytest.raises(TimeoutError), call(tracker=tracker):
        raise TimeoutError
    failed = lines(path)[1]
    assert failed["type"] == "LLM_CALL_FAILED"
    assert failed["payload"]["error_class"] == failed["payload"]["error_summary"] == "TimeoutError"
    assert failed["payload"]["retryable"] is True


@pytest.mark.anyio
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_a_batch_without_moments_writes_nothing(path: Path) -> None:
    """The calls' own events are for other sinks."""
    sink = CallLogSink(path)
    await sink.write(batch(*numbered(3)))
    assert not sink.is_open


def test_the_address_needs_a_file() -> None:
    """In a folder that exists."""
    for address in ("call-log:", "call-log:/no/such/folder/events.ndjson"):
        with pytest.raises(ConfigurationError, match=r"call-log:|folder"):
            sink_for(address)


@given(st.integers(min_value=0, max_value=10**15))
def test_dollars_are_exact(nanos: int) -> None:
    """Nothing is rounded on the way from the integer to the digits."""
    usd = usd_of(nanos)
    assert usd is not None
    whole, _, fraction = bytes(usd).decode().partition(".")
    assert int(whole + fraction) == nanos
