"""How a budget stands."""

from typing import Any

from taximeter.budget import Budget, BudgetState

NOW_US = 10**15
DAY_US = 86_400_000_000


def state(spent: int, **fields: Any) -> BudgetState:
    budget = Budget(name="team", limit_usd="1", window="day")
    return BudgetState(budget=budget, at_us=NOW_US, spent_usd_nanos=spent, **fields)


def test_the_breach_is_where_the_present_rate_leads() -> None:
    """Half in six hours is all in twelve; what resets before is no breach, and what is spent already is one now."""
    half = {"elapsed_us": DAY_US // 4}
    assert state(5 * 10**8, **half).breach_at_us == NOW_US + DAY_US // 4
    assert state(5 * 10**8, resets_at_us=NOW_US + DAY_US // 8, **half).breach_at_us is None
    assert state(10**9).breach_at_us == NOW_US
    assert state(0).breach_at_us is None


def test_what_is_left_leaves_out_what_is_reserved() -> None:
    """Money that calls under way may cost is not there for others, and not spent yet."""
    found = state(6 * 10**8, reserved_usd_nanos=3 * 10**8)
    assert (found.left_usd_nanos, found.percent, found.is_reached) == (10**8, 60.0, False)
