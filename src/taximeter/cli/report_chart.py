"""The chart of `taximeter report`: a bar for each line, and along time a sparkline."""

from collections.abc import Sequence

from rich.cells import cell_len
from rich.console import Console

from taximeter.cli.chart import bar, has_blocks, sparkline
from taximeter.cli.choice import Choice
from taximeter.cli.console import plain
from taximeter.cli.listing import Column, Listing, Row, number, print_listing
from taximeter.cli.totals_table import UNNAMED, money_cell, name_cell, shared_decimals
from taximeter.report.dimension import PERIODS, Key
from taximeter.report.group import Group
from taximeter.report.totals import Totals, describe_total
from taximeter.report.trend import trends_of, with_gaps
from taximeter.store import EventFile, Store

_PIPED_WIDTH = 80
_LONGEST_BAR = 60
_SHORTEST_BAR = 8
_MOST_STEPS = 30
_FEW_DAYS = 3


def print_chart(
    out: Console,
    store: Store | EventFile,
    names: tuple[str, ...],
    groups: list[Group],
    choice: Choice,
) -> None:
    """Print groups as bars of their cost, or of their calls where no cost is known.

    Grouped by one period, the periods without calls are there too; grouped by no period, each line shows how it went.
    """
    if len(names) == 1 and names[0] in PERIODS:
        groups = with_gaps(groups, names[0], choice.zone)
    trends = {} if {*names} & {*PERIODS} else _trends(store, names, choice)
    print_listing(out, _listing(out, names, groups, trends))


def _trends(store: Store | EventFile, names: tuple[str, ...], choice: Choice) -> dict[Key, list[int]]:
    """Return the costs by day, or by hour where it is few days."""

    def groups_by(period: str) -> list[Group]:
        by = [*names, period]
        return store.totals(by, where=choice.where, window=choice.window, zone=choice.zone)

    daily = groups_by("day")
    few = len({group.key[-1] for group in daily}) <= _FEW_DAYS
    return trends_of(groups_by("hour") if few else daily, most_steps=_MOST_STEPS)


def _listing(
    out: Console, names: Sequence[str], groups: Sequence[Group], trends: dict[Key, list[int]]
) -> Listing:
    decimals = shared_decimals([group.totals.cost_usd_nanos for group in groups])
    blocks = has_blocks(out)
    by_calls = not any(group.totals.cost_usd_nanos for group in groups)
    sizes = [group.totals.calls if by_calls else group.totals.cost_usd_nanos for group in groups]
    width = _bar_width(out, groups, decimals, trends)
    columns = [Column(name, is_number=False) for name in names]
    columns += [Column("calls", is_optional=not by_calls), Column("cost")]
    columns += [Column("trend", is_optional=True)] if trends else []
    columns.append(Column("", is_number=False))
    rows = []
    for group, size in zip(groups, sizes, strict=True):
        line = bar(size, max(sizes), width, blocks=blocks)
        trend = sparkline(trends.get(group.key, []), blocks=blocks)
        cells = [*map(name_cell, group.key), number(group.totals.calls), money_cell(group.totals, decimals)]
        cells += [plain(trend, "cyan")] if trends else []
        rows.append(Row((*cells, plain(line, "green")), f"{describe_total(group.totals)} {line}".rstrip()))
    return Listing(tuple(columns), tuple(rows))


def _bar_width(out: Console, groups: Sequence[Group], decimals: int, trends: dict[Key, list[int]]) -> int:
    """Return how long bars may be, so that they fit beside the names and the numbers."""
    names = max((sum(cell_len(part or UNNAMED) + 3 for part in group.key) for group in groups), default=0)
    numbers = max((_number_width(group.totals, decimals) for group in groups), default=0)
    trend = max(map(len, trends.values()), default=0) + 3
    width = out.width if out.is_terminal else _PIPED_WIDTH
    return min(max(width - names - numbers - trend, _SHORTEST_BAR), _LONGEST_BAR)


def _number_width(totals: Totals, decimals: int) -> int:
    return max(len(f"{totals.calls:,}"), len("calls")) + len(money_cell(totals, decimals).plain) + 6
