"""Spans: stretches of time with a name, such as a day, a week or the last seven days."""

import re
from collections.abc import Callable
from datetime import date, timedelta, tzinfo

from taximeter.errors import ConfigurationError
from taximeter.report.window import Window, local_time, midnight_us, read_moment

SPANS = (
    "a day (2026-11-01, today, yesterday), a week (2026-W45), a month (2026-11), an age (7d: the last seven days) "
    "or two moments (14d..7d, 2026-11-01..2026-11-08, ..today)"
)
_AGE = re.compile(r"\d+[mhdw]")
_WEEK = re.compile(r"(\d{4})-W(\d{2})")
_MONTH = re.compile(r"(\d{4})-(\d{2})")
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")


def read_span(text: str, zone: tzinfo, *, key: str = "span", now_us: int | None = None) -> Window:
    """Return the window that a text names.

    Args:
        text: A day, a week, a month, an age, or two moments with `..` between them, of which either may be left out.
        zone: Whose midnights.
        key: The option to name in an error.
        now_us: The present in Unix microseconds; None asks the clock.

    Raises:
        ConfigurationError: The text is none of these, or ends before it begins.
    """
    try:
        window = _read(text.strip(), zone, key, now_us)
    except (ValueError, OverflowError) as error:
        raise ConfigurationError(key, text, SPANS) from error
    if window.since_us is not None and window.until_us is not None and window.until_us <= window.since_us:
        raise ConfigurationError(key, text, "a span that ends after it begins")
    return window


def _read(text: str, zone: tzinfo, key: str, now_us: int | None) -> Window:
    def moment(part: str) -> int:
        return read_moment(part, zone, key=key, now_us=now_us)

    since, dots, until = text.partition("..")
    if dots:
        return Window(moment(since) if since else None, moment(until) if until else None)
    if _AGE.fullmatch(text):
        return Window(moment(text), moment("now"))
    first, days = _calendar_days(text, zone, moment)
    following = (first + timedelta(days=days)) if days else (first + timedelta(days=31)).replace(day=1)
    return Window(midnight_us(first, zone), midnight_us(following, zone))


def _calendar_days(text: str, zone: tzinfo, moment: Callable[[str], int]) -> tuple[date, int]:
    """Return the first day and how many there are; 0 stands for the rest of its month."""
    if match := _WEEK.fullmatch(text):
        return date.fromisocalendar(int(match[1]), int(match[2]), 1), 7
    if match := _MONTH.fullmatch(text):
        return date(int(match[1]), int(match[2]), 1), 0
    if text in {"today", "yesterday"}:
        return local_time(moment(text), zone).date(), 1
    if _DAY.fullmatch(text):
        return date.fromisoformat(text), 1
    raise ValueError(text)
