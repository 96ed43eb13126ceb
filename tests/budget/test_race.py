"""Processes that race for one limit; `benchmarks/budget_race.py` is the larger race."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from random import Random

import pytest

import budget_race
from taximeter.budget import Budget, Budgets
from taximeter.errors import BudgetExceeded


def test_processes_never_pass_a_hard_limit(tmp_path: Path) -> None:
    """With bounds that hold, what three processes spend together stays under the limit, and one killed leaves nothing."""
    figures = budget_race.race(processes=3, calls=60, killed=1, folder=tmp_path)
    assert figures["overshoot_nanos"] == figures["still_reserved_nanos"] == 0
    assert figures["made"] + figures["blocked"] == 180
    assert figures["blocked"]


def test_threads_never_pass_a_hard_limit(tmp_path: Path) -> None:
    """The same for threads that share one object, and every cost is counted."""
    limit = Budget(name="all", limit_usd_micros=10_000, window="lifetime", alerts=())
    budgets = Budgets(None, [limit], file=tmp_path / "file")

    def calls(seed: int) -> int:
        random, spent = Random(seed), 0
        for _ in range(50):
            bound = random.randrange(1, 200_000)
            try:
                held = budgets.reserve(usd_nanos=bound)
            except BudgetExceeded:
                continue
            actual = random.randrange(1, bound + 1)
            held.settle(usd_nanos=actual)
            spent += actual
        return spent

    with ThreadPoolExecutor(4) as pool:
        spent = sum(pool.map(calls, range(4)))
    (state,) = budgets.states()
    budgets.close()
    assert spent == state.spent_usd_nanos <= limit.limit_usd_nanos
    assert spent == pytest.approx(limit.limit_usd_nanos, rel=0.05)
