"""Bounds that cannot work are refused where they are given."""

import math
from inspect import signature
from typing import Any

import pytest

import taximeter
from taximeter.errors import ConfigurationError
from taximeter.policy import Policy, policy_from


@pytest.mark.parametrize("key", ["max_events", "max_bytes", "max_event_bytes", "batch_max_events"])
@pytest.mark.parametrize("value", [0, -1, 1.5, True, "many", None])
def test_a_count_is_a_whole_number_of_at_least_one(key: str, value: Any) -> None:
    """Anything else names the key and the value."""
    with pytest.raises(ConfigurationError) as raised:
        policy_from({key: value})  # type: ignore[misc]  # wrong on purpose
    assert (raised.value.key, raised.value.value) == (key, value)


@pytest.mark.parametrize("key", ["batch_max_age_s", "retry_budget_s", "close_timeout_s"])
@pytest.mark.parametrize("value", [-0.1, math.nan, math.inf, True, "soon"])
def test_a_time_is_a_number_of_seconds(key: str, value: Any) -> None:
    """Neither negative nor endless."""
    with pytest.raises(ConfigurationError, match=f"{key}="):
        policy_from({key: value})  # type: ignore[misc]  # wrong on purpose


def test_a_retry_budget_of_nothing_is_refused() -> None:
    """With it no batch would be tried even once."""
    with pytest.raises(ConfigurationError, match="retry_budget_s"):
        Policy(retry_budget_s=0)


def test_an_unknown_option_is_answered_with_the_known_ones() -> None:
    """A misspelled option does not pass for a default."""
    with pytest.raises(ConfigurationError, match="max_event=5") as raised:
        policy_from({"max_event": 5})  # type: ignore[typeddict-unknown-key]  # wrong on purpose
    options = signature(taximeter.start).parameters.values()
    named = [option.name for option in options if option.kind is option.KEYWORD_ONLY]
    assert raised.value.allowed == f"one of the options {', '.join((*named, *Policy.__struct_fields__))}"
