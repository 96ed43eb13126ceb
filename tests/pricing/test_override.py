"""Override: the user's own prices, and which of them holds."""

from decimal import Decimal
from typing import Any

import pytest

from price_lists import MTOK, NOON_2026, catalog_of
from taximeter.errors import ConfigurationError
from taximeter.pricing import Cost, Override
from taximeter.pricing.override import override_from
from taximeter.pricing.table import Row
from taximeter.usage import Usage
from taximeter.vocabulary import CostSource

LIST = catalog_of(Row({"input": 10 * MTOK, "cache_read": MTOK, "output": 50 * MTOK, "web_search": 10**13}))
CALL = Usage(uncached_input_tokens=1000)


def price(*overrides: Override, usage: Usage = CALL, model: str = "one", **context: str) -> Cost:
    return LIST.with_overrides(*overrides).cost(
        usage, provider="acme", model=model, requested_model="alias", at_us=NOON_2026, context=context
    )


def times(factor: str, **fields: Any) -> Override:
    return Override(multiplier=factor, **fields)


def test_a_multiplier_acts_on_every_rate() -> None:
    """A discount of 20 % takes 20 % off tokens and pieces."""
    usage = Usage(uncached_input_tokens=1000, text_output_tokens=100, units={"web_search": 1})
    cost = price(times("0.8"), usage=usage)
    assert (cost.usd_micros, cost.source) == (8000 + 4000 + 8000, CostSource.OVERRIDE)


def test_prices_replace_the_kinds_they_name() -> None:
    """Other kinds keep the list's price."""
    own = Override(provider="acme", model="one", usd_per_mtok={"input": "2.5"}, usd_per_1k={"web_search": 5})
    usage = Usage(uncached_input_tokens=1000, text_output_tokens=100, units={"web_search": 1})
    assert price(own, usage=usage).usd_micros == 2500 + 5000 + 5000


def test_prices_make_an_unknown_model_known() -> None:
    """A deployment nobody lists is priced by its owner."""
    own = Override(provider="acme", model="ours-*", usd_per_mtok={"input": Decimal("0.3"), "output": 1.2})
    assert price(own, model="ours-7").usd_micros == 300
    assert price(times("0.5"), model="unlisted").usd_micros is None


@pytest.mark.parametrize("order", [1, -1])
def test_the_more_specific_one_holds(order: int) -> None:
    """Exact before pattern before provider before everything, in whatever order they are given."""
    ladder = [
        times("0.4", provider="acme", model="one"),
        times("0.3", provider="acme", model="o*"),
        times("0.2", provider="acme"),
        times("0.1"),
    ]
    micros = []
    while ladder:
        micros.append(price(*ladder[::order]).usd_micros)
        ladder.pop(0)
    assert micros == [4000, 3000, 2000, 1000]


def test_the_later_of_two_equals_holds() -> None:
    """So a file read later corrects one read before."""
    assert price(times("0.1", provider="acme"), times("0.2", provider="acme")).usd_micros == 2000


@pytest.mark.parametrize(
    ("fields", "holds"),
    [
        ({"valid_from": "2026-01-01", "valid_to": "2026-01-01"}, True),
        ({"valid_from": "2026-01-02"}, False),
        ({"valid_to": "2025-12-31"}, False),
        ({"valid_to": "2026-01-01T12:00:00Z"}, False),
        ({"valid_to": "2026-01-01T12:00:00.000001Z"}, True),
        ({"when": {"credential": "team-*"}}, True),
        ({"when": {"credential": "other"}}, False),
        ({"provider": "a*"}, True),
        ({"provider": "acme2"}, False),
        ({"model": "ALIAS"}, True),
    ],
)
def test_it_holds_for_what_it_says(fields: dict[str, Any], holds: bool) -> None:
    """Days are whole, patterns are patterns, names are of any case, and the requested name counts too."""
    cost = price(times("0.5", **fields), credential="team-a")
    assert (cost.source == CostSource.OVERRIDE) == holds


def test_both_names_of_a_provider_match() -> None:
    """A price for `xai` is one for `x-ai`."""
    assert times("1", provider="xai").matches("x-ai", ["m"], {})
    assert times("1", provider="x-ai").matches("xai", ["m"], {})


@pytest.mark.parametrize(
    ("fields", "key"),
    [
        ({}, "multiplier"),
        ({"multiplier": "0.5", "usd_per_mtok": {"input": 1}}, "multiplier"),
        ({"multiplier": "-1"}, "multiplier"),
        ({"multiplier": "NaN"}, "multiplier"),
        ({"multiplier": True}, "multiplier"),
        ({"multiplier": "a fifth"}, "multiplier"),
        ({"usd_per_mtok": {"web_search": "1"}}, "kind"),
        ({"usd_per_mtok": {"input": "1e999"}}, "input"),
        ({"usd_per_mtok": "2"}, "usd_per_mtok"),
        ({"multiplier": 1, "model": ""}, "model"),
        ({"multiplier": 1, "provider": 3}, "provider"),
        ({"multiplier": 1, "valid_from": "soon"}, "valid_from"),
        ({"multiplier": 1, "valid_from": "2026-02-01", "valid_to": "2026-01-01"}, "valid_to"),
    ],
)
def test_what_cannot_be_is_refused_by_name(fields: dict[str, Any], key: str) -> None:
    """The error names the key and the value."""
    with pytest.raises(ConfigurationError) as caught:
        Override(**fields)
    assert caught.value.key == key


def test_a_configuration_file_may_be_brief() -> None:
    """Prices may stand among the settings, and dates are `from` and `to`."""
    brief = override_from(
        {"model": "gpt-4o", "input": "2", "output_mtok": 8, "web_search": "9", "to": "2026-12-31"}
    )
    full = Override(
        model="gpt-4o",
        usd_per_mtok={"input": "2", "output": 8},
        usd_per_1k={"web_search": "9"},
        valid_to="2026-12-31",
    )
    assert brief == full
    assert override_from({"prices": {"input": 1}, "note": "our deal"}) == Override(usd_per_mtok={"input": 1})
    assert override_from({"match": "gpt-*", "factor": "0.5", "credential": "team-a"}) == Override(
        model="gpt-*", multiplier="0.5", when={"credential": "team-a"}
    )
    assert override_from({"match": {"provider": "azure", "model": "*"}, "price": {"input": 1}}) == Override(
        provider="azure", usd_per_mtok={"input": 1}
    )
    assert override_from({"price": {"cache_write": 2}, "usd_per_mtok": {"input": 1}}) == Override(
        usd_per_mtok={"input": 1, "cache_write_5m": 2}
    )
    with pytest.raises(ConfigurationError, match="usd_per_mtok"):
        override_from({"usd_per_mtok": 3, "input": 1})
    with pytest.raises(ConfigurationError, match="prices"):
        override_from({"prices": 3})
    with pytest.raises(ConfigurationError, match="discount"):
        override_from({"discount": "0.2"})
