"""Listing: a model's prices in the words of a price list."""

from price_lists import MTOK, NOON_2026, SHIPPED, catalog_of
from taximeter.pricing.listing import look_up
from taximeter.pricing.table import Multiplier, Row, Tier, Window

CATALOG = catalog_of(
    Row({"input": MTOK * 3, "web_search": 10**13}, (Tier(1000, {"input": 6 * MTOK}),), until_us=NOON_2026),
    Row({"input": MTOK * 2, "audio_ms": 10**14}, from_us=NOON_2026, overlay=True),
    Row({"input": MTOK}, window=Window(3600, 14_400, 0b11), when={"processing": "batch"}),
)


def test_a_listing_has_every_price_there_was() -> None:
    """History, tiers, hours and variants, each with its dates and where it is from."""
    [listing] = look_up("one", "acme", catalog=CATALOG, at_us=NOON_2026)
    assert (listing.id, listing.version) == ("acme/one", CATALOG.version)
    first, tier, second, batch = listing.prices
    assert first.usd == {"input": "3", "web_search": "10"}
    assert (first.valid_until, first.in_force, first.source) == ("2026-01-01T12:00:00Z", False, "table")
    assert (tier.above_tokens, tier.usd) == (1000, {"input": "6"})
    assert second.usd == {"input": "2", "audio_ms": "0.1"}
    assert (second.in_force, second.source) == (True, "overlay")
    assert (batch.when, batch.hours, batch.in_force) == (
        {"processing": "batch"},
        "01:00 to 04:00 Mon Tue",
        False,
    )


def test_a_listing_has_the_factors_of_its_provider() -> None:
    """Each with its context and dates; where a price of its own holds in that context, the factor is not in force."""
    batch = Multiplier(("acme",), {"processing": "batch"}, 1, 2, unless_variant=True, kinds=("input",))
    abroad = Multiplier(("acme",), {"region": "!global"}, 11, 10, from_us=NOON_2026)
    others = Multiplier(("acme",), {"region": "eu"}, 2, 1, models=("two",))
    catalog = catalog_of(
        Row({"input": MTOK}),
        Row({"input": MTOK // 3}, from_us=NOON_2026, when={"processing": "batch"}),
        multipliers=(batch, abroad, others),
    )
    for at_us, in_force in ((NOON_2026 - 1, [True, False]), (NOON_2026, [False, True])):
        [listing] = look_up("one", "acme", catalog=catalog, at_us=at_us)
        assert [factor.in_force for factor in listing.factors] == in_force
    first, second = listing.factors
    assert (first.factor, first.when) == ("0.5", {"processing": "batch"})
    assert "cache_read" in first.except_kinds
    assert (second.factor, second.when, second.valid_from, second.except_kinds) == (
        "1.1",
        {"region": "!global"},
        "2026-01-01T12:00:00Z",
        (),
    )


def test_a_model_is_found_with_every_provider_that_lists_it() -> None:
    """Without a provider all that have the model under their own name answer."""
    ids = {listing.id for listing in look_up("gpt-4o", catalog=SHIPPED)}
    assert {"openai/gpt-4o", "azure/gpt-4o"} & ids == {"openai/gpt-4o"}
    assert look_up("gpt-4o-my-own-thing", catalog=SHIPPED) == ()
    assert look_up("gpt-4o", "azure", catalog=SHIPPED)[0].id == "openai/gpt-4o"
