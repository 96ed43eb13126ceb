"""Events: to a line and back without loss, across versions."""

import json
import pickle
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from taximeter.errors import UnreadableEventError
from taximeter.event import (
    EVENT_TYPES,
    CallFailedEvent,
    CallFailedPayload,
    TaskCompletionEvent,
    decode_event,
    encode_event,
)
from taximeter.vocabulary import Outcome, Vocabulary

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
COUNT = st.none() | st.integers(0, 2**63 - 1)
BY_TYPE: dict[Any, st.SearchStrategy[Any]] = {
    str: TEXT,
    bool: st.booleans(),
    int: st.integers(0, 2**63 - 1),
    float: st.floats(0, 1e12),
}
SPECIAL: dict[str, st.SearchStrategy[Any]] = {
    "finish_reasons": st.lists(TEXT, max_size=3).map(tuple),
    "billable_units": st.none() | st.dictionaries(TEXT, st.integers(0, 10**9), max_size=3),
    "raw_usage": st.none() | st.dictionaries(TEXT, st.recursive(COUNT, st.lists), max_size=3),
    "price_context": st.none() | st.dictionaries(TEXT, TEXT, max_size=2),
    "tags": st.none() | st.dictionaries(TEXT, TEXT, max_size=3),
    "quality_gates_run": COUNT | st.lists(TEXT, max_size=2).map(tuple),
    "quality_gates_failed": COUNT | st.lists(TEXT, max_size=2).map(tuple),
}


def _strategy(field: msgspec.structs.FieldInfo) -> st.SearchStrategy[Any]:
    if field.name in SPECIAL:
        return SPECIAL[field.name]
    kinds = getattr(field.type, "__args__", (field.type,))
    return st.one_of(
        *(
            TEXT.map(kind)
            if isinstance(kind, type) and issubclass(kind, Vocabulary)
            else BY_TYPE.get(kind, st.none())
            for kind in kinds
        )
    )


EVENTS = st.fixed_dictionaries(
    {}, optional={field.name: _strategy(field) for field in msgspec.structs.fields(TaskCompletionEvent)}
).map(lambda fields: TaskCompletionEvent(**fields))


@given(EVENTS)
def test_a_line_holds_the_whole_event(event: TaskCompletionEvent) -> None:
    """Encoding and decoding gives an equal event, and one line stays one line."""
    line = encode_event(event)
    assert decode_event(line) == event
    assert encode_event(decode_event(line)) == line
    assert b"\n" not in line


@given(EVENTS)
def test_events_travel_between_processes(event: TaskCompletionEvent) -> None:
    """An event pickles, unknown words included."""
    assert pickle.loads(pickle.dumps(event)) == event


@pytest.mark.parametrize("kind", EVENT_TYPES)
def test_every_kind_is_told_by_its_type(kind: Any) -> None:
    """A file may mix all kinds: the line says which one it is."""
    event = kind()
    assert decode_event(encode_event(event)) == event
    assert json.loads(encode_event(event))["type"] == kind.__struct_config__.tag


def test_an_older_reader_passes_over_what_it_does_not_know() -> None:
    """Fields and words of a newer version do not stop a reader; the words are kept."""
    line = (
        b'{"type":"TASK_COMPLETION","schema_version":9,"event_id":"e","outcome":"teleported","new_field":[1]}'
    )
    event = decode_event(line)
    assert isinstance(event, TaskCompletionEvent)
    assert (event.schema_version, event.outcome) == (9, Outcome("teleported"))


def test_a_newer_reader_takes_the_defaults_for_what_is_missing() -> None:
    """A line of few fields is an event with the rest unknown, not zero."""
    event = decode_event(b'{"type":"TASK_COMPLETION","event_id":"e"}')
    assert isinstance(event, TaskCompletionEvent)
    assert event.actual_input_tokens is None
    assert event.actual_cost_usd_micros is None


def test_what_every_line_must_say_is_said() -> None:
    """Version, outcome and the statuses are written even at their defaults."""
    written = json.loads(encode_event(TaskCompletionEvent()))
    assert {
        "schema_version",
        "event_id",
        "started_at_us",
        "operation",
        "provider",
        "outcome",
        "usage_status",
        "cost_status",
        "task_type",
    } <= written.keys()


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"{",
        b"[]",
        b'{"type":"OTHER"}',
        b'{"type":"TASK_COMPLETION","event_id":5}',
        b"\xff",
        b"[" * 100_000,
    ],
)
def test_what_is_no_event_is_a_clear_error(line: bytes) -> None:
    """Anything else raises our error, which does not repeat the content."""
    with pytest.raises(UnreadableEventError):
        decode_event(line)


def test_failures_carry_their_texts() -> None:
    """A failed call's payload keeps class, summary and details."""
    event = CallFailedEvent(payload=CallFailedPayload(error_class="TimeoutError", retryable=True))
    assert json.loads(encode_event(event))["payload"] == {"error_class": "TimeoutError", "retryable": True}
