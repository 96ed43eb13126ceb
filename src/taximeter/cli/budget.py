"""`taximeter budget`: how budgets stand."""

from collections.abc import Sequence
from pathlib import Path

from taximeter.budget import Budget, Budgets, BudgetState
from taximeter.budget.ledger import definitions_in, ledger_beside
from taximeter.cli.configured_budgets import configured_budgets
from taximeter.cli.console import console, plain
from taximeter.cli.listing import Column, Listing, Row, print_listing
from taximeter.cli.output_format import write_json
from taximeter.errors import ConfigurationError, one_of
from taximeter.report.money import format_usd, plural
from taximeter.report.window import format_moment
from taximeter.settings import Settings


def show(store: Path, names: Sequence[str], *, as_json: bool) -> None:
    """Print how budgets stand.

    Raises:
        ConfigurationError: There is no such store or budget, or the configuration is wrong.
    """
    states = _states(store, names)
    if as_json:
        write_json([state.as_json() for state in states])
    else:
        _print(states)


def check(store: Path, names: Sequence[str], *, max_percent: float, as_json: bool) -> int:
    """Print the budgets that are used up, and return 1 where there is one, else 0.

    Raises:
        ConfigurationError: There is no such store or budget, or the configuration is wrong.
    """
    if not 0 < max_percent <= 1000:
        raise ConfigurationError("--max-percent", max_percent, "from above 0 to 1,000")
    states = _states(store, names)
    used_up = [state for state in states if state.percent >= max_percent]
    if as_json:
        write_json([state.as_json() for state in used_up])
    else:
        for state in used_up:
            console().print(plain(state.describe()))
        if not used_up:
            console().print(plain(f"{plural(len(states), 'budget')} below {max_percent:g} %"))
    return 1 if used_up else 0


def _states(store: Path, names: Sequence[str]) -> list[BudgetState]:
    if not store.is_file():
        raise ConfigurationError("store", str(store), "an existing file")
    known = _known(store)
    for name in names:
        if name not in known:
            raise ConfigurationError("--name", name, one_of(name, known) if known else "the name of a budget")
    budgets = [budget for name, budget in known.items() if not names or name in names]
    if not budgets:
        return []
    asked = Budgets(store, budgets)
    try:
        return asked.states()
    finally:
        asked.close()


def _known(store: Path) -> dict[str, Budget]:
    """Return the budgets that programs have used, as they were then, and those of the configuration as they are."""
    used = {budget.name: budget for budget in definitions_in(ledger_beside(store))}
    return used | {budget.name: budget for budget in configured_budgets(Settings.load())}


def _print(states: Sequence[BudgetState]) -> None:
    out = console()
    if not states:
        out.print(plain("no budgets: none in the configuration, and none was used with this store"))
        return
    print_listing(out, Listing(_COLUMNS, tuple(map(_line, states))))


_COLUMNS = (
    Column("budget", is_number=False),
    Column("window", is_number=False, is_optional=True),
    Column("limit"),
    Column("spent"),
    Column("%"),
    Column("reserved", is_optional=True),
    Column("left", is_optional=True),
    Column("resets at", is_optional=True),
    Column("used up at", is_optional=True),
    Column("blocked", is_optional=True),
)


def _line(state: BudgetState) -> Row:
    style = "red" if state.is_reached else ""
    return Row(tuple(plain(text, style) for text in _row(state)), state.describe())


def _row(state: BudgetState) -> tuple[str, ...]:
    budget = state.budget
    whose = f"{budget.name}: {state.subject}" if state.subject else budget.name
    spent = format_usd(state.spent_usd_nanos)
    if state.unpriced_calls:
        spent = f"~{spent}"  # the budget's policy stands in for what nobody knows
    return (
        whose,
        budget.window if budget.hard else f"{budget.window}, warns",
        format_usd(state.limit_usd_nanos),
        spent,
        f"{state.percent:.1f}",
        format_usd(state.reserved_usd_nanos),
        format_usd(state.left_usd_nanos),
        _moment(state, state.resets_at_us),
        "reached" if state.is_reached else _moment(state, state.breach_at_us),
        f"{state.blocked_calls:,}",
    )


def _moment(state: BudgetState, at_us: int | None) -> str:
    if at_us is None:
        return "-"
    minute_us = 60_000_000
    return format_moment(at_us // minute_us * minute_us, state.budget.period.zone)
