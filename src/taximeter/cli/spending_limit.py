"""Spending limit: what a program under `taximeter run` may spend, in all its processes together."""

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import msgspec
from rich.text import Text

from taximeter.capture.environment import RunLimit
from taximeter.cli.console import plain
from taximeter.errors import ConfigurationError
from taximeter.report.money import format_usd, plural
from taximeter.sinks.sqlite import SqliteSink
from taximeter.sinks.table import sink_for

if TYPE_CHECKING:
    from taximeter.budget import Budget, BudgetState


class SpendingLimit(msgspec.Struct, frozen=True):
    """What is spent at most: the arguments of `taximeter.start` for configured budgets, and the run's own limit."""

    options: dict[str, Any] = {}
    own: RunLimit | None = None

    def state(self) -> "BudgetState | None":
        """Return how the run's own limit stands; None where it has none, or nobody can say."""
        if self.own is None:
            return None
        from taximeter.budget import Budgets  # noqa: PLC0415 - most runs have no limit

        budgets = Budgets(None, [self.own.budget], file=self.own.file)
        with suppress(sqlite3.Error, OSError):
            (state,) = budgets.states()
            budgets.close()
            return state
        return None


@contextmanager
def spending_limit(
    max_usd: str | None, configured: "Iterable[Budget]", sinks: Sequence[str]
) -> Iterator[SpendingLimit]:
    """Hand out the limits of a run: the budgets of the configuration, and its own where one is given; both hold.

    Its own is kept in a folder that goes with it. It lets no call through that it cannot be asked about: who sets
    it for one run means it.

    Raises:
        ConfigurationError: It is no amount, or the configuration's budgets are wrong or have no store to be kept beside.
    """
    options = _options(list(configured), sinks)
    if max_usd is None:
        yield SpendingLimit(options)
        return
    from taximeter.budget import Budget  # noqa: PLC0415 - most runs have no limit

    own = Budget(
        name="--max-usd", limit_usd=_checked(max_usd), window="lifetime", on_failure="block", alerts=()
    )
    with TemporaryDirectory(prefix="taximeter-budget-", ignore_cleanup_errors=True) as folder:
        file = str(Path(folder) / "run.budgets")
        yield SpendingLimit(options, RunLimit(msgspec.to_builtins(own), file))


def has_store(sinks: Sequence[str]) -> bool:
    """Whether one of the sinks is a SQLite file, which budgets are kept beside and forecasts learn from."""
    return any(isinstance(sink_for(sink), SqliteSink) for sink in sinks)


def _options(budgets: "Sequence[Budget]", sinks: Sequence[str]) -> dict[str, Any]:
    if not budgets:
        return {}
    if not has_store(sinks):
        raise ConfigurationError(
            "budgets", list(sinks), "used with a SQLite sink, beside which they are kept"
        )
    return {"budgets": [msgspec.to_builtins(budget) for budget in budgets]}


def _checked(max_usd: str) -> str:
    from taximeter.budget import Budget  # noqa: PLC0415 - most runs have no limit

    try:
        Budget(name="--max-usd", limit_usd=max_usd)
    except ConfigurationError as error:
        raise ConfigurationError("--max-usd", max_usd, error.allowed) from error
    return max_usd


def describe_limit(state: "BudgetState") -> Text:
    """Return what became of the limit, in one line."""
    spent = f"{format_usd(state.spent_usd_nanos)} of {format_usd(state.limit_usd_nanos)} spent"
    if state.unpriced_calls:
        spent = f"~{spent} ({plural(state.unpriced_calls, 'unpriced call')} at an estimate)"
    if not state.blocked_calls:
        return plain(f"--max-usd: {spent}, no call was blocked")
    return plain(f"--max-usd: {spent}, {plural(state.blocked_calls, 'call')} blocked", "bold red")
