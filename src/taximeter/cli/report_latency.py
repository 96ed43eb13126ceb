"""`taximeter report --latency`: how often calls went well, how long they took, what they read from caches."""

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
from rich.text import Text

from taximeter.cli.choice import Choice
from taximeter.cli.console import plain
from taximeter.cli.listing import Column, Listing, Row, number
from taximeter.cli.totals_table import name_cell
from taximeter.errors import ConfigurationError
from taximeter.report.dimension import PERIODS, Key
from taximeter.report.money import plural
from taximeter.report.statistics import Percentiles, Statistics
from taximeter.store import EventFile, Store

CSV_NAMES = (
    "calls",
    "success_rate",
    *(f"latency_{name}" for name in Percentiles.__struct_fields__),
    *(f"time_to_first_token_{name}" for name in Percentiles.__struct_fields__),
    "cache_hit_share",
)


def statistics_by(
    store: Store | EventFile, names: Sequence[str], choice: Choice
) -> list[tuple[Key, Statistics]]:
    """Return the statistics of each group, the dearest first.

    Raises:
        ConfigurationError: A period among the names: percentiles are not made of the sums that periods have.
    """
    if periods := [name for name in names if name in PERIODS]:
        raise ConfigurationError("by", periods[0], "no period with --latency; --since and --until say when")
    groups = store.totals(names, where=choice.where, window=choice.window, zone=choice.zone)
    return [
        (
            group.key,
            store.statistics(where={**choice.where, **_wanted(names, group.key)}, window=choice.window),
        )
        for group in groups
    ]


def _wanted(names: Sequence[str], key: Key) -> dict[str, str | None]:
    return dict(zip(names, key, strict=True))


def latency_listing(
    names: Sequence[str], groups: Sequence[tuple[Key, Statistics]], total: Statistics
) -> Listing:
    """Return a line a group, times in milliseconds."""
    columns = [Column(name, is_number=False) for name in names]
    columns += [Column("calls"), Column("success"), Column("p50 ms"), Column("p95 ms"), Column("p99 ms")]
    columns += [Column("first p50", is_optional=True), Column("first p95", is_optional=True)]
    columns.append(Column("cached", is_optional=True))
    rows = tuple(_row(found, list(map(name_cell, key))) for key, found in groups)
    label = [plain("" if at else "total") for at in range(len(names))]
    return Listing(tuple(columns), rows, _row(total, label) if len(groups) > 1 else None)


def _row(found: Statistics, key: list[Text]) -> Row:
    latency, first = found.latency, found.time_to_first_token
    times = (latency.p50_ms, latency.p95_ms, latency.p99_ms, first.p50_ms, first.p95_ms)
    cells = [number(found.totals.calls), plain(_percent(found.success_rate)), *map(_milliseconds, times)]
    half, most = (f"{_milliseconds(ms).plain} ms" for ms in times[:2])
    words = f"{plural(found.totals.calls, 'call')}, {_percent(found.success_rate)} successful"
    return Row(
        (*key, *cells, plain(_percent(found.cache_hit_share))), f"{words}, half in {half}, 95 % in {most}"
    )


def _milliseconds(value: float | None) -> Text:
    return plain("-", "dim") if value is None else plain(f"{value:,.0f}" if value >= 10 else f"{value:.1f}")


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{share * 100:.1f} %"


def latency_rows(groups: Sequence[tuple[Key, Statistics]]) -> Iterator[list[Any]]:
    """Yield the lines as CSV has them; what is not known is empty."""
    for key, found in groups:
        times = [*msgspec.structs.astuple(found.latency), *msgspec.structs.astuple(found.time_to_first_token)]
        yield [*key, found.totals.calls, found.success_rate, *times, found.cache_hit_share]


def latency_document(
    names: Sequence[str], groups: Sequence[tuple[Key, Statistics]], total: Statistics, choice: Choice
) -> dict[str, Any]:
    """Return the answer as JSON has it."""

    def fields(found: Statistics) -> dict[str, Any]:
        return {
            "calls": found.totals.calls,
            "success_rate": found.success_rate,
            "latency": found.latency,
            "time_to_first_token": found.time_to_first_token,
            "cache_hit_share": found.cache_hit_share,
        }

    return {
        "by": names,
        "since_us": choice.window.since_us,
        "until_us": choice.window.until_us,
        "where": choice.where,
        "groups": [{**_wanted(names, key), **fields(found)} for key, found in groups],
        "total": fields(total),
    }
