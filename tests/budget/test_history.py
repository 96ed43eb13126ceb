"""What a store has and a ledger does not know yet."""

from functools import partial
from pathlib import Path

import pytest

import taximeter
from taximeter.budget import Budget
from taximeter.budget.account import Account
from taximeter.budget.history import History, UncountedError
from taximeter.budget.ledger import Ledger
from taximeter.event import TaskCompletionEvent


def test_nobody_waits_while_a_large_store_is_added_up(tmp_path: Path) -> None:
    """A new budget leaves the ledger, adds up beside it, and comes back; what arrives meanwhile is counted later."""
    path, budget = tmp_path / "usage.db", Budget(name="all", limit_usd="1", each="user", window="lifetime")
    event = TaskCompletionEvent(provider="openai", model="gpt-4o", actual_cost_usd_nanos=7)
    with taximeter.start(path) as tracker:
        tracker.track_task_completion(event)
    history, ledger = History(path), Ledger(tmp_path / "ledger")
    begin = partial(history.account, budget=budget)
    with pytest.raises(UncountedError) as lack:
        ledger.transact(begin)
    assert ledger.transact(lambda connection: connection.execute("SELECT * FROM budgets").fetchall()) == []
    history.prepare(lack.value.account, event.started_at_us)
    with taximeter.start(path) as tracker:
        tracker.track_task_completion(
            TaskCompletionEvent(provider="openai", model="gpt-4o", actual_cost_usd_nanos=5)
        )
    account: Account = ledger.transact(begin)
    query = "SELECT SUM(nanos) FROM spent"
    assert ledger.transact(lambda connection: connection.execute(query).fetchone()) == (7,)
    ledger.transact(lambda connection: list(history.count_arrivals(connection, [account])))
    assert ledger.transact(lambda connection: connection.execute(query).fetchone()) == (12,)
    history.close()
    ledger.close()
