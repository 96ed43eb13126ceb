"""Conditions: what else than the model moves the price."""

import pytest

from taximeter.pricing.condition import conditions, meets


@pytest.mark.parametrize(
    ("tier", "context"),
    [
        ("batch", None),
        (None, {"batch": "true"}),
        (None, {"processing": "batch"}),
        ("default", {"batch": "1"}),
    ],
)
def test_batch_has_many_names_and_one_meaning(tier: str | None, context: dict[str, str] | None) -> None:
    """However the work was called batch work, it has the batch price."""
    assert conditions(tier, context)["processing"] == "batch"


@pytest.mark.parametrize("tier", [None, "", "default", "Standard", "auto", "on_demand"])
def test_the_list_price_needs_no_word(tier: str | None) -> None:
    """Tiers at list price are the same as none."""
    assert conditions(tier, None) == {}


def test_the_served_tier_is_stronger_than_the_stated_one() -> None:
    """What served the call decides, not what was asked for."""
    assert conditions("flex", {"service_tier": "priority"}) == {"service_tier": "flex"}
    assert conditions("default", {"service_tier": "priority"}) == {}
    assert conditions(None, {"service_tier": "priority"}) == {"service_tier": "priority"}
    assert conditions(None, {"traffic_type": "ON_DEMAND_PRIORITY"}) == {"service_tier": "priority"}
    assert conditions(None, {"traffic_type": "ON_DEMAND"}) == {}


def test_a_rate_may_ask_for_a_pattern_or_against_one() -> None:
    """A context is met by a value, by a pattern, or by anything but a value."""
    assert meets({"region": "us*"}, {"region": "us-east-1"})
    assert meets({"region": "!global"}, {"region": "eu"})
    assert not meets({"region": "!global"}, {"region": "global"})
    assert not meets({"region": "!global"}, {})
