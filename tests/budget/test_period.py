"""Windows of budgets, in zones whose days are not all alike."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from taximeter.budget.period import EVER_US, read_period
from taximeter.errors import ConfigurationError

HOUR_US = 3_600_000_000


def us(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp()) * 1_000_000


@pytest.mark.parametrize(
    ("window", "zone", "now", "start", "end"),
    [
        (
            "day",
            "Europe/Berlin",
            "2026-03-29T12:00+02:00",
            "2026-03-29T00:00+01:00",
            "2026-03-30T00:00+02:00",
        ),
        (
            "day",
            "Europe/Berlin",
            "2026-10-25T12:00+01:00",
            "2026-10-25T00:00+02:00",
            "2026-10-26T00:00+01:00",
        ),
        (
            "week",
            "Europe/Berlin",
            "2026-10-25T23:59+01:00",
            "2026-10-19T00:00+02:00",
            "2026-10-26T00:00+01:00",
        ),
        (
            "month",
            "America/New_York",
            "2026-03-20T00:00-04:00",
            "2026-03-01T00:00-05:00",
            "2026-04-01T00:00-04:00",
        ),
        ("month", "UTC", "2026-12-31T23:59+00:00", "2026-12-01T00:00+00:00", "2027-01-01T00:00+00:00"),
        (
            "hour",
            "Asia/Kathmandu",
            "2026-11-22T10:59+05:45",
            "2026-11-22T10:00+05:45",
            "2026-11-22T11:00+05:45",
        ),
        (
            "hour",
            "Europe/Berlin",
            "2026-10-25T02:30+01:00",
            "2026-10-25T02:00+01:00",
            "2026-10-25T03:00+01:00",
        ),
        # Beirut's clocks skip the hour after midnight, so that day begins at one
        ("day", "Asia/Beirut", "2026-03-29T12:00+03:00", "2026-03-29T01:00+03:00", "2026-03-30T00:00+03:00"),
        # Havana's go back at one, so midnight comes twice and the first counts
        (
            "day",
            "America/Havana",
            "2026-11-01T00:30-05:00",
            "2026-11-01T00:00-04:00",
            "2026-11-02T00:00-05:00",
        ),
    ],
)
def test_windows_are_those_of_the_zone(window: str, zone: str, now: str, start: str, end: str) -> None:
    """Days of 23 and 25 hours, hours that come twice and midnights that do not come are cut where clocks cut them."""
    period = read_period(window, ZoneInfo(zone))
    assert period.start_us(us(now)) == us(start)
    assert period.resets_us(us(now)) == us(end)


@given(
    st.sampled_from(["hour", "day", "week", "month"]),
    st.sampled_from(
        ["UTC", "Europe/Berlin", "America/New_York", "Asia/Kathmandu", "Asia/Beirut", "America/Havana"]
    ),
    st.datetimes(datetime(2000, 1, 1), datetime(2037, 1, 1)),  # noqa: DTZ001 - made UTC below
)
def test_windows_follow_one_another(window: str, zone: str, moment: datetime) -> None:
    """Every instant is in one window, and where that ends the next begins."""
    period = read_period(window, ZoneInfo(zone))
    now = int(moment.replace(tzinfo=UTC).timestamp()) * 1_000_000
    start, end = period.start_us(now), period.resets_us(now)
    assert end is not None
    assert start <= now < end
    assert period.start_us(start) == period.start_us(end - 1) == start
    assert period.start_us(end) == end


@given(st.timedeltas(timedelta(seconds=1), timedelta(days=400)), st.integers(0, 2**51))
def test_a_rolling_window_counts_at_least_its_length(length: timedelta, now: int) -> None:
    """A call counts for as long as was asked for, and less than a sixtieth (or a second) longer."""
    seconds = int(length.total_seconds())
    period = read_period("1s" if seconds > 999_999 else f"{seconds}s", UTC)
    slack = max(period.length_us // 60, 1_000_000)
    called = now - period.length_us
    assert period.bucket_us(called) >= period.start_us(now)
    assert period.bucket_us(called - slack) < period.start_us(now)
    back = period.resets_us(now, period.bucket_us(called))
    assert back is not None
    assert period.bucket_us(called) < period.start_us(back)


def test_a_lifetime_has_no_end() -> None:
    """All that ever was counts, and nothing comes back."""
    period = read_period("lifetime", UTC)
    assert period.start_us(0) == EVER_US
    assert period.resets_us(0) is None


@pytest.mark.parametrize("text", ["", "fortnight", "0h", "7", "7y", None, 7])
def test_what_is_no_window_is_refused(text: object) -> None:
    """The error says which windows there are."""
    with pytest.raises(ConfigurationError, match="hour, day, week, month, lifetime"):
        read_period(text, UTC)
