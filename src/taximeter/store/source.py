"""Source: where the totals of a window are read from, the rollups for whole days and quarters of an hour, or the calls."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

import msgspec

from taximeter.report.dimension import COLUMNS, PERIODS, TRUE_OR_FALSE, read_columns, tag_of
from taximeter.report.totals import TOTALS_FIELDS
from taximeter.report.window import ALWAYS, Window
from taximeter.sinks.layout import DAY_US, GROUP_FIELDS, QUARTER, QUARTER_US, SUMS
from taximeter.store.answers import Where

Fragment = tuple[str, list[Any]]
"""A part of a query in SQL, and the values of its parameters."""


class Source(msgspec.Struct, frozen=True, eq=False):
    """Something with dimensions, times and sums, in the terms of SQL."""

    table: str
    quarter: str
    dimensions: Mapping[str, str]
    sums: Mapping[str, str]
    time: str
    time_unit_us: int

    def totals(self, by: Sequence[str], where: Where, window: Window) -> Fragment:
        """Return the query for a row of keys and sums for each group."""
        condition, values = self.condition(where, window)
        keys = [self._expression(name) for name in by]
        # The cast is for a number that another writer left in a column of integers with a fraction, or too large for one
        sums = [f"COALESCE(CAST(SUM({self.sums[name]}) AS INTEGER), 0)" for name in TOTALS_FIELDS]
        selected = ", ".join([text for text, _ in keys] + sums)
        groups = f" GROUP BY {', '.join(str(at + 1) for at in range(len(keys)))}" if keys else ""
        query = f"SELECT {selected} FROM {self.table} WHERE {condition}{groups}"  # noqa: S608 - allowlisted names
        return query, [value for _, parameters in keys for value in parameters] + values

    def condition(self, where: Where = {}, window: Window = ALWAYS) -> Fragment:  # noqa: B006 - never changed
        """Return what is asked of a row.

        Raises:
            ConfigurationError: A name that is no dimension.
        """
        sides = [(f"{self.time} >= ?", window.since_us), (f"{self.time} < ?", window.until_us)]
        given = [(text, at_us // self.time_unit_us) for text, at_us in sides if at_us is not None]
        condition = " AND ".join(text for text, _ in given) or "1"
        values: list[Any] = [at for _, at in given]
        for name, value in read_columns(where).items():
            text, parameters = self._expression(name)
            condition += f" AND {text} IS ?"
            values += [*parameters, value]
        return condition, values

    def _expression(self, name: str) -> Fragment:
        """Return the value of a dimension."""
        if name in PERIODS:
            return self.quarter, []
        if (tag := tag_of(name)) is not None:
            tags = "CASE WHEN json_valid(tags) THEN tags ELSE '{}' END"
            return f"(SELECT value FROM json_each({tags}) WHERE key = ?)", [tag]  # noqa: S608 - no text of others
        return self.dimensions[name], []


def _first_known(columns: tuple[str, ...]) -> str:
    return columns[0] if len(columns) == 1 else f"COALESCE({', '.join(columns)})"


def _judge(column: str, true: str, false: str) -> str:
    return f"CASE {column} WHEN 1 THEN '{true}' WHEN 0 THEN '{false}' END"


CALLS = Source(
    "events",
    QUARTER,
    {name: _first_known(columns) for name, columns in COLUMNS.items()}
    | {name: _judge(COLUMNS[name][0], *words) for name, words in TRUE_OR_FALSE.items()},
    SUMS,
    "started_at_us",
    1,
)
_ROLLUP_DIMENSIONS = {name: columns[0] for name, columns in COLUMNS.items() if columns[0] in GROUP_FIELDS}
_ROLLUP_SUMS = {name: name for name in SUMS}
ROLLUPS = Source(
    "rollups JOIN groups USING (group_id)", "quarter", _ROLLUP_DIMENSIONS, _ROLLUP_SUMS, "quarter", QUARTER_US
)
DAY_ROLLUPS = Source(
    "day_rollups JOIN groups USING (group_id)", "day", _ROLLUP_DIMENSIONS, _ROLLUP_SUMS, "day", DAY_US
)


def sources_for(dimensions: Collection[str], window: Window) -> Iterator[tuple[Source, Window]]:
    """Yield what has to be added up: the coarsest rollups that have the dimensions, and finer ones for the edges."""
    if not {*dimensions} <= {*_ROLLUP_DIMENSIONS, *PERIODS}:
        return iter([(CALLS, window)])
    return _cover(window, [ROLLUPS, CALLS] if {*dimensions} & {*PERIODS} else [DAY_ROLLUPS, ROLLUPS, CALLS])


def _cover(window: Window, sources: Sequence[Source]) -> Iterator[tuple[Source, Window]]:
    source, *finer = sources
    inner = _whole_units(window, source.time_unit_us)
    if inner is None:
        yield from _cover(window, finer) if finer else ()
        return
    yield source, inner
    if inner.since_us != window.since_us:
        yield from _cover(Window(window.since_us, inner.since_us), finer)
    if inner.until_us != window.until_us:
        yield from _cover(Window(inner.until_us, window.until_us), finer)


def _whole_units(window: Window, unit_us: int) -> Window | None:
    """Return the part of the window that is whole units of time, or None where there is not one."""
    since_us = None if window.since_us is None else -(-window.since_us // unit_us) * unit_us
    until_us = None if window.until_us is None else window.until_us // unit_us * unit_us
    if since_us is not None and until_us is not None and since_us >= until_us:
        return None
    return Window(since_us, until_us)
