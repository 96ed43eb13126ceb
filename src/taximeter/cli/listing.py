"""Listings: tables for people, fitted to where they are shown: a terminal of any width, a pipe, or Markdown."""

from collections.abc import Iterator, Sequence

import msgspec
from rich import box
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from taximeter.cli.console import plain
from taximeter.cli.output_format import write_markdown

_READABLE_WIDTH = 16


class Column(msgspec.Struct, frozen=True):
    """A heading. Columns of numbers are never cut; optional ones go first when space is short.

    A column of text without a heading is a drawing, and is not cut either.
    """

    title: str
    is_number: bool = True
    is_optional: bool = False


class Row(msgspec.Struct, frozen=True):
    """A line: as many cells as there are columns, and the same in words for where no table fits."""

    cells: tuple[Text, ...]
    words: str | None = None
    """None means the cells one after the other, each with its heading."""


class Listing(msgspec.Struct, frozen=True):
    """Lines under headings; the last may be the sum of the others."""

    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    footer: Row | None = None

    @property
    def lines(self) -> tuple[Row, ...]:
        """All rows and the footer."""
        return self.rows if self.footer is None else (*self.rows, self.footer)

    def without(self, position: int) -> "Listing":
        """Return the listing with a column less."""

        def cut(row: Row) -> Row:
            return Row(row.cells[:position] + row.cells[position + 1 :], row.words)

        columns = self.columns[:position] + self.columns[position + 1 :]
        return Listing(columns, tuple(map(cut, self.rows)), None if self.footer is None else cut(self.footer))


def number(value: float | str, style: str = "") -> Text:
    """Return a count with its thousands parted, or a text of digits as it stands; zeros are dim."""
    text = value if isinstance(value, str) else f"{value:,}"
    return plain(text, style if value else "dim")


def print_listing(console: Console, listing: Listing) -> None:
    """Print a listing; see `fitted`."""
    console.print(fitted(console, listing))


def fitted(console: Console, listing: Listing) -> RenderableType:
    """Return what to print of a listing: as many columns as the console has room for.

    Where not even the columns that matter fit, each row is two lines of text: numbers are never cut.
    """
    shown = listing
    table = _table(shown)
    while _missing_width(console, table) > 0 and (optional := _optional(shown)):
        shown = shown.without(optional[-1])
        table = _table(shown)
    if _missing_width(console, table) <= _spare_width(shown):
        return table
    return Group(*_lines_of(listing))


def write_listing_as_markdown(listing: Listing) -> None:
    """Print all of a listing as a Markdown table."""
    write_markdown(
        [column.title for column in listing.columns],
        [column.is_number for column in listing.columns],
        ([cell.plain for cell in row.cells] for row in listing.lines),
    )


def _optional(listing: Listing) -> list[int]:
    return [at for at, column in enumerate(listing.columns) if column.is_optional]


def _missing_width(console: Console, table: Table) -> int:
    return console.measure(table, options=console.options.update(width=10_000)).maximum - console.width


def _spare_width(listing: Listing) -> int:
    """Return how many characters texts may give up by being folded, and still be read easily."""
    spare = 0
    for at, column in enumerate(listing.columns):
        if not column.is_number and column.title:
            width = max((len(row.cells[at].plain) for row in listing.lines), default=0)
            spare += max(width - _READABLE_WIDTH, 0)
    return spare


def _table(listing: Listing) -> Table:
    table = Table(
        box=box.SIMPLE_HEAD, show_footer=listing.footer is not None, pad_edge=False, show_edge=False
    )
    footer: Sequence[Text] = listing.footer.cells if listing.footer else [Text()] * len(listing.columns)
    for column, below in zip(listing.columns, footer, strict=True):
        justify, overflow = ("right", "ellipsis") if column.is_number else ("left", "fold")
        table.add_column(
            column.title,
            footer=below,
            justify=justify,  # type: ignore[arg-type] # rich wants literals, and these are two of them
            no_wrap=column.is_number,
            overflow=overflow,  # type: ignore[arg-type] # as above
        )
    for row in listing.rows:
        table.add_row(*row.cells)
    return table


def _lines_of(listing: Listing) -> Iterator[Text]:
    texts = [at for at, column in enumerate(listing.columns) if not column.is_number and column.title]
    for row in listing.lines:
        yield plain(" / ".join(row.cells[at].plain for at in texts if row.cells[at].plain), "bold")
        yield plain(f"  {_in_words(listing, row) if row.words is None else row.words}")


def _in_words(listing: Listing, row: Row) -> str:
    return ", ".join(
        f"{column.title} {cell.plain}"
        for column, cell in zip(listing.columns, row.cells, strict=True)
        if column.is_number and cell.plain
    )
