"""Lines: what the charges of one row of FOCUS have in common, and what they add up to, as the row's values."""

from collections.abc import Mapping
from datetime import UTC
from decimal import ROUND_HALF_EVEN, Context, Decimal

import msgspec

from taximeter.exports.charge import WHOLE_KINDS
from taximeter.exports.column import Value, json_text
from taximeter.exports.csv_file import decimal_text
from taximeter.exports.focus_names import service_names
from taximeter.exports.focus_options import PERIODS_US, FocusOptions
from taximeter.exports.meter import meter_of
from taximeter.report.window import instant_us, local_time

_EXACT = Context(prec=80)
_FINEST = Decimal("1e-18")


class LineSum(msgspec.Struct):
    """What the calls of one line add up to."""

    quantity: int = 0
    usd_nanos: int = 0
    calls: int = 0


class Line(msgspec.Struct, frozen=True):
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


def row_values(line: Line, total: LineSum, options: FocusOptions) -> Mapping[str, Value]:
    """Return the values of a row by its columns, those of any version."""
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


def _constants(line: Line) -> dict[str, Value]:
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


def _quantities(line: Line, total: LineSum) -> dict[str, Value]:
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


def _description(line: Line) -> str:
    meter = meter_of(line.kind)
    what = f"{line.model or line.provider}: {meter.name}"
    if line.kind in WHOLE_KINDS:
        return what
    return f"{what} at {decimal_text(line.price)} USD for {meter.pricing_unit}"


def _month(at_us: int) -> tuple[int, int]:
    """Return the month that an instant falls into, UTC; the day, for one beyond what calendars reach."""
    try:
        first = local_time(at_us, UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
        following = first.replace(year=first.year + first.month // 12, month=first.month % 12 + 1)
    except (OverflowError, ValueError):
        day_us = PERIODS_US["day"]
        return at_us // day_us * day_us, (at_us // day_us + 1) * day_us
    return instant_us(first), instant_us(following)
