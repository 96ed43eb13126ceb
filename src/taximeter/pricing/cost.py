"""Cost: the money of one usage, in integers."""

import msgspec

from taximeter.vocabulary import CostSource, CostStatus


class Cost(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What a call cost: `usd_micros` is the contract, `usd_nanos` is what sums are made of.

    Both are rounded half-even, once, from the exact amount in femtodollars; None means unknown, never free.
    """

    usd_micros: int | None = None
    usd_nanos: int | None = None
    status: CostStatus = CostStatus.UNKNOWN
    source: CostSource = CostSource.NONE
    price_version: str | None = None
    price_id: str | None = None

    def as_lower_bound(self) -> "Cost":
        """Return the cost of a usage that is only a lower bound; when that is nothing, nothing is known."""
        if self.status != CostStatus.PRICED:
            return self
        if not self.usd_nanos:
            return Cost(price_version=self.price_version)
        return msgspec.structs.replace(self, status=CostStatus.PARTIAL)


UNKNOWN_COST = Cost()
