"""History: the last calls of every group, and how much each group has to say of a call to come."""

from collections.abc import Iterable, Iterator, Sequence

from taximeter.forecast.kind import Group
from taximeter.forecast.past_call import LastCalls, PastCall

PSEUDO_CALLS = 8
"""A group with so many calls says as much as all groups beyond it together."""

CALLS_LIMIT = 200_000
"""Of all groups together; a call that is kept in several groups counts in each, and takes its memory once."""

NEGLIGIBLE = 0.05
"""What a group with so little weight says is left out where it would cost time."""

_ENOUGH = 0.98
Weighted = tuple[LastCalls, float]
"""A group's calls and their weight in what is expected; the weights of a call's groups sum to 1."""


class History:
    """What is kept of the past.

    Args:
        calls_limit: How many calls are kept, in all groups together.
    """

    def __init__(self, calls_limit: int = CALLS_LIMIT) -> None:
        self._calls_limit = calls_limit
        self._groups: dict[Group, LastCalls] = {}
        self._kept = 0

    def add(self, groups: Iterable[Group], call: PastCall) -> None:
        """Keep a call in its groups; where it gets too much, the groups that were quiet for longest go."""
        for group in groups:
            last = self._groups.pop(group, None) or LastCalls()
            self._groups[group] = last  # behind all others: the first is the one that was quiet for longest
            self._kept += last.add(call)
        while self._kept > self._calls_limit:
            quietest = next(iter(self._groups))
            self._kept -= len(self._groups.pop(quietest))

    def last(self, group: Group) -> LastCalls | None:
        """Return the calls of a group that are kept; None where there are none."""
        return self._groups.get(group)

    def weighted(self, groups: Sequence[Group], prior: LastCalls) -> list[Weighted]:
        """Return the calls that tell of a call in these groups: the closest group counts by how much it has seen.

        Each group takes n / (n + 8) of what the closer ones have left; what is left in the end is the prior's.
        """
        found: list[Weighted] = []
        rest = 1.0
        for group in groups:
            last = self._groups.get(group)
            if last is None:
                continue
            weight = rest * len(last) / (len(last) + PSEUDO_CALLS)
            found.append((last, weight))
            rest -= weight
            if rest < 1 - _ENOUGH:
                break
        found.append((prior, rest))
        return found

    def __iter__(self) -> Iterator[tuple[Group, LastCalls]]:
        """Yield the groups, those that were quiet for longest first."""
        return iter(self._groups.items())
