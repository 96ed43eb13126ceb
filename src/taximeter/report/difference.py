"""Differences: why one set of calls cost more or less than another, in parts that add up to the whole.

A group's cost is calls x cost a call, and the cost of a call is its tokens x what a token costs. From the earlier cost to the
later one is gone in four steps, each from where the last one ended (sequential decomposition, as in price-volume-mix
analysis):

1. calls: every group grows with the number of all calls, and nothing else changes;
2. mix: the calls are those that each group really made, at its earlier cost a call; a group that is new comes in here whole;
3. tokens: the tokens are those that the calls really had, at the group's earlier cost a token;
4. price: what is left is the cost a token: rates, and how many of the tokens are cached or output.

The order matters where two things change at once: their joint effect is in the later step. The standing after each step is
rounded to a nanodollar once, so that the four parts of a group, and of all groups, sum to the change exactly.
"""

from collections.abc import Iterable
from fractions import Fraction
from itertools import pairwise

import msgspec

from taximeter.report.dimension import Key
from taximeter.report.group import Group
from taximeter.report.totals import Totals


class Effects(msgspec.Struct, frozen=True):
    """What each cause has added to a cost, in nanodollars."""

    calls: int = 0
    mix: int = 0
    tokens: int = 0
    price: int = 0

    @property
    def total(self) -> int:
        """The whole change."""
        return self.calls + self.mix + self.tokens + self.price

    def __add__(self, other: "Effects") -> "Effects":
        """Return both together."""
        return Effects(
            self.calls + other.calls,
            self.mix + other.mix,
            self.tokens + other.tokens,
            self.price + other.price,
        )


class Difference(msgspec.Struct, frozen=True):
    """One group before and after, and what its change came from."""

    key: Key
    before: Totals
    after: Totals
    effects: Effects

    @property
    def change_usd_nanos(self) -> int | None:
        """How much more it is; None where nothing is known of what one of the sides cost."""
        return None if self.before.is_unknown or self.after.is_unknown else self.effects.total


def compare(before: Iterable[Group], after: Iterable[Group], *, width: int) -> list[Difference]:
    """Return the groups of either side, those that changed most first.

    Args:
        before: The earlier groups. The finer their key, the more is mix and the less is price: it should have the model.
        after: The later ones, with the same key.
        width: How many parts of the key to keep; groups that are alike in these come out as one.
    """
    earlier, later = _by_key(before), _by_key(after)
    growth = _growth(earlier.values(), later.values())
    found: dict[Key, Difference] = {}
    for key in {**earlier, **later}:
        one = _difference(key[:width], earlier.get(key, Totals()), later.get(key, Totals()), growth)
        found[one.key] = _joined(found[one.key], one) if one.key in found else one
    return sorted(found.values(), key=_order)


def total_of(differences: Iterable[Difference]) -> Difference:
    """Return all groups together."""
    total = Difference((), Totals(), Totals(), Effects())
    for each in differences:
        total = _joined(total, each)
    return total


def _order(difference: Difference) -> tuple[int, int, list[str]]:
    return (
        -abs(difference.effects.total),
        -difference.after.cost_usd_nanos,
        [part or "" for part in difference.key],
    )


def _by_key(groups: Iterable[Group]) -> dict[Key, Totals]:
    found: dict[Key, Totals] = {}
    for group in groups:
        found.setdefault(group.key, Totals()).merge(group.totals)
    return found


def _joined(one: Difference, other: Difference) -> Difference:
    return Difference(
        one.key, one.before + other.before, one.after + other.after, one.effects + other.effects
    )


def _growth(before: Iterable[Totals], after: Iterable[Totals]) -> Fraction | None:
    """Return how many times as many calls there are; None where there were none before."""
    earlier, later = sum(map(_priced_calls, before)), sum(map(_priced_calls, after))
    return Fraction(later, earlier) if earlier else None


def _difference(key: Key, before: Totals, after: Totals, growth: Fraction | None) -> Difference:
    levels = [before.cost_usd_nanos, *map(round, _levels(before, after, growth)), after.cost_usd_nanos]
    steps = [later - earlier for earlier, later in pairwise(levels)]
    return Difference(key, before, after, Effects(*steps))


def _levels(before: Totals, after: Totals, growth: Fraction | None) -> tuple[Fraction, Fraction, Fraction]:
    """Return where the cost stands after the first, the second and the third step."""
    earlier, later = Fraction(before.cost_usd_nanos), Fraction(after.cost_usd_nanos)
    if growth is None:  # nothing to compare with: all of it is more calls
        return later, later, later
    calls_before, calls_after = _priced_calls(before), _priced_calls(after)
    mixed = earlier * calls_after / calls_before if calls_before else later
    tokens_before, tokens_after = _priced_tokens(before), _priced_tokens(after)
    lengthened = earlier * tokens_after / tokens_before if calls_before and tokens_before else mixed
    return earlier * growth, mixed, lengthened


def _priced_calls(totals: Totals) -> int:
    return totals.calls - totals.unpriced_calls


def _priced_tokens(totals: Totals) -> Fraction:
    """Return the tokens of the calls that have a price: those that have none are taken to be as long as the others."""
    tokens = totals.input_tokens + totals.output_tokens
    return Fraction(tokens * _priced_calls(totals), totals.calls) if totals.calls else Fraction(0)
