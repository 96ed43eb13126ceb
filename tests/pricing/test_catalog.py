"""Catalog: what a call costs, and what is not known."""

from decimal import ROUND_HALF_EVEN, Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from price_lists import MTOK, NOON_2026, catalog_of
from taximeter.errors import ConfigurationError
from taximeter.pricing import Catalog, Cost, Override
from taximeter.pricing.table import Row, Tier, Window
from taximeter.usage import Usage
from taximeter.vocabulary import CostSource, CostStatus

ROW = Row({"input": 2 * MTOK, "cache_read": MTOK // 5, "output": 8 * MTOK, "web_search": 10 * 10**12})
PLAIN = catalog_of(ROW)
CALL = Usage(uncached_input_tokens=1000, cache_read_tokens=500, text_output_tokens=100, reasoning_tokens=90)
COUNT = st.none() | st.integers(0, 10**7)
USAGES = st.builds(
    Usage,
    uncached_input_tokens=COUNT,
    cache_read_tokens=COUNT,
    text_output_tokens=COUNT,
    reasoning_tokens=COUNT,
)


def price(catalog: Catalog, usage: Usage | None = CALL, *, at_us: int = NOON_2026, **context: str) -> Cost:
    return catalog.cost(usage, provider="acme", model="one", at_us=at_us, context=context)


def test_a_cost_is_the_sum_of_its_counters() -> None:
    """Tokens times rates, in micros and in nanos; reasoning is part of the output and not billed again."""
    cost = price(PLAIN)
    assert (cost.usd_micros, cost.usd_nanos) == (2000 + 100 + 800, 2_900_000)
    assert (cost.status, cost.source) == (CostStatus.PRICED, CostSource.TABLE)
    assert cost.price_id == "acme/one"
    assert cost.price_version == PLAIN.version


@given(USAGES)
def test_one_rounding_from_the_exact_amount(usage: Usage) -> None:
    """Micros and nanos are each the exact amount, rounded once, half to even."""
    cost = price(PLAIN, usage)
    if usage.is_empty:
        assert cost.status == CostStatus.UNKNOWN
        return
    exact = Decimal(2 * (usage.uncached_input_tokens or 0) + 8 * (usage.text_output_tokens or 0))
    exact += Decimal("0.2") * (usage.cache_read_tokens or 0)
    assert cost.usd_micros == int(exact.quantize(Decimal(1), ROUND_HALF_EVEN))
    assert cost.usd_nanos == int((exact * 1000).quantize(Decimal(1), ROUND_HALF_EVEN))


@given(USAGES, USAGES)
def test_nanos_of_parts_are_the_nanos_of_the_whole(a: Usage, b: Usage) -> None:
    """At rates of whole nanodollars two calls cost together what they cost apart."""
    apart = (price(PLAIN, a).usd_nanos or 0) + (price(PLAIN, b).usd_nanos or 0)
    assert (price(PLAIN, a + b).usd_nanos or 0) == apart


@pytest.mark.parametrize("usage", [None, Usage()])
def test_no_usage_is_no_cost(usage: Usage | None) -> None:
    """Where nothing was counted the cost is unknown, not zero."""
    cost = price(PLAIN, usage)
    assert (cost.status, cost.usd_micros, cost.usd_nanos) == (CostStatus.UNKNOWN, None, None)


def test_nothing_consumed_costs_nothing() -> None:
    """Zero tokens are known to cost zero."""
    cost = price(PLAIN, Usage(uncached_input_tokens=0, text_output_tokens=0))
    assert (cost.status, cost.usd_micros) == (CostStatus.PRICED, 0)


def test_an_unknown_model_has_no_cost() -> None:
    """No price is null and says in which table it was not found; never zero."""
    cost = PLAIN.cost(CALL, provider="acme", model="two", at_us=NOON_2026)
    assert cost == Cost(price_version=PLAIN.version)


def test_what_has_no_rate_makes_the_cost_partial() -> None:
    """A quantity without a price leaves a lower bound, and nothing at all where nothing has a price."""
    embedding = catalog_of(Row({"input": MTOK}))
    both = price(embedding, Usage(uncached_input_tokens=7, text_output_tokens=1))
    assert (both.status, both.usd_micros) == (CostStatus.PARTIAL, 7)
    assert price(embedding, Usage(text_output_tokens=1)).status == CostStatus.UNKNOWN
    assert price(PLAIN, Usage(uncached_input_tokens=1, units={"seance": 1})).status == CostStatus.PARTIAL
    assert price(PLAIN, Usage(uncached_input_tokens=1, units={"seance": 0})).status == CostStatus.PRICED


def test_what_is_not_priced_apart_costs_what_its_kind_costs() -> None:
    """Cached, audio and image tokens without a price of their own go at the price of input or output."""
    usage = Usage(cache_read_tokens=1, cache_write_1h_tokens=1, audio_input_tokens=1, image_output_tokens=1)
    assert price(catalog_of(Row({"input": MTOK, "output": 5 * MTOK})), usage).usd_micros == 3 + 5


def test_audio_billed_by_its_length_is_not_billed_by_tokens() -> None:
    """An hour at the price of an hour costs that price, whatever tokens it was counted as."""
    hourly = catalog_of(Row({"input": MTOK, "audio_ms": 36 * 10**13}, minimums={"audio_ms": 10_000}))
    usage = Usage(uncached_input_tokens=0, audio_input_tokens=9, units={"audio_ms": 3_600_000})
    assert price(hourly, usage).usd_micros == 360_000
    assert price(hourly, Usage(units={"audio_ms": 1})).usd_micros == 1000


def test_audio_billed_by_its_length_is_partial_without_it() -> None:
    """Tokens alone do not tell how long it was."""
    hourly = catalog_of(Row({"input": MTOK, "audio_ms": 36 * 10**13}))
    cost = price(hourly, Usage(uncached_input_tokens=5, audio_input_tokens=9))
    assert (cost.status, cost.usd_nanos) == (CostStatus.PARTIAL, 5000)


def test_pieces_and_calls_have_their_price() -> None:
    """Searches are counted, and a fee for the call is taken once."""
    assert price(PLAIN, Usage(units={"web_search": 3})).usd_micros == 30_000
    fee = catalog_of(Row({"input": MTOK, "request": 5 * 10**12}))
    assert price(fee, Usage(uncached_input_tokens=1)).usd_micros == 5001


def test_reasoning_may_have_a_price_of_its_own() -> None:
    """Then it is billed at that price instead of the output's."""
    catalog = catalog_of(Row({"output": 8 * MTOK, "reasoning": 3 * MTOK}))
    assert price(catalog, Usage(text_output_tokens=100, reasoning_tokens=90)).usd_micros == 10 * 8 + 90 * 3


@pytest.mark.parametrize(("cached", "rate"), [(199_000, 2), (199_001, 4), (300_000, 4)])
def test_a_long_prompt_moves_the_whole_call(cached: int, rate: int) -> None:
    """The tier counts all input, cached tokens too, and then holds for every token."""
    tiered = catalog_of(
        Row({"input": 2 * MTOK, "cache_read": 0, "output": MTOK}, (Tier(200_000, {"input": 4 * MTOK}),))
    )
    usage = Usage(uncached_input_tokens=1000, cache_read_tokens=cached, text_output_tokens=5)
    assert price(tiered, usage).usd_micros == 1000 * rate + 5


def test_a_marginal_tier_moves_only_what_is_beyond() -> None:
    """Where the data says so, tokens up to the threshold keep their rate; cached ones are the first of a prompt."""
    tiers = (Tier(1000, {"input": 4 * MTOK, "cache_read": 2 * MTOK}, marginal=True),)
    catalog = catalog_of(Row({"input": 2 * MTOK, "cache_read": MTOK, "output": MTOK}, tiers))
    assert price(catalog, Usage(uncached_input_tokens=1500)).usd_micros == 1000 * 2 + 500 * 4
    usage = Usage(uncached_input_tokens=100, cache_read_tokens=1100, text_output_tokens=7)
    assert price(catalog, usage).usd_micros == 1000 * 1 + 100 * 2 + 100 * 4 + 7
    assert price(catalog, Usage(uncached_input_tokens=1000)).usd_micros == 2000


def test_prices_have_their_time() -> None:
    """Before, while and after: each call is priced by the row of its own instant, whatever was asked before it."""
    new = Row({"input": MTOK, "output": MTOK}, from_us=NOON_2026)
    gone = Row({"input": 9 * MTOK}, from_us=NOON_2026 + 10, until_us=NOON_2026 + 20)
    catalog = catalog_of(ROW, new, gone)
    usage = Usage(uncached_input_tokens=1)
    instants = [NOON_2026 + offset for offset in (-1, 0, 9, 10, 19, 20, -1)]
    assert [price(catalog, usage, at_us=at).usd_micros for at in instants] == [2, 1, 1, 9, 9, 1, 2]
    assert price(catalog, usage).price_id == "acme/one@2026-01-01T12:00:00Z"


def test_prices_may_change_with_the_hour_and_the_day() -> None:
    """Peak hours hold from their first to before their last second, on their weekdays; a window may pass midnight."""
    hour, day = 3_600_000_000, 86_400_000_000
    monday = NOON_2026 - 12 * hour + 4 * day  # 5 January 2026
    peak = Row({"input": 3 * MTOK}, window=Window(22 * 3600, 2 * 3600, 0b0011111))
    catalog = catalog_of(Row({"input": MTOK}), peak)
    usage = Usage(uncached_input_tokens=1)

    def at(offset: int) -> int | None:
        return price(catalog, usage, at_us=monday + offset).usd_micros

    assert [at(21 * hour), at(22 * hour), at(25 * hour), at(26 * hour)] == [1, 3, 3, 1]
    assert at(5 * day + 23 * hour) == 1


def test_a_variant_replaces_the_kinds_it_names() -> None:
    """Batch work has its own input price here, and the list's output price."""
    catalog = catalog_of(ROW, Row({"input": MTOK}, when={"processing": "batch"}))
    usage = Usage(uncached_input_tokens=10, text_output_tokens=10)
    assert price(catalog, usage).usd_micros == 20 + 80
    assert price(catalog, usage, processing="batch").usd_micros == 10 + 80
    assert price(catalog, usage, processing="realtime").usd_micros == 100


@pytest.mark.parametrize("model", ["meta/llama:free", "any:free"])
def test_free_is_said_and_not_assumed(model: str) -> None:
    """A model whose name says so is free by rule."""
    cost = PLAIN.cost(CALL, provider="openrouter", model=model, at_us=NOON_2026)
    assert (cost.status, cost.source, cost.usd_micros) == (CostStatus.FREE, CostSource.RULE, 0)


def test_a_local_model_is_free_until_it_is_given_a_price() -> None:
    """Local runtimes bill nobody; one's own price for the electricity wins over the rule."""
    call = {"provider": "ollama", "model": "llama3.2:3b", "at_us": NOON_2026}
    assert PLAIN.cost(CALL, **call).status == CostStatus.FREE  # type: ignore[arg-type]  # keywords of one call
    assert PLAIN.cost(None, **call).status == CostStatus.UNKNOWN  # type: ignore[arg-type]  # as above
    discounted = PLAIN.with_overrides(Override(multiplier="0.8"))
    assert discounted.cost(CALL, **call).status == CostStatus.FREE  # type: ignore[arg-type]  # as above
    own = PLAIN.with_overrides(Override(provider="ollama", usd_per_mtok={"input": "0.01", "output": "0.02"}))
    assert own.cost(Usage(uncached_input_tokens=1000), **call).usd_nanos == 10_000  # type: ignore[arg-type]  # as above


def test_the_providers_own_amount_is_stronger_than_any_list() -> None:
    """What the provider says it charges is the cost, also of a model nobody has a price for."""
    cost = PLAIN.cost(CALL, provider="acme", model="two", at_us=NOON_2026, reported_usd_nanos=2500)
    assert (cost.status, cost.source) == (CostStatus.REPORTED, CostSource.PROVIDER)
    assert (cost.usd_nanos, cost.usd_micros) == (2500, 2)


@pytest.mark.parametrize(
    ("usd", "nanos", "micros"),
    [
        ("0.0000015", 1500, 2),
        ("0.0000014999996", 1500, 1),
        ("0.0000025", 2500, 2),
        ("0.0000025000004", 2500, 3),
    ],
)
def test_a_reported_amount_is_rounded_once(usd: str, nanos: int, micros: int) -> None:
    """Micros come from the amount that was reported, and not from its nanos."""
    cost = PLAIN.cost(
        CALL, provider="acme", model="two", at_us=NOON_2026, reported_usd_nanos=Decimal(usd).scaleb(9)
    )
    assert (cost.usd_nanos, cost.usd_micros) == (nanos, micros)


def test_only_ones_own_price_is_stronger_than_the_providers_amount() -> None:
    """A contract decides what is paid, even where a gateway reports its list price."""
    own = PLAIN.with_overrides(Override(provider="acme", multiplier="0.5"))
    cost = own.cost(CALL, provider="acme", model="one", at_us=NOON_2026, reported_usd_nanos=9)
    assert (cost.source, cost.usd_micros) == (CostSource.OVERRIDE, 1450)
    assert own.cost(CALL, provider="acme", model="two", at_us=NOON_2026, reported_usd_nanos=9).usd_nanos == 9


def test_charges_are_priced_instead_of_the_usage() -> None:
    """Several models in one call are each priced by their own rates and rounded together, once."""
    third = Usage(cache_read_tokens=1)  # a fifth of a microdollar
    charges = [(None, third), ("one", third), ("one", third)]
    cost = PLAIN.cost(CALL, provider="acme", model="one", at_us=NOON_2026, charges=charges)
    assert (cost.usd_micros, cost.usd_nanos) == (1, 600)
    mixed = [("one", CALL), ("two", CALL)]
    part = PLAIN.cost(None, provider="acme", model="one", at_us=NOON_2026, charges=mixed)
    assert (part.status, part.usd_micros) == (CostStatus.PARTIAL, 2900)


def test_the_served_model_is_stronger_than_the_requested_one() -> None:
    """The answer says who worked; the request is the second try."""
    for model, requested in (("one", "two"), ("two", "one"), (None, "one")):
        cost = PLAIN.cost(CALL, provider="acme", model=model, requested_model=requested, at_us=NOON_2026)
        assert cost.price_id == "acme/one"


def test_names_without_end_are_not_kept() -> None:
    """Made-up names fill no memory, and a name as long as a book is looked up by nobody."""
    catalog = catalog_of(ROW)
    for number in range(5000):
        catalog.cost(CALL, provider="acme", model=f"m{number}", at_us=NOON_2026)
    catalog.cost(CALL, provider="acme", model="-2024" * 200_000, at_us=NOON_2026)
    assert len(catalog._plans) <= 4096
    assert max(len(key[1] or "") for key in catalog._plans) < 10


def test_the_shipped_catalog_is_read_once_and_late() -> None:
    """Everyone shares one, and its version says which day it is of."""
    assert Catalog.default() is Catalog.default()
    assert Catalog.default().version.startswith("20")


@pytest.mark.parametrize("at_us", [0, -(10**18), 10**25])
def test_a_clock_gone_wrong_is_survived(at_us: int) -> None:
    """Any number is an instant; the price is that of the nearest row."""
    assert price(PLAIN, at_us=at_us).usd_micros == 2900


def test_something_else_than_an_override_is_refused() -> None:
    """A price must be an Override."""
    with pytest.raises(ConfigurationError, match="overrides"):
        PLAIN.with_overrides({"multiplier": 1})  # type: ignore[arg-type]  # what a caller may do
