"""Statistics: how often calls went well, how long they took, what they read from caches."""

from collections.abc import Sequence

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


def percentiles_of(values: Sequence[float]) -> Percentiles:
    """Return the percentiles of values in any order."""
    if not values:
        return Percentiles()
    ordered = sorted(values)
    return Percentiles(*(ordered[rank_of(percent, len(ordered)) - 1] for percent in PERCENTS))
