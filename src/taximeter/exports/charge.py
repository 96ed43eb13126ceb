"""Charges: what each meter of one call cost, by the list and by what it was priced with."""

import re
from collections.abc import Iterator
from decimal import Decimal

import msgspec

from taximeter.event import TaskCompletionEvent
from taximeter.pricing import Breakdown, Catalog, Component
from taximeter.report.circumstances import Circumstances, circumstances_of
from taximeter.report.totals import cost_nanos

_DATED = re.compile(r"@\d{4}-\d{2}-\d{2}$")
_ONE = Decimal(1)
WHOLE_KINDS = frozenset({"reported", "recorded", "long_context"})
"""Amounts that no unit price makes."""


class Charge(msgspec.Struct, frozen=True, kw_only=True):
    """One meter of one call. Prices are USD for a pricing unit; the nanodollars of all charges sum to the call's cost."""

    kind: str
    quantity: int
    usd_nanos: int
    list_price: Decimal = _ONE
    price: Decimal = _ONE
    sku_id: str
    sku_price_id: str
    rule: str = ""


def charges_of(event: TaskCompletionEvent, prices: Catalog, contract: Catalog | None) -> list[Charge]:
    """Return the charges of a call whose cost is known.

    Its components are worked out again, by the contract and by the list. Where neither gives the cost that the event
    has (prices of the application's own, an older table, an amount it stated), the cost is one charge, as it stands.

    Args:
        event: The call.
        prices: The list.
        contract: The list with overrides; None means that there are none.
    """
    nanos = cost_nanos(event) or 0
    call = circumstances_of(event)
    for catalog in (contract, prices):
        found = None if catalog is None else call.breakdown(catalog)
        if found is not None and found.cost.usd_nanos == nanos:
            listed = found if contract is None else _listed(call, prices)
            return list(_charges(event, found, listed))
    return [_recorded(event, nanos)] if nanos else []


def _listed(call: Circumstances, prices: Catalog) -> Breakdown:
    return msgspec.structs.replace(call, reported_usd_nanos=None).breakdown(prices)


def _charges(event: TaskCompletionEvent, found: Breakdown, listed: Breakdown) -> Iterator[Charge]:
    by_kind = {(part.kind, part.quantity): part for part in listed.components}
    for part in found.components:
        if not _lacks_price(part):
            yield _charge(event, part, by_kind.get((part.kind, part.quantity), part))


def _charge(event: TaskCompletionEvent, part: Component, listed: Component) -> Charge:
    price = _ONE if part.usd_per_unit is None else Decimal(part.usd_per_unit)
    row, _, rule = listed.rule.partition("; ")
    if "/" not in row:  # free by rule, or the provider's own amount: the list has no row for it
        row, rule = _name(event), listed.rule
    return Charge(
        kind=part.kind,
        quantity=part.quantity,
        usd_nanos=part.usd_nanos,
        list_price=price if listed.usd_per_unit is None else Decimal(listed.usd_per_unit),
        price=price,
        sku_id=f"{_DATED.sub('', row)}/{part.kind}",
        sku_price_id=f"{row}/{part.kind}{f' ({rule})' if rule else ''}",
        rule=listed.rule,
    )


def _recorded(event: TaskCompletionEvent, nanos: int) -> Charge:
    sku = f"{_name(event)}/recorded"
    return Charge(kind="recorded", quantity=1, usd_nanos=nanos, sku_id=sku, sku_price_id=sku)


def _lacks_price(part: Component) -> bool:
    return part.usd_per_unit is None and part.kind not in WHOLE_KINDS


def _name(event: TaskCompletionEvent) -> str:
    return f"{event.provider}/{event.model or event.requested_model or 'unknown'}"
