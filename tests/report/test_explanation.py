"""Explanations of a call's cost."""

import msgspec
import pytest

from taximeter.builder import EventBuilder
from taximeter.event import TaskCompletionEvent, decode_event, encode_event
from taximeter.pricing import Catalog, Override
from taximeter.providers import endpoint_for, read_response
from taximeter.report.circumstances import usage_of
from taximeter.report.explanation import explain
from taximeter.scopes import NOBODY

AT_US = 1_767_225_600_000_000  # 2026-01-01
CATALOG = Catalog.default()
ANSWER = {
    "model": "claude-sonnet-4-5-20250929",
    "usage": {"input_tokens": 1000, "output_tokens": 200, "cache_read_input_tokens": 5000},
}


def recorded(builder: EventBuilder, **fields: object) -> TaskCompletionEvent:
    event = builder.build(provider="anthropic", response=ANSWER, started_at_us=AT_US, **fields)  # type: ignore[arg-type]  # any field
    read_back = decode_event(encode_event(event))
    assert isinstance(read_back, TaskCompletionEvent)
    return read_back


def test_the_components_are_the_cost() -> None:
    """An event that was written and read back explains its cost to the nanodollar, without doubt."""
    event = recorded(EventBuilder())
    explanation = explain(event, CATALOG)
    parts = {part.kind: part.usd_nanos for part in explanation.breakdown.components}
    assert parts == {"input": 1000 * 3_000, "cache_read": 5000 * 300, "output": 200 * 15_000}
    assert sum(parts.values()) == event.actual_cost_usd_nanos
    assert explanation.doubts == ()


@pytest.mark.parametrize(
    ("builder", "fields", "doubt"),
    [
        (EventBuilder(), {"actual_cost_usd_nanos": 5}, "stated the cost itself"),
        (
            EventBuilder(catalog=CATALOG.with_overrides(Override(provider="anthropic", multiplier="0.8"))),
            {},
            "a price of its own",
        ),
    ],
)
def test_a_price_of_the_application_is_named_as_that(
    builder: EventBuilder, fields: dict[str, object], doubt: str
) -> None:
    """What was priced by an override cannot be explained by the table, and that is said."""
    (found,) = explain(recorded(builder, **fields), CATALOG).doubts
    assert doubt in found


def test_another_table_is_named() -> None:
    """A cost by another version of the prices is compared, and both versions are given."""
    event = msgspec.structs.replace(
        recorded(EventBuilder()), price_version="2020-01-01.00000000", actual_cost_usd_nanos=1
    )
    (doubt,) = explain(event, CATALOG).doubts
    assert "2020-01-01.00000000" in doubt
    assert CATALOG.version in doubt


def test_a_call_without_usage_has_nothing_to_explain() -> None:
    """No counters, no components, and no doubt about the unknown."""
    event = TaskCompletionEvent(provider="anthropic", model="claude-sonnet-4-5")
    assert usage_of(event) is None
    explanation = explain(event, CATALOG)
    assert (explanation.breakdown.components, explanation.doubts) == ((), ())


def test_the_price_names_the_model_where_no_answer_did() -> None:
    """As in a Gemini live session, whose setup names it."""
    turn = {"promptTokenCount": 100, "responseTokenCount": 10, "totalTokenCount": 110}
    frames = [{"setup": {"model": "models/gemini-2.5-flash"}}, {"usageMetadata": turn}]
    body = b"\n".join(msgspec.json.encode(frame) for frame in frames)
    facts = read_response(endpoint_for("google.live"), None, 200, {}, body)
    event = EventBuilder().from_facts(facts, scope=NOBODY, started_at_us=AT_US)
    explanation = explain(event, CATALOG)
    assert event.model is None
    assert explanation.breakdown.cost.usd_nanos == event.actual_cost_usd_nanos is not None
    assert explanation.doubts == ()
