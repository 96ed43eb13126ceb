"""Listing: a model's prices in the words of a price list."""

from price_lists import MTOK, NOON_2026, SHIPPED, catalog_of
from taximeter.pricing.listing import look_up
from taximeter.pricing.table import Row, Tier, Window

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


def test_a_model_is_found_with_every_provider_that_lists_it() -> None:
    """Without a provider all that have the model under their own name answer."""
    ids = {listing.id for listing in look_up("gpt-4o", catalog=SHIPPED)}
    assert {"openai/gpt-4o", "azure/gpt-4o"} & ids == {"openai/gpt-4o"}
    assert look_up("gpt-4o-my-own-thing", catalog=SHIPPED) == ()
    assert look_up("gpt-4o", "azure", catalog=SHIPPED)[0].id == "openai/gpt-4o"
