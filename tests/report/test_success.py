"""What a call that served its purpose costs."""

from event_samples import call
from taximeter.event import TaskCompletionEvent
from taximeter.report.group import group_events
from taximeter.report.success import OUTCOME_DIMENSIONS, Success, successes_of, total_success
from taximeter.vocabulary import Outcome


def successes(*events: TaskCompletionEvent, by: tuple[str, ...] = ("agent",)) -> list[Success]:
    names = [*by, *(name for name in OUTCOME_DIMENSIONS if name not in by)]
    return successes_of(group_events(events, names), names, by)


def test_what_failed_is_paid_by_what_succeeded() -> None:
    """Failed and cut calls, and those whose gate failed, are in the cost and not among the successes."""
    (found,) = successes(
        call(nanos=10, quality_gate_passed=True),
        call(nanos=10),
        call(nanos=10, quality_gate_passed=False),
        call(nanos=5, outcome=Outcome.FAILURE, quality_gate_passed=True),
        call(nanos=5, outcome=Outcome.CANCELLED),
    )
    assert (found.totals.calls, found.successful_calls, found.gate_failed_calls) == (5, 2, 1)
    assert (found.cost_per_success_usd_nanos, found.success_rate) == (20, 0.4)


def test_without_a_success_or_a_price_there_is_no_cost_of_one() -> None:
    """It is not known, and not zero."""
    dear, mystery = successes(
        call(nanos=10, agent="a", outcome=Outcome.TIMEOUT), call("mystery", None, agent="b")
    )
    assert (dear.cost_per_success_usd_nanos, mystery.cost_per_success_usd_nanos) == (None, None)
    total = total_success([dear, mystery])
    assert (total.totals.calls, total.successful_calls, total.cost_per_success_usd_nanos) == (2, 1, 10)
    assert total_success([]).success_rate is None


def test_outcomes_can_be_a_dimension_themselves() -> None:
    """Grouped by gate or outcome, the counts are the same."""
    found = successes(
        call(nanos=4, quality_gate_passed=True),
        call(nanos=2, quality_gate_passed=False),
        by=("quality_gate",),
    )
    assert [(each.key, each.successful_calls) for each in found] == [(("passed",), 1), (("failed",), 0)]
