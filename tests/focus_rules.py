"""Rules of FOCUS, written down from the specification's column pages and attributes (tags v1.2, v1.3 and v1.4).

They are told here a second time, apart from the table that the export is made by, so that a slip in one shows in the other.
"""

import json
import re
from collections.abc import Iterator, Mapping
from decimal import Decimal

MANDATORY = {
    "BilledCost",
    "BillingAccountId",
    "BillingAccountName",
    "BillingCurrency",
    "BillingPeriodEnd",
    "BillingPeriodStart",
    "ChargeCategory",
    "ChargeClass",
    "ChargeDescription",
    "ChargePeriodEnd",
    "ChargePeriodStart",
    "ContractedCost",
    "EffectiveCost",
    "InvoiceIssuerName",
    "ListCost",
    "PricingQuantity",
    "PricingUnit",
    "ServiceCategory",
    "ServiceName",
}
MANDATORY_BY_VERSION = {
    "1.2": {"ProviderName", "PublisherName"},
    "1.3": {"ProviderName", "PublisherName", "ServiceProviderName", "HostProviderName"},
    "1.4": {"ServiceProviderName", "HostProviderName"},
}
GONE = {"1.4": {"ProviderName", "PublisherName"}}
OTHERS = {  # conditional and recommended ones of all three versions that an export may have
    "ChargeFrequency",
    "CommitmentDiscountStatus",
    "ConsumedQuantity",
    "ConsumedUnit",
    "ContractedUnitPrice",
    "InvoiceId",
    "ListUnitPrice",
    "PricingCategory",
    "PricingCurrency",
    "PricingCurrencyContractedUnitPrice",
    "PricingCurrencyEffectiveCost",
    "PricingCurrencyListUnitPrice",
    "RegionId",
    "RegionName",
    "ServiceSubcategory",
    "SkuId",
    "SkuMeter",
    "SkuPriceDetails",
    "SkuPriceId",
    "Tags",
}
NEVER_NULL_FOR_USAGE = {
    "BilledCost",
    "BillingAccountId",
    "BillingCurrency",
    "BillingPeriodEnd",
    "BillingPeriodStart",
    "ChargeCategory",
    "ChargeFrequency",
    "ChargePeriodEnd",
    "ChargePeriodStart",
    "ConsumedQuantity",
    "ConsumedUnit",
    "ContractedCost",
    "ContractedUnitPrice",
    "EffectiveCost",
    "HostProviderName",
    "InvoiceIssuerName",
    "ListCost",
    "ListUnitPrice",
    "PricingCategory",
    "PricingCurrency",
    "PricingCurrencyContractedUnitPrice",
    "PricingCurrencyEffectiveCost",
    "PricingCurrencyListUnitPrice",
    "PricingQuantity",
    "PricingUnit",
    "ProviderName",
    "PublisherName",
    "ServiceCategory",
    "ServiceName",
    "ServiceProviderName",
    "ServiceSubcategory",
    "SkuId",
    "SkuMeter",
    "SkuPriceId",
}
ALLOWED = {
    "ChargeCategory": {"Usage", "Purchase", "Tax", "Credit", "Adjustment"},
    "ChargeClass": {"", "Correction"},
    "ChargeFrequency": {"One-Time", "Recurring", "Usage-Based"},
    "CommitmentDiscountStatus": {"", "Used", "Unused"},
    "PricingCategory": {"Standard", "Dynamic", "Committed", "Other"},
    "ServiceCategory": {"AI and Machine Learning"},
    "ServiceSubcategory": {  # those of that category
        "AI Platforms",
        "Bots",
        "Generative AI",
        "Machine Learning",
        "Natural Language Processing",
        "Other (AI and Machine Learning)",
    },
}
NUMBERS = {
    "BilledCost",
    "ConsumedQuantity",
    "ContractedCost",
    "ContractedUnitPrice",
    "EffectiveCost",
    "ListCost",
    "ListUnitPrice",
    "PricingCurrencyContractedUnitPrice",
    "PricingCurrencyEffectiveCost",
    "PricingCurrencyListUnitPrice",
    "PricingQuantity",
}
MOMENTS = {"BillingPeriodEnd", "BillingPeriodStart", "ChargePeriodEnd", "ChargePeriodStart"}
OBJECTS = {"Tags", "SkuPriceDetails"}
_NUMBER = re.compile(r"-?\d+(\.\d+)?(E-?\d+)?")
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
_UNIT = re.compile(r"(\d+ )?[A-Z][A-Za-z]*( [A-Z][A-Za-z]*)*s")
_NAME = re.compile(r"(x_)?[A-Z][A-Za-z]{1,47}")


