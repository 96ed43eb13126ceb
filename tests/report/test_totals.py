"""Totals of calls."""

from typing import Any

import msgspec
import pytest

from taximeter.event import TaskCompletionEvent
from taximeter.report.totals import Totals
from taximeter.vocabulary import CostStatus, Outcome, UsageStatus


def totals_of(*events: TaskCompletionEvent) -> Totals:
    totals = Totals()
    for event in events:
        totals.add(event)
    return totals


def priced(nanos: int | None = 5_000, **fields: Any) -> TaskCompletionEvent:
    usage = {"actual_input_tokens": 10, "actual_output_tokens": 2, "usage_status": UsageStatus.REPORTED}
    return TaskCompletionEvent(
        **{"actual_cost_usd_nanos": nanos, "cost_status": CostStatus.PRICED, **usage, **fields}
    )


def test_tokens_and_money_add_up() -> None:
    """Sums are plain integer sums."""
    total = totals_of(priced(cache_read_tokens=4), priced(reasoning_tokens=1, cache_read_audio_tokens=3))
    assert (total.calls, total.input_tokens, total.output_tokens) == (2, 20, 4)
    assert (total.cache_read_tokens, total.reasoning_tokens, total.cost_usd_nanos) == (7, 1, 10_000)
    assert total.money == "$0.0000100"


def test_an_unknown_price_is_counted_beside_the_sum() -> None:
    """What has no price is never a quiet zero."""
    unpriced = TaskCompletionEvent(actual_input_tokens=1, actual_output_tokens=1)
    total = totals_of(priced(12_400_000_000), *[unpriced] * 37)
    assert total.unpriced_calls == 37
    assert total.money == "$12.40 + 37 unpriced calls"


def test_money_of_unpriced_calls_alone_is_unknown() -> None:
    """Nothing known is said as that, not as $0.00."""
    assert totals_of(TaskCompletionEvent(actual_input_tokens=1)).money == "unknown (1 unpriced call)"


def test_refused_calls_make_nothing_known_of_the_others() -> None:
    """What failed before it could cost anything is no reason to say $0.00 of calls that lack a price."""
    unpriced = TaskCompletionEvent(actual_input_tokens=1)
    refused = TaskCompletionEvent(outcome=Outcome.FAILURE, error_status=429)
    total = totals_of(*[unpriced] * 245, *[refused] * 11)
    assert (total.is_unknown, total.known_usd_nanos) == (True, None)
    assert total.money == "unknown (245 unpriced calls)"
    assert total.fields == {**msgspec.structs.asdict(total), "cost_usd_nanos": None}
    assert totals_of(*[refused] * 11).money == "$0.00"


def test_free_calls_are_known_to_cost_nothing() -> None:
    """A local model's $0.00 beside a call without a price is an amount, and so is any money that was spent."""
    unpriced = TaskCompletionEvent(actual_input_tokens=1)
    assert totals_of(priced(0), unpriced).money == "$0.00 + 1 unpriced call"
    assert totals_of(priced(1, outcome=Outcome.FAILURE), unpriced).known_usd_nanos == 1
    assert Totals().known_usd_nanos == 0


@pytest.mark.parametrize(
    "fields",
    [
        {"usage_status": UsageStatus.ESTIMATED},
        {"usage_status": UsageStatus.PARTIAL},
        {"cost_status": CostStatus.PARTIAL},
    ],
)
def test_a_sum_with_an_estimate_in_it_says_so(fields: dict[str, Any]) -> None:
    """An estimate or a lower bound marks the total it is part of."""
    total = totals_of(priced(12_400_000_000, **fields))
    assert (total.estimated_calls, total.money) == (1, "~$12.40")


def test_a_refused_call_awaits_no_price() -> None:
    """A call that the provider turned down is a failed one, and neither unpriced nor unmetered."""
    total = totals_of(TaskCompletionEvent(outcome=Outcome.FAILURE, error_status=429))
    assert (total.failed_calls, total.unpriced_calls, total.unmetered_calls) == (1, 0, 0)
    assert total.money == "$0.00"


def test_a_call_that_timed_out_may_still_be_billed() -> None:
    """Without an answer nobody knows the price: failed and unpriced."""
    total = totals_of(TaskCompletionEvent(outcome=Outcome.TIMEOUT))
    assert (total.failed_calls, total.unpriced_calls, total.unmetered_calls) == (1, 1, 1)


def test_streams_that_broke_off_are_told_apart_from_failures() -> None:
    """Partial and cancelled calls have a counter of their own."""
    total = totals_of(priced(outcome=Outcome.PARTIAL), priced(outcome=Outcome.CANCELLED))
    assert (total.cut_short_calls, total.failed_calls) == (2, 0)


def test_microdollars_stand_in_where_nanodollars_are_missing() -> None:
    """An event of another writer that knows only the contract's microdollars is priced."""
    total = totals_of(priced(None, actual_cost_usd_micros=7))
    assert (total.cost_usd_nanos, total.unpriced_calls) == (7_000, 0)


def test_what_is_billed_by_the_piece_is_metered() -> None:
    """A rerank call counted in search units lacks no tokens."""
    assert totals_of(TaskCompletionEvent(billable_units={"search_unit": 1})).unmetered_calls == 0
