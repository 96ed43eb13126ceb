"""Budgets as they are written down."""

from typing import Any

import pytest

from taximeter.budget import Budget, read_budget
from taximeter.errors import ConfigurationError


def test_a_section_of_a_configuration_is_a_budget() -> None:
    """What TOML gives for a `[[budgets]]` section is read into the same value as code makes."""
    section = {"name": "team", "limit_usd": 12.5, "window": "day", "tz": "Europe/Berlin", "each": ["user"]}
    budget = read_budget(section)
    assert budget == Budget(name="team", limit_usd=12.5, window="day", tz="Europe/Berlin", each=("user",))
    assert budget.limit_usd_nanos == 12_500_000_000
    assert read_budget(budget) is budget


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"limt_usd": 5}, "did you mean 'limit_usd'"),
        ({"limit_usd": "five"}, r"budgets\[0\].limit_usd='five'"),
        ({"limit_usd": 5, "limit_usd_micros": 5}, "limit_usd"),
        ({"limit_usd": None}, "limit_usd"),
        ({"window": "fortnight"}, "window='fortnight'"),
        ({"tz": "Berlin"}, "tz='Berlin'"),
        ({"where": {"agnt": "x"}}, "did you mean 'agent'"),
        ({"where": {"outcome": "failure"}}, "where='outcome'"),
        ({"each": "usr"}, "did you mean 'user'"),
        ({"alert_at": [0]}, "alert_at=0"),
        ({"alerts": ["mail"]}, "alerts='mail'"),
        ({"unpriced": "free"}, "unpriced='free'"),
        ({"on_failure": "alow"}, "did you mean 'allow'"),
        ({"name": " "}, "name=' '"),
        ({"hard": "yes"}, "bool"),
    ],
)
def test_a_mistake_is_named(wrong: dict[str, Any], said: str) -> None:
    """A wrong key, type or value says where it is, and what would do."""
    with pytest.raises(ConfigurationError, match=said):
        read_budget({"name": "team", "limit_usd": 5, **wrong}, "budgets[0]")


def test_a_budget_whose_limit_alone_has_changed_counts_on() -> None:
    """A raised limit does not begin from nothing; another window does."""
    small, large = Budget(name="a", limit_usd="1"), Budget(name="a", limit_usd="2")
    assert small.key == large.key != Budget(name="a", limit_usd="1", window="day").key
