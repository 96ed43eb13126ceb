"""Tables of totals: the one way in which receipts, reports and replays show calls, tokens and money."""

from collections.abc import Callable, Iterator, Sequence

import msgspec
from rich.console import Console
from rich.text import Text

from taximeter.cli.console import plain
from taximeter.cli.listing import Column, Listing, Row, number, print_listing
from taximeter.report.group import Group
from taximeter.report.money import decimals_for, format_usd
from taximeter.report.totals import Totals, describe_total

UNNAMED = "(none)"


class Counter(msgspec.Struct, frozen=True):
    """A column of numbers; an optional one shows only when it says something."""

    title: str
    read: Callable[[Totals], int]
    is_optional: bool = False
    style: str = ""


COUNTERS: tuple[Counter, ...] = (
    Counter("calls", lambda totals: totals.calls),
    Counter("failed", lambda totals: totals.failed_calls, is_optional=True, style="red"),
    Counter("cut short", lambda totals: totals.cut_short_calls, is_optional=True, style="yellow"),
    Counter("input", lambda totals: totals.input_tokens),
    Counter("cached", lambda totals: totals.cache_read_tokens, is_optional=True),
    Counter("output", lambda totals: totals.output_tokens),
    Counter("reasoning", lambda totals: totals.reasoning_tokens, is_optional=True),
)


def print_totals(console: Console, names: Sequence[str], groups: Sequence[Group], total: Totals) -> None:
    """Print one line a group and one for all, with as many columns as the console has room for.

    Args:
        console: Where to.
        names: Titles of the key's parts.
        groups: The lines, in order.
        total: What all lines add up to.
    """
    print_listing(console, totals_listing(names, groups, total))


def totals_listing(names: Sequence[str], groups: Sequence[Group], total: Totals) -> Listing:
    """Return one line a group and, below more than one, a line for all; see `print_totals`."""
    counters = [counter for counter in COUNTERS if not counter.is_optional or counter.read(total)]
    columns = [Column(name, is_number=False) for name in names]
    columns += [Column(counter.title, is_optional=counter.is_optional) for counter in counters]
    columns.append(Column("cost"))
    if total.unpriced_calls:
        columns.append(Column("unpriced"))
    decimals = shared_decimals([group.totals.cost_usd_nanos for group in (*groups, Group((), total))])

    def cells(totals: Totals) -> Iterator[Text]:
        yield from (number(counter.read(totals), counter.style) for counter in counters)
        yield money_cell(totals, decimals)
        if total.unpriced_calls:
            yield number(totals.unpriced_calls, "yellow")

    rows = [
        Row((*map(name_cell, group.key), *cells(group.totals)), describe_total(group.totals))
        for group in groups
    ]
    label = [plain("" if at else "total") for at in range(len(names))]
    footer = Row((*label, *cells(total)), describe_total(total)) if len(groups) > 1 else None
    return Listing(tuple(columns), tuple(rows), footer)


def name_cell(part: str | None) -> Text:
    """Return a part of a key; what is not known is said, and so is an empty name."""
    return plain(UNNAMED, "dim") if part is None else plain(part or '""', "bold")


def money_cell(totals: Totals, decimals: int | None = None) -> Text:
    """Return a cost in its colour; see `money_text`."""
    return plain(money_text(totals, decimals), "yellow" if totals.is_unknown else "green")


def money_text(totals: Totals, decimals: int | None = None) -> str:
    """Return a cost: exact, marked as estimated, or unknown."""
    if totals.is_unknown:
        return "unknown"
    mark = "~" if totals.estimated_calls else ""
    return f"{mark}{format_usd(totals.cost_usd_nanos, decimals)}"


def shared_decimals(amounts: Sequence[int]) -> int:
    """One number of decimals for a column, so that its points stand in line: microdollars at the finest.

    A column of less than that throughout takes what its largest amount needs.
    """
    finest = max((decimals_for(amount) for amount in amounts), default=2)
    return max(min(finest, 6), decimals_for(max(amounts, default=0)))
