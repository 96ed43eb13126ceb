"""Spending limit: what a program under `taximeter run` may spend, in all its processes together."""

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec
from rich.text import Text

from taximeter.budget import Budget, Budgets, BudgetState
from taximeter.cli.console import plain
from taximeter.errors import ConfigurationError
from taximeter.report.money import format_usd, plural
from taximeter.sinks.table import sink_for


class SpendingLimit(msgspec.Struct, frozen=True):
    """The arguments of `taximeter.start` that limit what is spent, and the limit's file where it has one of its own."""

    options: dict[str, Any] = {}
    budget: Budget | None = None
    file: Path | None = None

    def state(self) -> BudgetState | None:
        """Return how the run's own limit stands; None where it has none, or nobody can say."""
        if self.budget is None:
            return None
        budgets = Budgets(None, [self.budget], file=self.file)
        with suppress(sqlite3.Error, OSError):
            (state,) = budgets.states()
            budgets.close()
            return state
        return None


@contextmanager
def spending_limit(
    max_usd: str | None, configured: Iterable[Budget], sinks: Sequence[str]
) -> Iterator[SpendingLimit]:
    """Hand out the limit of a run: its own where one is given, else the budgets of the configuration.

    The run's own is kept in a folder that goes with it. It lets no call through that it cannot be asked about: who sets
    it for one run means it.

    Raises:
        ConfigurationError: It is no amount, or the configuration's budgets are wrong or have no store to be kept beside.
    """
    budgets = list(configured)
    if max_usd is not None:
        own = Budget(
            name="--max-usd", limit_usd=_checked(max_usd), window="lifetime", on_failure="block", alerts=()
        )
        with TemporaryDirectory(prefix="taximeter-budget-", ignore_cleanup_errors=True) as folder:
            file = Path(folder) / "run.budgets"
            options = {"budgets": [msgspec.to_builtins(own)], "budget_file": str(file)}
            yield SpendingLimit(options, own, file)
    elif budgets:
        if not any(type(sink_for(sink)).__name__ == "SqliteSink" for sink in sinks):
            raise ConfigurationError(
                "budgets", list(sinks), "used with a SQLite sink, beside which they are kept"
            )
        yield SpendingLimit({"budgets": [msgspec.to_builtins(budget) for budget in budgets]})
    else:
        yield SpendingLimit()


def _checked(max_usd: str) -> str:
    try:
        Budget(name="--max-usd", limit_usd=max_usd)
    except ConfigurationError as error:
        raise ConfigurationError("--max-usd", max_usd, error.allowed) from error
    return max_usd


def describe_limit(state: BudgetState) -> Text:
    """Return what became of the limit, in one line."""
    spent = f"{format_usd(state.spent_usd_nanos)} of {format_usd(state.limit_usd_nanos)} spent"
    if state.unpriced_calls:
        spent = f"~{spent} ({plural(state.unpriced_calls, 'unpriced call')} at an estimate)"
    if not state.blocked_calls:
        return plain(f"--max-usd: {spent}, no call was blocked")
    return plain(f"--max-usd: {spent}, {plural(state.blocked_calls, 'call')} blocked", "bold red")
