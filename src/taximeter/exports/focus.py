"""FOCUS: events as rows of the FinOps Open Cost and Usage Specification, one a meter and hour, day or call."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Context, Decimal
from itertools import groupby
from typing import Any, Literal

import msgspec

from taximeter.errors import ConfigurationError, one_of
from taximeter.event import TaskCompletionEvent
from taximeter.exports.charge import WHOLE_KINDS, Charge, charges_of
from taximeter.exports.column import RowValues, Value, json_text
from taximeter.exports.csv_file import decimal_text
from taximeter.exports.focus_columns import focus_columns
from taximeter.exports.focus_names import service_names
from taximeter.exports.meter import meter_of
from taximeter.pricing import Catalog
from taximeter.report.totals import cost_nanos, was_refused
from taximeter.report.window import EPOCH
from taximeter.vocabulary import CostStatus

Per = Literal["hour", "day", "call"]
PERIODS_US: dict[str, int] = {"hour": 3_600_000_000, "day": 86_400_000_000, "call": 1_000_000}
_SECOND_US = 1_000_000
_MICROSECOND = timedelta(microseconds=1)
_EXACT = Context(prec=80)
_FINEST = Decimal("1e-18")
TAG_FIELDS = ("agent", "user", "service", "task_type", "harness")
CALL_TAG_FIELDS = {"session": "session", "run_id": "run", "trace_id": "trace"}
TAG_PREFIX = "taximeter/"


class FocusOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What the rows are to be.

    Args:
        version: Of the specification.
        per: What one row covers: an hour or a day of UTC, or a call.
        billing_account: The id of the account that pays; None means the provider's name.
        invoice_issuer: Who sends the invoice; None means the provider.

    Raises:
        ConfigurationError: A version or a period that is not known here.
    """

    version: str = "1.2"
    per: Per = "day"
    billing_account: str | None = None
    invoice_issuer: str | None = None

    def __post_init__(self) -> None:
        focus_columns(self.version)
        if self.per not in PERIODS_US:
            raise ConfigurationError("--per", self.per, one_of(self.per, PERIODS_US))


class FocusCounts(msgspec.Struct):
    """What became of the calls: `rows_usd_nanos` is what all rows cost, and `calls` in it cost just that."""

    calls: int = 0
    rows: int = 0
    rows_usd_nanos: int = 0
    unpriced_calls: int = 0
    """Of unknown cost. FOCUS has no unknown cost, and zero would say free, so they have no rows."""
    refused_calls: int = 0
    """Turned down by the provider, at no cost."""
    lower_bound_calls: int = 0
    """Whose cost is partial: more was used than counted, or a meter has no price, and then no row."""
    recorded_calls: int = 0
    """In rows of one amount, since no prices here give the cost that was recorded."""


