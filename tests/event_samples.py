"""Events for tests, made up and written down in the ways that stores are read in."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from taximeter.event import TaskCompletionEvent, encode_event
from taximeter.sinks.row_writer import RowWriter
from taximeter.sinks.sqlite import open_database
from taximeter.vocabulary import CostStatus, Outcome, TaskType, UsageStatus

NOVEMBER_US = 1_793_491_200_000_000  # 2026-11-01T00:00Z
HOUR_US = 3_600_000_000
COUNTS = st.none() | st.integers(min_value=0, max_value=10**9)
EVENTS = st.lists(
    st.builds(
        TaskCompletionEvent,
        # Since 1980, when the last odd zone (Kiritimati) had taken to whole quarters of an hour, to 2037
        started_at_us=st.integers(min_value=315_532_800_000_000, max_value=2_145_916_799_999_999),
        provider=st.sampled_from(["openai", "anthropic"]),
        model=st.sampled_from([None, "small", "large"]),
        requested_model=st.sampled_from([None, "small"]),
        agent=st.sampled_from([None, "reviewer", ""]),
        task_type=st.sampled_from([TaskType.PLANNING, TaskType("a word of their own")]),
        outcome=st.sampled_from(list(Outcome)),
        usage_status=st.sampled_from(list(UsageStatus)),
        cost_status=st.sampled_from(list(CostStatus)),
        error_status=st.sampled_from([None, 200, 429]),
        actual_input_tokens=COUNTS,
        actual_output_tokens=COUNTS,
        cache_read_tokens=COUNTS,
        cache_read_audio_tokens=COUNTS,
        reasoning_tokens=COUNTS,
        billable_units=st.sampled_from([None, {}, {"search_unit": 1}]),
        actual_cost_usd_nanos=COUNTS,
        actual_cost_usd_micros=COUNTS,
    ),
    max_size=20,
)


def call(
    model: str | None = "gpt-4o", nanos: int | None = 12_400_000_000, **fields: Any
) -> TaskCompletionEvent:
    """Return a priced call of 1,000 tokens in and 50 out, on the first of November."""
    defaults = {
        "started_at_us": NOVEMBER_US,
        "provider": "openai",
        "model": model,
        "actual_input_tokens": 1000,
        "actual_output_tokens": 50,
        "usage_status": UsageStatus.REPORTED,
        "actual_cost_usd_nanos": nanos,
        "cost_status": CostStatus.UNKNOWN if nanos is None else CostStatus.PRICED,
    }
    return TaskCompletionEvent(**{**defaults, **fields})


def write_store(path: Path, events: Iterable[TaskCompletionEvent]) -> Path:
    """Write events into a new SQLite file as the sink does, and leave no log beside it."""
    connection = open_database(path)
    connection.execute("BEGIN")
    RowWriter(connection).write(list(map(encode_event, events)))
    connection.execute("COMMIT")
    connection.execute("PRAGMA journal_mode = DELETE")
    connection.close()
    return path


def write_lines(path: Path, events: Iterable[TaskCompletionEvent]) -> Path:
    """Write events into a new file, one a line."""
    path.write_bytes(b"".join(encode_event(event) + b"\n" for event in events))
    return path
