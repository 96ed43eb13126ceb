"""Breakdown: components that sum to the cost exactly."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from price_lists import MTOK, NOON_2026, catalog_of
from taximeter.pricing import Breakdown, Override
from taximeter.pricing.table import Multiplier, Row, Tier
from taximeter.usage import Usage
from taximeter.vocabulary import CostStatus

RATES = {
    "input": 2_500_000_001,
    "cache_read": 333_333_333,
    "output": 10 * MTOK,
    "reasoning": 3 * MTOK,
    "page": 10**12,
}
CATALOG = catalog_of(
    Row(RATES, (Tier(1000, {"input": 5 * MTOK}),)),
    multipliers=(Multiplier(("acme",), {"region": "eu"}, 11, 10),),
)
COUNT = st.none() | st.integers(0, 5000)
USAGES = st.builds(
    Usage,
    uncached_input_tokens=COUNT,
    cache_read_tokens=COUNT,
    audio_input_tokens=COUNT,
    text_output_tokens=st.integers(2000, 4000),
    reasoning_tokens=st.integers(0, 2000),
    units=st.none() | st.dictionaries(st.sampled_from(["page", "seance"]), st.integers(1, 9), min_size=1),
)


def take_apart(usage: Usage, **context: str) -> Breakdown:
    return CATALOG.breakdown(usage, provider="acme", model="one", at_us=NOON_2026, context=context)


@given(USAGES, st.lists(USAGES, max_size=3))
def test_components_sum_to_the_cost(usage: Usage, more: list[Usage]) -> None:
    """In micros and in nanos, with any counters and any number of models at work."""
    charges = tuple((None, part) for part in more)
    call = {"provider": "acme", "model": "one", "at_us": NOON_2026, "charges": charges}
    breakdown = CATALOG.breakdown(usage, **call)  # type: ignore[arg-type]  # keywords of one call
    assert breakdown.cost == CATALOG.cost(usage, **call)  # type: ignore[arg-type]  # as above
    assert sum(part.usd_micros for part in breakdown.components) == breakdown.cost.usd_micros
    assert sum(part.usd_nanos for part in breakdown.components) == breakdown.cost.usd_nanos
    assert all(part.usd_micros >= 0 for part in breakdown.components)


def test_a_component_says_what_it_is_made_of() -> None:
    """Kind, quantity, the price as lists show it, and the rules that led to it."""
    usage = Usage(uncached_input_tokens=1500, text_output_tokens=10, reasoning_tokens=4, units={"page": 2})
    parts = take_apart(usage, region="eu").components
    assert [(part.kind, part.quantity, part.usd_per_unit, part.unit) for part in parts] == [
        ("input", 1500, "5.5", "mtok"),
        ("output", 6, "11", "mtok"),
        ("reasoning", 4, "3.3", "mtok"),
        ("page", 2, "1", "1k"),
    ]
    assert parts[0].rule == "acme/one; region=eu x1.1; over 1,000 input tokens"


def test_what_has_no_price_is_shown_without_one() -> None:
    """A partial cost shows what is missing from it."""
    *_, seance = take_apart(Usage(uncached_input_tokens=1, units={"seance": 2})).components
    assert (seance.kind, seance.quantity, seance.usd_per_unit, seance.usd_nanos) == ("seance", 2, None, 0)


def test_a_marginal_tier_is_a_line_of_its_own() -> None:
    """What the tokens beyond a threshold cost more is shown, and the sum still holds."""
    catalog = catalog_of(Row({"input": MTOK}, (Tier(10, {"input": 3 * MTOK}, marginal=True),)))
    breakdown = catalog.breakdown(
        Usage(uncached_input_tokens=15), provider="acme", model="one", at_us=NOON_2026
    )
    assert [(part.kind, part.quantity, part.usd_micros) for part in breakdown.components] == [
        ("input", 15, 15),
        ("long_context", 5, 10),
    ]


def test_an_override_is_named_in_the_rule() -> None:
    """The user sees that it was their own price."""
    own = CATALOG.with_overrides(Override(provider="acme", multiplier="0.5"))
    [part] = own.breakdown(
        Usage(uncached_input_tokens=1), provider="acme", model="one", at_us=NOON_2026
    ).components
    assert part.rule.endswith("override acme/* x0.5")


@pytest.mark.parametrize("usage", [None, Usage(text_output_tokens=1)])
def test_the_providers_amount_is_one_component(usage: Usage | None) -> None:
    """It cannot be taken apart, and is not made to look as if it could."""
    breakdown = CATALOG.breakdown(
        usage, provider="acme", model="one", at_us=NOON_2026, reported_usd_nanos=1_500
    )
    [part] = breakdown.components
    assert (part.kind, part.usd_micros, part.usd_nanos) == ("reported", 2, 1500)


def test_an_unknown_cost_has_no_components() -> None:
    """There is nothing to take apart."""
    breakdown = CATALOG.breakdown(Usage(text_output_tokens=1), provider="acme", model="two", at_us=NOON_2026)
    assert breakdown.cost.status == CostStatus.UNKNOWN
    assert breakdown.components == ()


def test_free_is_shown_at_zero() -> None:
    """A free call lists what it consumed, at nothing."""
    breakdown = CATALOG.breakdown(
        Usage(uncached_input_tokens=26, text_output_tokens=290),
        provider="ollama",
        model="llama3",
        at_us=NOON_2026,
    )
    assert [(part.kind, part.usd_per_unit, part.usd_micros) for part in breakdown.components] == [
        ("input", "0", 0),
        ("output", "0", 0),
    ]
