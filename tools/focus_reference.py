"""Writes docs/reference/focus.md from the table of columns: `python tools/focus_reference.py > docs/reference/focus.md`."""

from collections.abc import Iterator

from taximeter.exports.focus_columns import FocusColumn, focus_table
from taximeter.exports.meter import METERS

_HEAD = """# FOCUS columns

Written by `tools/focus_reference.py` from `src/taximeter/exports/focus_columns.toml`.
[Export costs](../how-to/export-costs.md) says how to get them.

Versions of the [specification](https://focus.finops.org): {versions}. Levels and nullability are the specification's for
its Cost and Usage data set; columns that begin with `x_` are ours, as the specification allows. Dates and times are UTC
in whole seconds, decimals have up to 18 digits behind the point and no exponent, an empty field is null.
"""
_LEFT_OUT = """
## What is left out

- **Calls of unknown cost.** Cost columns may not be null, and zero may not stand for a missing value, so these calls have
  no rows. They are counted on standard error, in the file of `--metadata` and in the footer of a Parquet file
  (`x_Completeness`).
- **Meters without a price** of a call whose other meters have one: `x_CostStatus` is `partial` in the rows there are.
- **Refused calls**: error answers without usage, which cost nothing.
- Conditional columns for what no answer of a model provider tells: commitment discounts, capacity reservations, sub
  accounts, resources, and since 1.3 contracts and allocation. The data sets for contract commitments
  (1.3), invoices and billing periods (1.4) are for those who issue invoices.

## Rounding

A call is rounded once, to the nanodollar. `BilledCost` and `EffectiveCost` are shares of that, so that all rows sum to
the store's total to the last digit. `ListCost` and `ContractedCost` are the product of unit price and `PricingQuantity`,
as the specification wants it, without rounding but that to 18 digits; so they may differ from `BilledCost` by half a
nanodollar a call.
"""


def main() -> None:
    """Print the page."""
    table = focus_table()
    print(_HEAD.format(versions=", ".join(table.versions)))
    print("| column | type | level | null | versions | what stands in it |\n|---|---|---|---|---|---|")
    for column in table.columns:
        print(_line(column))
    print(
        "\n## Meters\n\n| kind in the price table | SkuMeter | ConsumedUnit | PricingUnit |\n|---|---|---|---|"
    )
    for kind, meter in METERS.items():
        print(f"| `{kind}` | {meter.name} | {meter.consumed_unit} | {meter.pricing_unit} |")
    print(_LEFT_OUT, end="")


def _line(column: FocusColumn) -> str:
    null = "yes" if column.nullable else "no"
    return f"| `{column.name}` | {column.kind} | {column.level} | {null} | {_versions(column)} | {_value(column)} |"


def _versions(column: FocusColumn) -> str:
    return " ".join(_words(column)) or "all"


def _words(column: FocusColumn) -> Iterator[str]:
    if column.since != focus_table().versions[0]:
        yield f"from {column.since}"
    if column.until is not None:
        yield f"before {column.until}"


def _value(column: FocusColumn) -> str:
    allowed = f" Allowed: {', '.join(column.allowed)}." if len(column.allowed) > 1 else ""
    return f"{column.value}{allowed}"


if __name__ == "__main__":
    main()
