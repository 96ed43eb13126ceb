"""Answers: what can be asked of events, however they are kept."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from datetime import UTC, tzinfo
from typing import Unpack

from taximeter.errors import ConfigurationError
from taximeter.event import TaskCompletionEvent
from taximeter.report.daily_cost import DailyCost, daily_costs_of
from taximeter.report.dimension import Filter
from taximeter.report.group import Group, grand_total
from taximeter.report.statistics import Percentiles, Statistics
from taximeter.report.window import ALWAYS, Window, last_days, read_zone

Where = Mapping[str, str | None]
_MOST_CALLS = 1_000_000_000


class Answers(ABC):
    """Questions that every store answers alike. Calls are chosen by dimension: `agent="reviewer"`, `model=None`."""

    @abstractmethod
    def totals(
        self,
        group_by: Sequence[str] = (),
        *,
        where: Where | None = None,
        window: Window = ALWAYS,
        zone: tzinfo = UTC,
    ) -> list[Group]:
        """Add up the calls by dimension."""

    @abstractmethod
    def recent(
        self, limit: int = 20, *, where: Where | None = None, window: Window = ALWAYS, **of: Unpack[Filter]
    ) -> list[TaskCompletionEvent]:
        """Return the calls that started last, the newest first.

        Args:
            limit: How many at most.
            where: Values that calls must have, by dimension; None means not known.
            window: When the calls started.
            **of: The same as *where*, as arguments.

        Raises:
            ConfigurationError: A name that is no dimension, or a limit below 1.
            StoreError: The store is broken.
        """

    @abstractmethod
    def lost(self, window: Window = ALWAYS) -> dict[str, int]:
        """Return how many events are known to have never come here, by reason; totals are short of them.

        What a process could not say any more is not among them: without a journal, that is what a kill takes with it.

        Args:
            window: When the losses were noted, to a quarter of an hour.

        Raises:
            StoreError: The store is broken.
        """

    @abstractmethod
    def _percentiles(self, field: str, where: Where, window: Window) -> Percentiles: ...

    def daily_costs(
        self,
        *,
        days: int | None = None,
        tz: str | tzinfo = "UTC",
        where: Where | None = None,
        window: Window = ALWAYS,
        **of: Unpack[Filter],
    ) -> list[DailyCost]:
        """Return what the calls of each day add up to, oldest day first; days without calls are left out.

        Args:
            days: Only the last so many days, today being one of them; None leaves it to *window*.
            tz: The IANA zone whose midnights part the days; in most zones two days a year have 23 or 25 hours.
            where: Values that calls must have, by dimension; None means not known.
            window: When the calls started; all of them where neither is given.
            **of: The same as *where*, as arguments.

        Raises:
            ConfigurationError: A name that is no dimension, no such zone, no such number of days.
            StoreError: The store is broken.
        """
        zone = read_zone(tz)
        window = window if days is None else last_days(days, zone)
        return daily_costs_of(self.totals(["day"], where=joined(where, of), window=window, zone=zone))

    def statistics(
        self,
        *,
        days: int | None = None,
        tz: str | tzinfo = "UTC",
        where: Where | None = None,
        window: Window = ALWAYS,
        **of: Unpack[Filter],
    ) -> Statistics:
        """Return counts, tokens, cost, success rate, latency and cache share of the calls.

        Args:
            days: Only the last so many days, today being one of them: the same calls as `daily_costs(days=...)`.
            tz: Whose midnight begins the first of them.
            where: Values that calls must have, by dimension; None means not known.
            window: When the calls started; all of them where neither is given.
            **of: The same as *where*, as arguments.

        Raises:
            ConfigurationError: A name that is no dimension, no such zone, no such number of days.
            StoreError: The store is broken.
        """
        window = window if days is None else last_days(days, read_zone(tz))
        wanted = joined(where, of)
        return Statistics(
            totals=grand_total(self.totals(where=wanted, window=window)),
            latency=self._percentiles("task_duration_ms", wanted, window),
            time_to_first_token=self._percentiles("time_to_first_token_ms", wanted, window),
        )


def joined(where: Where | None, of: Filter) -> dict[str, str | None]:
    """Return both ways to choose calls as one."""
    chosen: dict[str, str | None] = {**(where or {})}
    for name, value in of.items():
        chosen[name] = value if value is None else str(value)
    return chosen


def check_limit(limit: int, key: str = "limit") -> int:
    """Return the limit.

    Args:
        limit: How many calls at most.
        key: The option to name in an error.

    Raises:
        ConfigurationError: It is no number of calls.
    """
    if type(limit) is not int or not 1 <= limit <= _MOST_CALLS:
        raise ConfigurationError(key, limit, f"a whole number from 1 to {_MOST_CALLS:,}")
    return limit
