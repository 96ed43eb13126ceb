"""Costs as FOCUS."""

import csv
import io
import json
from collections import Counter
from collections.abc import Sequence
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from event_samples import HOUR_US, NOVEMBER_US
from focus_rules import broken_by_columns, broken_by_row
from price_lists import MTOK, SHIPPED, catalog_of
from taximeter.builder import EventBuilder
from taximeter.errors import ConfigurationError
from taximeter.event import TaskCompletionEvent
from taximeter.exports.csv_file import CsvFile
from taximeter.exports.focus import FocusCounts, focus_rows
from taximeter.exports.focus_columns import focus_columns, focus_table
from taximeter.exports.focus_metadata import focus_metadata
from taximeter.exports.focus_options import FocusOptions
from taximeter.pricing import Catalog, Override
from taximeter.pricing.table import Row
from taximeter.report.group import grand_total, group_events
from taximeter.usage import Usage

VERSIONS = ["1.2", "1.3", "1.4"]
COUNTS = st.none() | st.integers(min_value=0, max_value=10**6)
USAGES = st.builds(
    Usage,
    uncached_input_tokens=COUNTS,
    cache_read_tokens=COUNTS,
    cache_write_5m_tokens=COUNTS,
    audio_input_tokens=COUNTS,
    text_output_tokens=COUNTS,
    reasoning_tokens=COUNTS,
    units=st.sampled_from([None, {"web_search": 3}, {"audio_ms": 61_234}]),
)
MODELS = st.sampled_from(
    [
        ("openai", "gpt-4o"),
        ("openai", "whisper-1"),
        ("anthropic", "claude-sonnet-4-5"),
        ("google", "gemini-2.5-pro"),
        ("openai", "nobody-sells-this"),
        ("ollama", "llama3.2"),
    ]
)
STATED = st.sampled_from([None, None, None, 123_456_789])
CALLS = st.lists(
    st.tuples(MODELS, USAGES, st.integers(min_value=0, max_value=90), STATED, st.sampled_from([None, "a"])),
    max_size=12,
)


def made(
    provider: str = "openai",
    model: str = "gpt-4o",
    usage: Usage | None = None,
    *,
    catalog: Catalog = SHIPPED,
    **fields: object,
) -> TaskCompletionEvent:
    given_usage = Usage(uncached_input_tokens=1000, text_output_tokens=100) if usage is None else usage
    values: dict[str, object] = {"started_at_us": NOVEMBER_US, **fields}
    return EventBuilder(catalog=catalog).build(provider=provider, model=model, usage=given_usage, **values)  # type: ignore[arg-type] # by name


def exported(
    events: Sequence[TaskCompletionEvent],
    *,
    prices: Catalog = SHIPPED,
    contract: Catalog | None = None,
    in_order: bool = False,
    **options: str,
) -> tuple[list[dict[str, str]], FocusCounts]:
    wanted = FocusOptions(**options)  # type: ignore[arg-type] # by name
    counts, stream = FocusCounts(), io.BytesIO()
    rows = focus_rows(events, wanted, counts, prices=prices, contract=contract, in_order=in_order)
    columns = [column.column for column in focus_columns(wanted.version)]
    CsvFile(stream, columns, verbatim=True).write(rows)
    return list(csv.DictReader(io.StringIO(stream.getvalue().decode(), newline=""))), counts


@pytest.mark.parametrize("version", VERSIONS)
@settings(max_examples=30, deadline=None)
@given(CALLS, st.sampled_from(["hour", "day", "call"]), st.booleans())
def test_rows_keep_the_rules_and_sum_to_the_totals(
    version: str,
    calls: list[tuple[tuple[str, str], Usage, int, int | None, str | None]],
    per: str,
    in_order: bool,
) -> None:
    """Whatever was called: every row is valid FOCUS, and BilledCost sums to the events' nanodollars exactly."""
    events = [
        made(
            *name,
            usage,
            started_at_us=NOVEMBER_US + hours * HOUR_US,
            actual_cost_usd_nanos=stated,
            agent=agent,
        )
        for name, usage, hours, stated, agent in sorted(calls, key=lambda each: each[2])
    ]
    rows, counts = exported(events, per=per, version=version, in_order=in_order)
    total = grand_total(group_events(events))
    assert [broken for row in rows for broken in broken_by_row(row)] == []
    assert sum((Decimal(row["BilledCost"]) for row in rows), Decimal()) == Decimal(
        total.cost_usd_nanos
    ).scaleb(-9)
    assert counts.rows_usd_nanos == total.cost_usd_nanos
    assert (counts.unpriced_calls, counts.rows) == (total.unpriced_calls, len(rows))


@pytest.mark.parametrize("version", VERSIONS)
def test_the_heading_is_that_of_the_version(version: str) -> None:
    """All mandatory columns, none that the version has not, our own last."""
    assert list(broken_by_columns([column.name for column in focus_columns(version)], version)) == []


def test_there_is_a_row_for_each_meter() -> None:
    """Input, cached input, output and searches are lines of a bill, at their own prices and units."""
    usage = Usage(
        uncached_input_tokens=2_000_000,
        cache_read_tokens=500_000,
        text_output_tokens=1000,
        units={"web_search": 2},
    )
    rows, _ = exported([made("anthropic", "claude-sonnet-4-5", usage)])
    found = {row["SkuMeter"]: row for row in rows}
    assert found.keys() == {"Uncached Input Tokens", "Cache Read Tokens", "Output Tokens", "Web Searches"}
    read = found["Cache Read Tokens"]
    assert (read["PricingQuantity"], read["PricingUnit"]) == ("0.5", "1000000 Tokens")
    assert (read["ConsumedQuantity"], read["ConsumedUnit"]) == ("500000.0", "Tokens")
    assert (read["SkuId"], read["ListUnitPrice"]) == (
        "anthropic/claude-sonnet-4-5/cache_read",
        read["ContractedUnitPrice"],
    )
    assert (found["Web Searches"]["PricingUnit"], found["Web Searches"]["BilledCost"]) == (
        "1000 Searches",
        "0.02",
    )
    assert {row["ServiceName"] for row in rows} == {"Claude API"}


