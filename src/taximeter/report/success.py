"""Success: what a call that served its purpose costs, the others included, because they were paid for it."""

from collections.abc import Iterable, Sequence

import msgspec

from taximeter.pricing.money import round_half_even
from taximeter.report.dimension import Key
from taximeter.report.group import Group, in_order
from taximeter.report.totals import Totals
from taximeter.vocabulary import Outcome

OUTCOME_DIMENSIONS = ("outcome", "quality_gate")
"""What the groups that successes are counted in have behind their own dimensions."""


class Success(msgspec.Struct, frozen=True, kw_only=True):
    """The calls of a group, and how many of them were of use.

    A call was when it was answered to its end and its quality gate, where it had one, did not fail.
    """

    key: Key
    totals: Totals
    successful_calls: int = 0
    gate_failed_calls: int = 0
    """Calls that were answered to their end and whose quality gate failed."""

    @property
    def success_rate(self) -> float | None:
        """Share of the calls that were of use, 0 to 1; None without calls."""
        return self.successful_calls / self.totals.calls if self.totals.calls else None

    @property
    def cost_per_success_usd_nanos(self) -> int | None:
        """The cost of all calls for each one that was of use; None where none was, or where no cost is known."""
        if not self.successful_calls or self.totals.is_unknown:
            return None
        return round_half_even(self.totals.cost_usd_nanos, self.successful_calls)


def successes_of(groups: Iterable[Group], by: Sequence[str], names: Sequence[str]) -> list[Success]:
    """Count the successes in the groups, by time where there is a period, then the dearest first.

    Args:
        groups: Totals by *by*.
        by: Dimensions, which have to hold all of `OUTCOME_DIMENSIONS`.
        names: The first of them, which the answer is grouped by.
    """
    outcome, gate = map(list(by).index, OUTCOME_DIMENSIONS)
    counts: dict[Key, list[int]] = {}
    sums: dict[Key, Totals] = {}
    for group in groups:
        key = group.key[: len(names)]
        sums.setdefault(key, Totals()).merge(group.totals)
        count = counts.setdefault(key, [0, 0])
        if group.key[outcome] == Outcome.SUCCESS:
            count[group.key[gate] == "failed"] += group.totals.calls
    return [
        Success(
            key=group.key,
            totals=group.totals,
            successful_calls=counts[group.key][0],
            gate_failed_calls=counts[group.key][1],
        )
        for group in in_order(sums, tuple(names))
    ]


def total_success(successes: Iterable[Success]) -> Success:
    """Return all groups together."""
    total, successful, failed = Totals(), 0, 0
    for each in successes:
        total.merge(each.totals)
        successful += each.successful_calls
        failed += each.gate_failed_calls
    return Success(key=(), totals=total, successful_calls=successful, gate_failed_calls=failed)