def broken_by_columns(names: list[str], version: str) -> Iterator[str]:
    """Yield what is wrong with a heading: presence, names, order."""
    focus = [name for name in names if not name.startswith("x_")]
    if missing := (MANDATORY | MANDATORY_BY_VERSION[version]) - set(focus):
        yield f"lacks {missing}"
    if gone := GONE.get(version, set()) & set(focus):
        yield f"has {gone}, which this version has not"
    if strange := set(focus) - MANDATORY - MANDATORY_BY_VERSION[version] - OTHERS:
        yield f"{strange}: no column of FOCUS {version}"
    if names[: len(focus)] != focus:
        yield "columns of its own among those of FOCUS"
    yield from (f"{name}: not a column's name" for name in names if not _NAME.fullmatch(name))


def broken_by_row(row: Mapping[str, str]) -> Iterator[str]:
    """Yield what is wrong with a row for usage as it stands in CSV, where an empty field is null."""
    for name, value in row.items():
        if not value and name in NEVER_NULL_FOR_USAGE:
            yield f"{name}: null"
        if name in ALLOWED and value not in ALLOWED[name]:
            yield f"{name}: {value!r} is not allowed"
        if value and name in NUMBERS and not _NUMBER.fullmatch(value):
            yield f"{name}: {value!r} is no number"
        if value and name in MOMENTS and not _MOMENT.fullmatch(value):
            yield f"{name}: {value!r} is no time in UTC"
        if value and value.isspace():
            yield f"{name}: only spaces"
    yield from _broken_by_relations(row)
    yield from _broken_words(row)
    yield from _broken_objects(row)


def _broken_by_relations(row: Mapping[str, str]) -> Iterator[str]:
    for cost, price in (("ListCost", "ListUnitPrice"), ("ContractedCost", "ContractedUnitPrice")):
        if Decimal(row[price]) * Decimal(row["PricingQuantity"]) != Decimal(row[cost]):
            yield f"{cost} is not {price} times PricingQuantity"
        if Decimal(row[price]) < 0:
            yield f"{price} is negative"
    if not row["BillingPeriodStart"] <= row["ChargePeriodStart"] < row["BillingPeriodEnd"]:
        yield "the charge begins outside of its billing period"
    if row["ChargePeriodStart"] >= row["ChargePeriodEnd"]:
        yield "the charge ends before it begins"
    if bool(row["RegionId"]) != bool(row["RegionName"]):
        yield "RegionName without RegionId, or the other way round"


def _broken_words(row: Mapping[str, str]) -> Iterator[str]:
    for currency in ("BillingCurrency", "PricingCurrency"):
        if not re.fullmatch(r"[A-Z]{3}", row[currency]):
            yield f"{currency}: no code of ISO 4217"
    for unit in ("PricingUnit", "ConsumedUnit"):
        if not _UNIT.fullmatch(row[unit]):
            yield f"{unit}: {row[unit]!r} is no unit"


def _broken_objects(row: Mapping[str, str]) -> Iterator[str]:
    for name in OBJECTS:
        document = json.loads(row[name] or "{}")
        if not isinstance(document, dict) or any(isinstance(each, dict | list) for each in document.values()):
            yield f"{name}: not an object of plain values"
    if any(not key.startswith("x_") for key in json.loads(row["SkuPriceDetails"] or "{}")):
        yield "SkuPriceDetails: a property of its own without x_"
