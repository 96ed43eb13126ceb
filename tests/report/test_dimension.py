"""What calls are grouped by."""

from datetime import UTC
from zoneinfo import ZoneInfo

import pytest

from event_samples import HOUR_US, call
from taximeter.errors import ConfigurationError
from taximeter.report.dimension import (
    COLUMNS,
    DIMENSIONS,
    Filter,
    key_reader,
    period_of,
    read_columns,
    read_dimensions,
)

BERLIN = ZoneInfo("Europe/Berlin")
CLOCKS_BACK_US = 1_792_886_400_000_000  # 2026-10-25T00:00Z, when clocks in Berlin show 2 for the first time


def test_an_hour_that_comes_twice_is_two_hours() -> None:
    """When clocks go back, the offset tells the hours apart."""
    hours = [period_of("hour", CLOCKS_BACK_US + n * HOUR_US, BERLIN) for n in range(3)]
    assert hours == ["2026-10-25T02:00+0200", "2026-10-25T02:00+0100", "2026-10-25T03:00+0100"]


def test_days_weeks_and_months_are_local() -> None:
    """An instant late on a Saturday in UTC is Sunday, and November, in Kathmandu."""
    at_us = 1_793_474_400_000_000  # 2026-10-31T19:20Z
    kathmandu = ZoneInfo("Asia/Kathmandu")
    periods = [period_of(name, at_us, kathmandu) for name in ("day", "week", "month")]
    assert periods == ["2026-11-01", "2026-W44", "2026-11"]


def test_years_have_four_digits() -> None:
    """A clock that is wrong by centuries still gives days that can be read again, and stand in order."""
    at_us = -40_000_000_000_000_000
    assert [period_of(name, at_us, UTC) for name in ("hour", "day", "week", "month")] == [
        "0702-06-15T00:00+0000",
        "0702-06-15",
        "0702-W24",
        "0702-06",
    ]


def test_a_time_beyond_the_calendar_has_no_day() -> None:
    """A hostile time is a group of its own, not an error."""
    assert period_of("day", 10**30, BERLIN) is None


def test_the_requested_model_stands_in() -> None:
    """Where the answer names no model, the call belongs to the one that was asked for."""
    key = key_reader(["model", "provider"], BERLIN)
    assert key(call(None, requested_model="gpt-4o")) == ("gpt-4o", "openai")
    assert key(call(None)) == (None, "openai")


def test_every_dimension_can_be_read() -> None:
    """Each name that the help lists works."""
    assert len(key_reader(DIMENSIONS, BERLIN)(call())) == len(DIMENSIONS)


def test_a_wrong_dimension_is_refused_with_the_right_ones() -> None:
    """The error lists what is allowed; a filter takes no periods."""
    with pytest.raises(ConfigurationError, match=r"by='modle': must be one of model, provider"):
        read_dimensions(["modle"])
    with pytest.raises(ConfigurationError, match="where='day'"):
        read_columns({"day": "2026-11-01"})


def test_a_dimension_named_twice_counts_once() -> None:
    """Order stays, repetition goes."""
    assert read_dimensions(["day", "model", "day"]) == ("day", "model")


def test_a_tag_is_a_dimension() -> None:
    """Under `tag:` and its name, whatever that is made of; calls without it have none."""
    key = key_reader(["tag:te:am"], BERLIN)
    assert [key(call(tags=tags)) for tags in ({"te:am": "x"}, {"team": "y"}, None)] == [
        ("x",),
        (None,),
        (None,),
    ]
    assert read_dimensions(["tag:a"]) == ("tag:a",)
    with pytest.raises(ConfigurationError):
        read_dimensions(["tag:"])


def test_every_column_can_be_an_argument() -> None:
    """The names that type checkers know are those there are."""
    assert set(Filter.__annotations__) == set(COLUMNS)
