"""Whatever is handed over becomes one readable line, or a reason."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from taximeter.encoding import line_of
from taximeter.event import (
    CallFinishedEvent,
    CallFinishedPayload,
    TaskCompletionEvent,
    decode_event,
    encode_event,
)
from taximeter.vocabulary import CostStatus

LARGE = 1 << 20


class Unprintable:
    """An object that raises whenever it is looked at."""

    def __str__(self) -> str:
        raise RuntimeError

    __repr__ = __str__

    def __hash__(self) -> int:
        return 1


CYCLE: dict[str, Any] = {}
CYCLE["self"] = CYCLE
DEEP: list[Any] = []
for _ in range(10_000):
    DEEP = [DEEP]


def kept(event: TaskCompletionEvent) -> TaskCompletionEvent:
    """Return what a reader finds in the line."""
    line = line_of(event, LARGE)
    assert isinstance(line, bytes)
    assert line.count(b"\n") == 0
    read = decode_event(line)
    assert isinstance(read, TaskCompletionEvent)
    return read


def test_a_sound_event_is_its_own_encoding() -> None:
    """Nothing is changed that need not be."""
    event = TaskCompletionEvent(model="m", tags={"a": "b"})
    assert line_of(event, LARGE) == encode_event(event)


@pytest.mark.parametrize("thing", [None, "event", b"", 7, {}, object(), Unprintable(), TaskCompletionEvent])
def test_what_is_no_event_is_named_so(thing: Any) -> None:
    """Tracking the wrong object is a counted mistake, not an exception."""
    assert line_of(thing, LARGE) == "not_an_event"


def test_too_large_is_measured_on_the_line() -> None:
    """The bound is exact to the byte."""
    event = TaskCompletionEvent(user="u" * 1000)
    size = len(encode_event(event))
    assert isinstance(line_of(event, size), bytes)
    assert line_of(event, size - 1) == "too_large"


@pytest.mark.parametrize(
    "value",
    [
        CYCLE,
        DEEP,
        Unprintable(),
        {Unprintable(): 1},
        {1: object()},
        {"n": 10**400},
        {"x": float("nan"), "y": float("inf")},
        {"s": {"a", "b"}, "t": (1, b"bytes")},
        "\ud800",
        b"\xff",
        ["\ud800"],
    ],
    ids=lambda value: type(value).__name__,
)
def test_an_unfit_value_costs_no_other_field(value: Any) -> None:
    """The call is kept with its model and tokens whatever the host put into another field."""
    event = TaskCompletionEvent(model="m", actual_input_tokens=7, raw_usage=value, agent=value, tags=value)
    read = kept(event)
    assert (read.event_id, read.model, read.actual_input_tokens) == (event.event_id, "m", 7)


def test_lone_surrogates_are_replaced() -> None:
    """UTF-8 has no place for them; the text around them stays."""
    read = kept(TaskCompletionEvent(user="a\ud800b", tags={"k\udfff": "v"}))
    assert (read.user, read.tags) == ("a?b", {"k?": "v"})


def test_numbers_where_text_belongs_are_written_as_text() -> None:
    """A tag that is a number is still a tag."""
    read = kept(TaskCompletionEvent(tags={"attempt": 3, "ok": True}, user=17))  # type: ignore[arg-type,dict-item]  # wrong on purpose
    assert (read.tags, read.user) == ({"attempt": "3", "ok": "True"}, "17")


def test_an_integer_that_no_database_holds_is_unknown() -> None:
    """64 bits are the bound, in fields and in what is counted by the piece; the largest that fits stays."""
    largest, beyond = (1 << 63) - 1, 1 << 63
    read = kept(
        TaskCompletionEvent(
            model="m",
            actual_input_tokens=largest,
            actual_output_tokens=beyond,
            reasoning_tokens=-beyond - 1,
            billable_units={"web_search": 1 << 64},
            quality_gates_run=10**30,
        )
    )
    assert (read.model, read.actual_input_tokens) == ("m", largest)
    unfit = (read.actual_output_tokens, read.reasoning_tokens, read.billable_units, read.quality_gates_run)
    assert unfit == (None,) * 4


@pytest.mark.parametrize("field", ["actual_cost_usd_nanos", "actual_cost_usd_micros"])
def test_half_a_cost_is_none(field: str) -> None:
    """Where one of the two amounts had to be left out, nothing says what the call cost."""
    amounts: dict[str, Any] = {"actual_cost_usd_nanos": 7, "actual_cost_usd_micros": 0, field: 1 << 63}
    read = kept(TaskCompletionEvent(cost_status=CostStatus.PRICED, price_id="p", **amounts))
    assert (read.actual_cost_usd_nanos, read.actual_cost_usd_micros) == (None, None)
    assert (read.cost_status, read.price_id) == (CostStatus.UNKNOWN, "p")


def test_a_payload_keeps_what_is_fit() -> None:
    """One number too large costs a lifecycle event that number."""
    payload = CallFinishedPayload(call_id="c", api_cost_usd_micros=1 << 63)
    line = line_of(CallFinishedEvent(payload=payload), LARGE)
    assert isinstance(line, bytes)
    read = decode_event(line)
    assert isinstance(read, CallFinishedEvent)
    assert read.payload == CallFinishedPayload(call_id="c")


def test_an_object_is_named_by_its_type_and_never_printed() -> None:
    """Its text could be a prompt or a key."""
    read = kept(TaskCompletionEvent(raw_usage={"client": Unprintable()}))
    assert read.raw_usage == {"client": "<Unprintable>"}


def test_an_event_id_that_is_none_is_replaced() -> None:
    """Sinks tell events apart by it."""
    assert kept(TaskCompletionEvent(event_id=None)).event_id  # type: ignore[arg-type]  # wrong on purpose


def test_a_lifecycle_event_is_mended_too() -> None:
    """Payloads hold what providers and hosts say as well."""
    event = CallFinishedEvent(run_id="r", payload=CallFinishedPayload(call_id="c\ud800", latency_ms=1.5))
    line = line_of(event, LARGE)
    assert isinstance(line, bytes)
    read = decode_event(line)
    assert isinstance(read, CallFinishedEvent)
    assert (read.run_id, read.payload.call_id, read.payload.latency_ms) == ("r", "c?", 1.5)


JSONISH = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.integers(), inner),
    max_leaves=20,
)


@given(st.sampled_from(TaskCompletionEvent.__struct_fields__), JSONISH)
def test_any_value_in_any_field_is_one_readable_line(field: str, value: Any) -> None:
    """No field is special."""
    event = TaskCompletionEvent(**{field: value})
    line = line_of(event, LARGE)
    assert isinstance(line, bytes)
    assert json.loads(line)["type"] == "TASK_COMPLETION"
    decode_event(line)


def test_a_subclass_of_an_event_is_an_event() -> None:
    """Its additional fields are nobody else's business."""

    class Mine(TaskCompletionEvent, kw_only=True, frozen=True, tag="TASK_COMPLETION"):
        colour: str = "red"

    line = line_of(Mine(model="m"), LARGE)
    assert isinstance(line, bytes)
    assert msgspec.json.decode(line)["model"] == "m"
