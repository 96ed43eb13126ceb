"""Instants: dates as people write them."""

from datetime import UTC, date, datetime

import pytest

from taximeter.errors import ConfigurationError
from taximeter.pricing.instant import date_text, instant_us

DAY_US = 86_400_000_000


def test_a_date_is_its_midnight_in_utc() -> None:
    """A day begins at midnight UTC, and as an end it counts in full."""
    assert instant_us("1970-01-02", "from") == DAY_US
    assert instant_us("1970-01-02", "to", whole_day=True) == 2 * DAY_US
    assert instant_us(date(1970, 1, 2), "from") == DAY_US


def test_a_time_keeps_its_offset() -> None:
    """An offset is respected, and without one the time is UTC."""
    assert instant_us("1970-01-02T02:00:00+02:00", "from") == DAY_US
    assert instant_us("1970-01-02T00:00:00Z", "from") == DAY_US
    assert instant_us(datetime(1970, 1, 2, tzinfo=UTC), "from") == DAY_US
    assert instant_us("1970-01-02T00:00:00", "to", whole_day=True) == DAY_US
    assert instant_us(None, "from") is None


@pytest.mark.parametrize("value", ["tomorrow", "2026-13-01", 5, ""])
def test_what_is_no_date_is_refused_by_name(value: object) -> None:
    """The error names the setting, the value and what is allowed."""
    with pytest.raises(ConfigurationError, match="valid_from="):
        instant_us(value, "valid_from")  # type: ignore[arg-type]  # what a configuration file may hold


def test_dates_are_written_back() -> None:
    """A row's date reads as a date, with the time only where there is one."""
    assert date_text(DAY_US) == "1970-01-02"
    assert date_text(DAY_US + 3_600_000_000) == "1970-01-02T01:00:00Z"
