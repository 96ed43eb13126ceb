"""Tables of totals: the one way in which receipts, reports and replays show calls, tokens and money."""

from collections.abc import Callable, Iterable, Sequence

import msgspec
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from taximeter.cli.console import plain
from taximeter.report.group import Group
from taximeter.report.money import decimals_for, format_usd
from taximeter.report.totals import Totals, describe_total

UNNAMED = "(none)"
_READABLE_WIDTH = 16


class Column(msgspec.Struct, frozen=True):
    """A column of numbers. An optional one shows only when it says something, and goes first when space is short."""

    title: str
    read: Callable[[Totals], int]
    optional: bool = False
    style: str = ""


COLUMNS: tuple[Column, ...] = (
    Column("calls", lambda totals: totals.calls),
    Column("failed", lambda totals: totals.failed_calls, optional=True, style="red"),
    Column("cut short", lambda totals: totals.cut_short_calls, optional=True, style="yellow"),
    Column("input", lambda totals: totals.input_tokens),
    Column("cached", lambda totals: totals.cache_read_tokens, optional=True),
    Column("output", lambda totals: totals.output_tokens),
    Column("reasoning", lambda totals: totals.reasoning_tokens, optional=True),
)


def print_totals(console: Console, names: Sequence[str], groups: Sequence[Group], total: Totals) -> None:
    """Print one line a group and one for all, with as many columns as the console has room for.

    Where not even the columns that matter fit, each group is two lines of text: numbers are never cut.

    Args:
        console: Where to.
        names: Titles of the key's parts.
        groups: The lines, in order.
        total: What all lines add up to.
    """
    columns = [column for column in COLUMNS if not column.optional or column.read(total)]
    table = _table(names, groups, total, columns)
    while _missing_width(console, table) > 0 and (spare := [column for column in columns if column.optional]):
        columns.remove(spare[-1])
        table = _table(names, groups, total, columns)
    if _missing_width(console, table) <= _spare_width(groups):
        console.print(table)
    else:
        _print_lines(console, groups, total)


def _missing_width(console: Console, table: Table) -> int:
    return console.measure(table, options=console.options.update(width=10_000)).maximum - console.width


def _spare_width(groups: Sequence[Group]) -> int:
    """Return how many characters names may give up by being folded, and still be read easily."""
    widths = [max((len(part or UNNAMED) for part in parts), default=0) for parts in _columns_of_keys(groups)]
    return sum(max(width - _READABLE_WIDTH, 0) for width in widths)


def _columns_of_keys(groups: Sequence[Group]) -> Iterable[tuple[str | None, ...]]:
    return zip(*(group.key for group in groups), strict=True)


def _print_lines(console: Console, groups: Sequence[Group], total: Totals) -> None:
    for key, totals in [*((group.key, group.totals) for group in groups), (("total",), total)]:
        console.print(plain(" / ".join(part or UNNAMED for part in key), "bold"))
        console.print(plain(f"  {describe_total(totals)}"))


def _table(names: Sequence[str], groups: Sequence[Group], total: Totals, columns: Sequence[Column]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, show_footer=len(groups) > 1, pad_edge=False, show_edge=False)
    decimals = _shared_decimals([group.totals.cost_usd_nanos for group in (*groups, Group((), total))])
    for at, name in enumerate(names):
        table.add_column(name, footer="" if at else "total", overflow="fold")
    for column in columns:
        table.add_column(column.title, footer=_number(column, total), justify="right", no_wrap=True)
    table.add_column("cost", footer=_money(total, decimals), justify="right", no_wrap=True)
    if total.unpriced_calls:
        table.add_column("unpriced", footer=f"{total.unpriced_calls:,}", justify="right", no_wrap=True)
    for group in groups:
        table.add_row(*_cells(group, columns, decimals, with_unpriced=bool(total.unpriced_calls)))
    return table


def _cells(group: Group, columns: Sequence[Column], decimals: int, *, with_unpriced: bool) -> list[Text]:
    names = [plain(UNNAMED, "dim") if part is None else plain(part, "bold") for part in group.key]
    cells = [*names, *(_number(column, group.totals) for column in columns), _money(group.totals, decimals)]
    if with_unpriced:
        unpriced = group.totals.unpriced_calls
        cells.append(plain(f"{unpriced:,}", "yellow" if unpriced else "dim"))
    return cells


def _number(column: Column, totals: Totals) -> Text:
    value = column.read(totals)
    return plain(f"{value:,}", column.style if value else "dim")


def _money(totals: Totals, decimals: int) -> Text:
    if totals.unpriced_calls and totals.unpriced_calls == totals.calls:
        return plain("unknown", "yellow")
    mark = "~" if totals.estimated_calls else ""
    return plain(f"{mark}{format_usd(totals.cost_usd_nanos, decimals)}", "green")


def _shared_decimals(amounts: Sequence[int]) -> int:
    """One number of decimals for a column, so that its points stand in line: microdollars at the finest.

    A column of less than that throughout takes what its largest amount needs.
    """
    finest = max((decimals_for(amount) for amount in amounts), default=2)
    return max(min(finest, 6), decimals_for(max(amounts, default=0)))