def focus_rows(
    events: Iterable[TaskCompletionEvent],
    options: FocusOptions,
    counts: FocusCounts,
    *,
    prices: Catalog,
    contract: Catalog | None = None,
    in_order: bool = False,
) -> Iterator[RowValues]:
    """Yield rows by `focus_columns(options.version)`; their BilledCost sums exactly to what the events cost.

    Args:
        events: The calls.
        options: What the rows are to be.
        counts: Filled on the way.
        prices: The list.
        contract: The list with overrides, where there are any.
        in_order: Whether the events come by time, so that memory holds the rows of one period only.
    """
    unit_us = PERIODS_US[options.per]
    columns = [column.name for column in focus_columns(options.version)]
    periods: Iterable[Any] = ((None, events),)
    if in_order or options.per == "call":
        periods = groupby(events, lambda event: event.started_at_us // unit_us)
    for _, calls in periods:
        sums: dict[tuple[Any, ...], _Sum] = {}
        for event in calls:
            if _count(event, counts):
                charges = charges_of(event, prices, contract)
                counts.recorded_calls += any(charge.kind == "recorded" for charge in charges)
                for charge in charges:
                    _add(sums, event, charge, options)
        for key, total in sums.items():
            values = _row(_Line(*key), total, options)
            counts.rows += 1
            counts.rows_usd_nanos += total.usd_nanos
            yield [values[name] for name in columns]


def _count(event: TaskCompletionEvent, counts: FocusCounts) -> bool:
    """Count a call; whether its cost is known."""
    if cost_nanos(event) is not None:
        counts.calls += 1
        counts.lower_bound_calls += event.cost_status == CostStatus.PARTIAL
        return True
    if was_refused(event):
        counts.refused_calls += 1
    else:
        counts.unpriced_calls += 1
    return False


class _Sum(msgspec.Struct):
    """What the calls of one line add up to."""

    quantity: int = 0
    usd_nanos: int = 0
    calls: int = 0


class _Line(msgspec.Struct, frozen=True):
    """What the charges of one row have in common."""

    start_us: int
    end_us: int
    kind: str
    consumed_unit: str
    sku_id: str
    sku_price_id: str
    rule: str
    list_price: Decimal
    price: Decimal
    provider: str
    model: str | None
    operation: str
    region: str | None
    tier: str | None
    tags: str | None
    cost_status: str
    cost_source: str
    price_version: str | None
    event_id: str | None


def _add(
    sums: dict[tuple[Any, ...], _Sum], event: TaskCompletionEvent, charge: Charge, options: FocusOptions
) -> None:
    start_us, end_us = _period(event, options.per)
    quantity, unit = _consumed(event, charge)
    key = (
        start_us,
        end_us,
        charge.kind,
        unit,
        charge.sku_id,
        charge.sku_price_id,
        charge.rule,
        charge.list_price,
        charge.price,
        event.provider,
        event.model or event.requested_model,
        str(event.operation),
        (event.price_context or {}).get("region"),
        event.service_tier,
        _tags(event, options.per),
        str(event.cost_status),
        str(event.cost_source),
        event.price_version,
        event.event_id if options.per == "call" else None,
    )
    total = sums.setdefault(key, _Sum())
    total.quantity += quantity
    total.usd_nanos += charge.usd_nanos
    total.calls += 1


def _period(event: TaskCompletionEvent, per: Per) -> tuple[int, int]:
    unit_us = PERIODS_US[per]
    start_us = event.started_at_us // unit_us * unit_us
    if per != "call":
        return start_us, start_us + unit_us
    ended_at_us = event.started_at_us + int((event.task_duration_ms or 0) * 1000)
    return start_us, max(-(-ended_at_us // _SECOND_US) * _SECOND_US, start_us + _SECOND_US)


def _consumed(event: TaskCompletionEvent, charge: Charge) -> tuple[int, str]:
    """Return what was consumed; of an amount as a whole all tokens of the call, else the call itself."""
    if charge.kind not in WHOLE_KINDS or charge.kind == "long_context":
        return charge.quantity, meter_of(charge.kind).consumed_unit
    tokens = (event.actual_input_tokens or 0) + (event.actual_output_tokens or 0)
    return (tokens, "Tokens") if tokens else (1, "Requests")


def _tags(event: TaskCompletionEvent, per: Per) -> str | None:
    own = {name: name for name in TAG_FIELDS} | (CALL_TAG_FIELDS if per == "call" else {})
    known = {f"{TAG_PREFIX}{tag}": getattr(event, name) for name, tag in own.items()}
    tags = {**(event.tags or {}), **{tag: str(value) for tag, value in known.items() if value is not None}}
    return json_text(tags) if tags else None


def _row(line: _Line, total: _Sum, options: FocusOptions) -> Mapping[str, Value]:
    names = service_names(line.provider)
    return {
        **_constants(line),
        **_quantities(line, total),
        "BillingAccountId": options.billing_account or line.provider,
        "BillingAccountName": options.billing_account,
        "ChargeDescription": _description(line),
        "ChargePeriodStart": line.start_us,
        "ChargePeriodEnd": line.end_us,
        "HostProviderName": names.provider,
        "InvoiceIssuerName": options.invoice_issuer or names.provider,
        "ProviderName": names.provider,
        "PublisherName": names.provider,
        "ServiceProviderName": names.provider,
        "ServiceName": names.service,
        "RegionId": line.region,
        "RegionName": line.region,
        "SkuId": line.sku_id,
        "SkuMeter": meter_of(line.kind).name,
        "SkuPriceId": line.sku_price_id,
        "SkuPriceDetails": json_text({"x_Kind": line.kind, "x_Rule": line.rule or None}),
        "Tags": line.tags,
        "x_CostSource": line.cost_source,
        "x_CostStatus": line.cost_status,
        "x_EventId": line.event_id,
        "x_Model": line.model,
        "x_Operation": line.operation,
        "x_PriceTableVersion": line.price_version,
        "x_Provider": line.provider,
        "x_ServiceTier": line.tier,
    }


def _constants(line: _Line) -> dict[str, Value]:
    since_us, until_us = _month(line.start_us)
    return {
        "BillingCurrency": "USD",
        "BillingPeriodStart": since_us,
        "BillingPeriodEnd": until_us,
        "ChargeCategory": "Usage",
        "ChargeClass": None,
        "ChargeFrequency": "Usage-Based",
        "CommitmentDiscountStatus": None,
        "InvoiceId": None,
        "PricingCategory": "Other" if line.kind in WHOLE_KINDS else "Standard",
        "ServiceCategory": "AI and Machine Learning",
        "ServiceSubcategory": "Generative AI",
    }


def _quantities(line: _Line, total: _Sum) -> dict[str, Value]:
    meter = meter_of(line.kind)
    billed = Decimal(total.usd_nanos).scaleb(-9)
    whole = line.kind in WHOLE_KINDS
    quantity = billed if whole else meter.pricing_quantity(total.quantity)
    return {
        "BilledCost": billed,
        "EffectiveCost": billed,
        "ContractedCost": _product(line.price, quantity),
        "ContractedUnitPrice": line.price,
        "ListCost": _product(line.list_price, quantity),
        "ListUnitPrice": line.list_price,
        "PricingCurrency": "USD",
        "PricingCurrencyContractedUnitPrice": line.price,
        "PricingCurrencyEffectiveCost": billed,
        "PricingCurrencyListUnitPrice": line.list_price,
        "PricingQuantity": quantity,
        "PricingUnit": meter.pricing_unit,
        "ConsumedQuantity": Decimal(total.quantity) if whole else meter.consumed_quantity(total.quantity),
        "ConsumedUnit": line.consumed_unit,
        "x_Calls": total.calls,
    }


def _product(price: Decimal, quantity: Decimal) -> Decimal:
    exact = _EXACT.multiply(price, quantity)
    return exact.quantize(_FINEST, ROUND_HALF_EVEN, _EXACT)


def _description(line: _Line) -> str:
    meter = meter_of(line.kind)
    what = f"{line.model or line.provider}: {meter.name}"
    if line.kind in WHOLE_KINDS:
        return what
    return f"{what} at {decimal_text(line.price)} USD for {meter.pricing_unit}"


def _month(at_us: int) -> tuple[int, int]:
    """Return the month that an instant falls into, UTC; the day, for one beyond what calendars reach."""
    try:
        first = (EPOCH + timedelta(microseconds=at_us)).replace(
            day=1, hour=0, minute=0, second=0, microsecond=0
        )
        following = first.replace(year=first.year + first.month // 12, month=first.month % 12 + 1)
    except (OverflowError, ValueError):
        day_us = PERIODS_US["day"]
        return at_us // day_us * day_us, (at_us // day_us + 1) * day_us
    return _us(first), _us(following)


def _us(moment: datetime) -> int:
    return (moment.astimezone(UTC) - EPOCH) // _MICROSECOND
