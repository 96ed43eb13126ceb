"""Stretches of time with a name."""

from datetime import UTC, datetime, tzinfo
from zoneinfo import ZoneInfo

import pytest

from event_samples import HOUR_US, NOVEMBER_US
from taximeter.errors import ConfigurationError
from taximeter.report.span import read_span
from taximeter.report.window import Window, instant_us

DAY_US = 24 * HOUR_US
NOW_US = NOVEMBER_US + 10 * DAY_US + HOUR_US
BERLIN = ZoneInfo("Europe/Berlin")


@pytest.mark.parametrize(
    ("text", "zone", "since_us", "until_us"),
    [
        ("2026-11-01", UTC, NOVEMBER_US, NOVEMBER_US + DAY_US),
        ("2026-10-25", BERLIN, NOVEMBER_US - 7 * DAY_US - 2 * HOUR_US, NOVEMBER_US - 6 * DAY_US - HOUR_US),
        ("2026-W45", UTC, NOVEMBER_US + DAY_US, NOVEMBER_US + 8 * DAY_US),
        ("2026-11", UTC, NOVEMBER_US, NOVEMBER_US + 30 * DAY_US),
        ("2026-12", UTC, NOVEMBER_US + 30 * DAY_US, NOVEMBER_US + 61 * DAY_US),
        ("today", UTC, NOVEMBER_US + 10 * DAY_US, NOVEMBER_US + 11 * DAY_US),
        ("yesterday", BERLIN, NOVEMBER_US + 9 * DAY_US - HOUR_US, NOVEMBER_US + 10 * DAY_US - HOUR_US),
        ("7d", UTC, NOW_US - 7 * DAY_US, NOW_US),
        ("14d..7d", UTC, NOW_US - 14 * DAY_US, NOW_US - 7 * DAY_US),
        ("..2026-11-01", UTC, None, NOVEMBER_US),
        ("2026-11-01..", UTC, NOVEMBER_US, None),
    ],
)
def test_a_name_is_a_window(text: str, zone: tzinfo, since_us: int | None, until_us: int | None) -> None:
    """Days, weeks and months are the zone's; a day on which clocks go back has 25 hours."""
    assert read_span(text, zone, now_us=NOW_US) == Window(since_us, until_us)


def test_today_ends_at_midnight_where_the_clocks_skip_its_own() -> None:
    """São Paulo's 4 November 2018 began at one o'clock, and ended as every day does."""
    sao_paulo = ZoneInfo("America/Sao_Paulo")
    now_us = instant_us(datetime(2018, 11, 4, 12, tzinfo=sao_paulo))
    assert read_span("today", sao_paulo, now_us=now_us) == read_span("2018-11-04", sao_paulo)


@pytest.mark.parametrize(
    "text", ["", "soon", "2026-13", "2026-W54", "2026-02-30", "7d..14d", "2026", "x..y", "9999-12"]
)
def test_what_names_no_time_is_refused(text: str) -> None:
    """With what would."""
    with pytest.raises(ConfigurationError, match="BEFORE="):
        read_span(text, UTC, key="BEFORE", now_us=NOW_US)
