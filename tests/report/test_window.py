"""Windows of time."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from taximeter.errors import ConfigurationError
from taximeter.report.window import Window, format_moment, read_moment, read_zone

NOW_US = 1_793_536_200_000_000  # 2026-11-01T12:30Z


@pytest.mark.parametrize(
    ("text", "zone", "moment"),
    [
        ("2026-11-01", "UTC", "2026-11-01T00:00+00:00"),
        ("2026-11-01", "Asia/Kathmandu", "2026-10-31T18:15+00:00"),
        ("2026-11-01T12:30", "Europe/Berlin", "2026-11-01T11:30+00:00"),
        ("2026-11-01T12:30+02:00", "Europe/Berlin", "2026-11-01T10:30+00:00"),
        ("90m", "Europe/Berlin", "2026-11-01T11:00+00:00"),
        ("7d", "UTC", "2026-10-25T12:30+00:00"),
        ("2w", "UTC", "2026-10-18T12:30+00:00"),
        ("now", "UTC", "2026-11-01T12:30+00:00"),
        ("today", "Pacific/Auckland", "2026-11-01T11:00+00:00"),
        ("yesterday", "UTC", "2026-10-31T00:00+00:00"),
    ],
)
def test_moments_are_read_as_people_write_them(text: str, zone: str, moment: str) -> None:
    """Dates and plain times are in the zone that was asked for, ages count back from now."""
    expected = datetime.fromisoformat(moment).timestamp() * 1_000_000
    assert read_moment(text, ZoneInfo(zone), now_us=NOW_US) == expected


@pytest.mark.parametrize("text", ["", "soon", "2026-13-01", "7x", "999999999w", "-3d"])
def test_what_is_no_moment_is_refused_by_the_option_name(text: str) -> None:
    """The error names the option, the text and what may stand there."""
    with pytest.raises(ConfigurationError, match=r"--until=.*must be a date"):
        read_moment(text, UTC, key="--until", now_us=NOW_US)


@pytest.mark.parametrize("name", ["Mars/Phobos", "", "../../etc/passwd", "Europe", "/etc/localtime", "a\0b"])
def test_a_zone_that_is_none_is_refused(name: str) -> None:
    """Names that no zone has, folders and paths out of the data are all the same error."""
    with pytest.raises(ConfigurationError, match="IANA time zone"):
        read_zone(name)


def test_utc_needs_no_zone_data() -> None:
    """UTC in any spelling is the one that Python has by itself."""
    assert read_zone("utc") is UTC


def test_a_window_takes_its_beginning_and_leaves_its_end() -> None:
    """Two windows side by side share no instant."""
    assert [at in Window(10, 20) for at in (9, 10, 19, 20)] == [False, True, True, False]
    assert 5 in Window()


def test_a_moment_is_shown_with_its_offset() -> None:
    """A time without its zone would be a riddle; one beyond the calendar is still shown."""
    assert format_moment(NOW_US, ZoneInfo("Asia/Kathmandu")) == "2026-11-01 18:15+05:45"
    assert format_moment(10**30, UTC) == f"{10**30} us"
