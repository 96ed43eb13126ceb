"""Daily costs: what each day's calls add up to."""

from collections.abc import Iterable
from datetime import date

from taximeter.report.group import Group
from taximeter.report.totals import TOTALS_FIELDS, Totals


class DailyCost(Totals, kw_only=True):
    """The totals of a day. `money` says what the amount leaves out: `$12.40 + 37 unpriced calls`."""

    day: date
    """The day in the zone that was asked for."""


def daily_costs_of(groups: Iterable[Group]) -> list[DailyCost]:
    """Read the groups of `totals(["day"])`; calls at times that no calendar reaches are on no day."""
    return [
        DailyCost(day=date.fromisoformat(day), **{name: getattr(totals, name) for name in TOTALS_FIELDS})
        for (day,), totals in ((group.key, group.totals) for group in groups)
        if day is not None
    ]
