"""Statistics: how often calls went well, how long they took, what they read from caches."""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from math import sqrt

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


def brackets_of(sample: Sequence[float]) -> list[tuple[float, float]]:
    """Return between which values each percentile of a whole most probably lies, from a sample of it; none from none."""
    ordered = sorted(sample)
    brackets = []
    for percent in PERCENTS if ordered else ():
        place, share = rank_of(percent, len(ordered)) - 1, percent / 100
        margin = 2 + round(4 * sqrt(len(ordered) * share * (1 - share)))  # four standard deviations
        brackets.append((ordered[max(place - margin, 0)], ordered[min(place + margin, len(ordered) - 1)]))
    return brackets


def percentiles_within(
    near: Sequence[float], brackets: Sequence[tuple[float, float]], below: Sequence[int], count: int
) -> Percentiles | None:
    """Return the percentiles of a whole of which only a part was looked at; None where one lies outside of its bracket.

    Args:
        near: All values that lie in one of the brackets, in any order.
        brackets: One for each percentile.
        below: How many values of the whole are less than each bracket's lower end.
        count: How many values the whole has.
    """
    ordered, found = sorted(near), []
    for percent, (low, high), less in zip(PERCENTS, brackets, below, strict=True):
        first = bisect_left(ordered, low)
        place = first + rank_of(percent, count) - 1 - less
        if not first <= place < bisect_right(ordered, high):
            return None
        found.append(ordered[place])
    return Percentiles(*found)


def percentiles_of(values: Sequence[float]) -> Percentiles:
    """Return the percentiles of values in any order."""
    if not values:
        return Percentiles()
    ordered = sorted(values)
    return Percentiles(*(ordered[rank_of(percent, len(ordered)) - 1] for percent in PERCENTS))