def test_list_and_contracted_cost_differ_by_the_contract() -> None:
    """The list's price stands beside the one that was priced with."""
    contract = SHIPPED.with_overrides(Override(provider="openai", multiplier="0.8"))
    rows, counts = exported([made(catalog=contract)], contract=contract)
    row = next(row for row in rows if row["SkuMeter"] == "Uncached Input Tokens")
    assert (row["ListUnitPrice"], row["ContractedUnitPrice"]) == ("2.5", "2.0")
    assert (row["ListCost"], row["ContractedCost"], row["BilledCost"]) == ("0.0025", "0.002", "0.002")
    assert counts.recorded_calls == 0


def test_a_cost_that_no_prices_give_is_one_amount() -> None:
    """Prices of the application's own that are not at hand: the recorded cost, as it stands, and counted."""
    own = SHIPPED.with_overrides(Override(provider="openai", multiplier="0.7"))
    (row,), counts = exported([made(catalog=own)])
    assert (row["SkuMeter"], row["BilledCost"], row["ListCost"]) == ("Recorded Cost", "0.00245", "0.00245")
    assert (row["PricingUnit"], row["ConsumedQuantity"], row["PricingCategory"]) == (
        "US Dollars",
        "1100.0",
        "Other",
    )
    assert counts.recorded_calls == 1


def test_an_unpriced_call_has_no_row_and_is_counted() -> None:
    """Zero would say free: what is not known is left out, and said."""
    events = [made(), made(model="nobody-sells-this"), made(error_status=500, usage=Usage())]
    rows, counts = exported(events)
    assert {row["x_Model"] for row in rows} == {"gpt-4o"}
    assert (counts.calls, counts.unpriced_calls, counts.refused_calls) == (1, 1, 1)
    completeness = focus_metadata(FocusOptions(), counts)["x_Completeness"]
    assert completeness["unpriced_calls"] == 1


def test_a_meter_without_a_price_has_no_row() -> None:
    """A partial cost is the rows there are; they say that they are a lower bound."""
    catalog = catalog_of(Row({"input": MTOK}))
    rows, counts = exported([made("acme", "one", catalog=catalog)], prices=catalog)
    assert [(row["SkuMeter"], row["x_CostStatus"]) for row in rows] == [("Uncached Input Tokens", "partial")]
    assert counts.lower_bound_calls == 1


def test_calls_are_added_up_by_hour_and_by_day() -> None:
    """As many rows as there are periods, and one for each call where that is asked for."""
    events = [
        made(started_at_us=NOVEMBER_US + hours * HOUR_US, task_duration_ms=1500.0) for hours in (0, 0, 1, 24)
    ]
    assert {per: len(exported(events, per=per)[0]) for per in ("hour", "day", "call")} == {
        "hour": 6,
        "day": 4,
        "call": 8,
    }
    days, _ = exported(events, per="day")
    assert Counter(row["x_Calls"] for row in days) == {"3": 2, "1": 2}
    assert days[0]["ChargePeriodStart"] == "2026-11-01T00:00:00Z"
    assert days[0]["ChargePeriodEnd"] == "2026-11-02T00:00:00Z"
    call, _ = exported(events[:1], per="call")
    assert (call[0]["ChargePeriodEnd"], call[0]["x_EventId"]) == ("2026-11-01T00:00:02Z", events[0].event_id)


def test_the_scope_is_in_the_tags() -> None:
    """Who and why by the prefix that is ours, beside the application's own tags."""
    rows, _ = exported([made(agent="reviewer", session="s1", tags={"team": "search"})])
    tags = json.loads(rows[0]["Tags"])
    assert tags == {"team": "search", "taximeter/agent": "reviewer", "taximeter/task_type": "unknown"}
    rows, _ = exported([made(agent="reviewer", session="s1")], per="call")
    assert json.loads(rows[0]["Tags"])["taximeter/session"] == "s1"


def test_accounts_are_named_by_who_knows_them() -> None:
    """No answer says who pays."""
    rows, _ = exported([made()], billing_account="acme-prod", invoice_issuer="Reseller")
    assert (rows[0]["BillingAccountId"], rows[0]["InvoiceIssuerName"]) == ("acme-prod", "Reseller")


@pytest.mark.parametrize(("option", "value"), [("version", "1.1"), ("per", "week")])
def test_what_cannot_be_is_refused(option: str, value: str) -> None:
    """A version or a period that is not known is named."""
    with pytest.raises(ConfigurationError, match=value):
        FocusOptions(**{option: value})  # type: ignore[arg-type] # by name


def test_the_metadata_describes_every_column() -> None:
    """The schema beside the rows has their columns, and the version that they keep to."""
    schema = focus_metadata(FocusOptions(version="1.3"))["Schema"]
    assert schema["FocusVersion"] == "1.3"
    assert [each["ColumnName"] for each in schema["ColumnDefinition"]] == [
        column.name for column in focus_columns("1.3")
    ]


def test_the_table_of_columns_agrees_with_itself() -> None:
    """Every column is in some version, and a value is given for it."""
    for column in focus_table().columns:
        assert column.value.endswith(".")
        assert any(column.is_in(version) for version in VERSIONS)
