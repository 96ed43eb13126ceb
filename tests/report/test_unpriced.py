"""Calls without a price, and why."""

import pytest

from event_samples import call
from taximeter.event import TaskCompletionEvent
from taximeter.pricing import Catalog
from taximeter.report.unpriced import Unpriced, find_unpriced, why_unpriced
from taximeter.vocabulary import CostStatus, Outcome, UsageStatus

CATALOG = Catalog.default()


@pytest.mark.parametrize(
    ("event", "reason"),
    [
        (
            call("made-up", None, uncached_input_tokens=5),
            "the table does not list the model at this provider",
        ),
        (call(None, None, uncached_input_tokens=5), "no model was named"),
        (TaskCompletionEvent(provider="openai", model="gpt-4o"), "no usage was reported"),
        (
            call("gpt-4o", None, billable_units={"made_up": 5}),
            "the table lists the model without a price for this call",
        ),
        (
            call("gpt-4o", 5, uncached_input_tokens=5, usage_status=UsageStatus.PARTIAL),
            "the usage is only a lower bound",
        ),
        (
            call("made-up", None, uncached_input_tokens=5, usage_status=UsageStatus.PARTIAL),
            "the table does not list the model at this provider",
        ),
        (call("gpt-4o", None, uncached_input_tokens=5), f"has a price by now, in table {CATALOG.version}"),
    ],
)
def test_a_missing_price_has_a_reason(event: TaskCompletionEvent, reason: str) -> None:
    """The reason says what to do: update the table, name the model, ask for usage, or price the call again."""
    assert why_unpriced(event, CATALOG) == reason


def test_the_most_frequent_comes_first_and_priced_calls_are_passed_over() -> None:
    """Calls of one model with one reason are one line."""
    rare, often = call("rare", None, uncached_input_tokens=1), call("often", None, uncached_input_tokens=1)
    found = find_unpriced([rare, call(), often, often], CATALOG)
    assert [(each.model, each.calls) for each in found] == [("often", 2), ("rare", 1)]


def test_a_partly_priced_call_is_listed_and_a_refused_one_is_not() -> None:
    """A lower bound lacks something; a call that was turned down lacks nothing."""
    part = call(
        "gpt-4o", 5, cost_status=CostStatus.PARTIAL, text_output_tokens=5, billable_units={"made_up": 1}
    )
    refused = TaskCompletionEvent(outcome=Outcome.FAILURE, error_status=401)
    assert find_unpriced([part, refused], CATALOG) == [
        Unpriced(provider="openai", model="gpt-4o", reason="no rate for made_up", calls=1)
    ]
