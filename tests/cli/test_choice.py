"""The options that say which calls are asked about."""

import pytest

from taximeter.cli.choice import Choice, read_choice, read_where
from taximeter.errors import ConfigurationError


def test_nothing_said_is_all_calls() -> None:
    """Without options there is nothing to describe either."""
    assert read_choice() == Choice()
    assert read_choice().describe() == ""


def test_a_choice_says_what_it_is() -> None:
    """Values first, then the time, in the zone's clock."""
    choice = read_choice(since="2026-11-01", tz="Asia/Kathmandu", where=["agent=reviewer", "user="])
    assert choice.describe() == "with agent=reviewer, user= from 2026-11-01 00:00+05:45"


def test_values_are_everything_behind_the_first_equals_sign() -> None:
    """Tags are dimensions; a value may hold an equals sign; an empty one means not known."""
    assert read_where(["tag:team=a=b", "model=", "agent=x", "agent=x"]) == {
        "tag:team": "a=b",
        "model": None,
        "agent": "x",
    }


@pytest.mark.parametrize(
    ("pairs", "message"),
    [
        (["agnet=x"], r"--where='agnet=x': must be DIMENSION=VALUE.*did you mean 'agent'"),
        (["day=2026-11-01"], "--where='day=2026-11-01': must be DIMENSION=VALUE"),
        (["agent"], "--where='agent': must be agent=VALUE"),
        (["=x"], "--where='=x'"),
        (["agent=a", "agent=b"], "--where='agent=b': must be the only value of agent"),
    ],
)
def test_what_is_no_value_of_a_dimension_is_refused(pairs: list[str], message: str) -> None:
    """With the nearest dimension where it looks like a slip."""
    with pytest.raises(ConfigurationError, match=message):
        read_where(pairs)
