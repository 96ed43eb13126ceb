"""Statistics: how often calls went well, how long they took, what they read from caches."""

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from itertools import accumulate

import msgspec

from taximeter.report.totals import Totals

PERCENTS = (50, 95, 99)


class Percentiles(msgspec.Struct, frozen=True):
    """Milliseconds that half, 95 % and 99 % of the calls kept within, by nearest rank; None where none was timed."""

    p50_ms: float | None = None
    p95_ms: float | None = None
    p99_ms: float | None = None


class Statistics(msgspec.Struct, frozen=True, kw_only=True):
    """What is said of a set of calls; the counts and sums are in `totals`."""

    totals: Totals
    latency: Percentiles = Percentiles()
    """Of `task_duration_ms`: from the request to the end of the answer."""
    time_to_first_token: Percentiles = Percentiles()
    """Of the streams."""

    @property
    def success_rate(self) -> float | None:
        """Share of the calls that were answered to the end, 0 to 1; None without calls."""
        calls = self.totals.calls
        unfinished = self.totals.failed_calls + self.totals.cut_short_calls
        return (calls - unfinished) / calls if calls else None

    @property
    def cache_hit_share(self) -> float | None:
        """Share of the input tokens that came from the provider's cache, 0 to 1; None without input."""
        taken = self.totals.input_tokens
        return self.totals.cache_read_tokens / taken if taken else None

    @property
    def money(self) -> str:
        """The cost in words that hide nothing: `$12.40 + 37 unpriced calls`."""
        return self.totals.money


def rank_of(percent: int, count: int) -> int:
    """Return the place, from 1, of the value that *percent* of *count* sorted values do not exceed."""
    return max(-(-count * percent // 100), 1)


def find_places(counts: Mapping[int, int]) -> list[tuple[int, int]]:
    """Return for each percentile in which unit its value lies, and which of the unit's sorted values it is, from 0.

    Args:
        counts: How many values lie in each whole unit; at least one.
    """
    units, last = sorted(counts), list(accumulate(counts[unit] for unit in sorted(counts)))
    ranks = [rank_of(percent, last[-1]) for percent in PERCENTS]
    places = [(rank, bisect_left(last, rank)) for rank in ranks]
    return [(units[at], rank - 1 - (last[at] - counts[units[at]])) for rank, at in places]


def percentiles_of(values: Sequence[float]) -> Percentiles:
    """Return the percentiles of values in any order."""
    if not values:
        return Percentiles()
    ordered = sorted(values)
    return Percentiles(*(ordered[rank_of(percent, len(ordered)) - 1] for percent in PERCENTS))
