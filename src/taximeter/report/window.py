"""Windows of time as people write them: days and hours in their own zone, instants in UTC inside."""

import re
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from time import time_ns
from zoneinfo import ZoneInfo, available_timezones

import msgspec

from taximeter.errors import ConfigurationError, nearest_of

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_DAYS_LIMIT = 100_000
_AGES = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_MOMENTS = (
    "a date (2026-11-01), a time (2026-11-01T12:30), an age (30m, 24h, 7d, 4w), today, yesterday or now"
)


class Window(msgspec.Struct, frozen=True):
    """From `since_us` up to but not including `until_us`, Unix microseconds; None leaves that side open."""

    since_us: int | None = None
    until_us: int | None = None

    def __contains__(self, at_us: int) -> bool:
        """Whether an instant lies inside."""
        return (self.since_us is None or at_us >= self.since_us) and (
            self.until_us is None or at_us < self.until_us
        )


ALWAYS = Window()


def instant_us(moment: datetime) -> int:
    """Return an instant in Unix microseconds."""
    return (moment.astimezone(UTC) - EPOCH) // _MICROSECOND


def midnight_us(day: date, zone: tzinfo) -> int:
    """Return the first instant of a day; where the clocks skip midnight, that is the moment at which they do."""
    return instant_us(datetime.combine(day, time(), zone))


def local_time(at_us: int, zone: tzinfo) -> datetime:
    """Return an instant as the clocks of *zone* show it.

    Raises:
        OverflowError, ValueError: It is beyond what calendars reach.
    """
    return (EPOCH + timedelta(microseconds=at_us)).astimezone(zone)


def read_zone(name: str | tzinfo, key: str = "tz") -> tzinfo:
    """Return the IANA time zone of that name; a zone is returned as it is.

    Raises:
        ConfigurationError: There is no such zone on this machine.
    """
    if isinstance(name, tzinfo):
        return name
    if name.upper() == "UTC":  # needs no zone data, which Windows does not come with
        return UTC
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:
        allowed = f"an IANA time zone such as UTC or Asia/Kathmandu{nearest_of(name, available_timezones())}"
        raise ConfigurationError(key, name, allowed) from error


def last_days(days: int, zone: tzinfo, *, now_us: int | None = None) -> Window:
    """Return the window from the midnight that begins the first of the last *days* days, today being one of them.

    Args:
        days: How many.
        zone: Whose midnights.
        now_us: The present in Unix microseconds; None asks the clock.

    Raises:
        ConfigurationError: No such number of days.
    """
    if type(days) is not int or not 1 <= days <= _DAYS_LIMIT:
        raise ConfigurationError("days", days, f"a whole number from 1 to {_DAYS_LIMIT:,}")
    today = local_time(time_ns() // 1000 if now_us is None else now_us, zone).date()
    return Window(midnight_us(today - timedelta(days=days - 1), zone))


def read_moment(text: str, zone: tzinfo, *, key: str = "since", now_us: int | None = None) -> int:
    """Return the instant that *text* names, in Unix microseconds.

    Args:
        text: A date (its midnight in *zone*), an ISO 8601 time, an age such as `7d`, or today, yesterday, now.
        zone: What dates, and times that name no zone, are in.
        key: The option to name in an error.
        now_us: The present in Unix microseconds; None asks the clock.

    Raises:
        ConfigurationError: The text is none of these.
    """
    now = local_time(time_ns() // 1000 if now_us is None else now_us, UTC)
    try:
        return instant_us(_moment(text.strip(), zone, now))
    except (ValueError, OverflowError) as error:
        raise ConfigurationError(key, text, _MOMENTS) from error


def _moment(text: str, zone: tzinfo, now: datetime) -> datetime:
    if age := re.fullmatch(r"(\d{1,9})([mhdw])", text):
        return now - timedelta(**{_AGES[age[2]]: int(age[1])})
    if text == "now":
        return now
    if text in {"today", "yesterday"}:
        today = now.astimezone(zone).date() - timedelta(days=text == "yesterday")
        return datetime.combine(today, time(), zone)
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=zone)


def format_moment(at_us: int, zone: tzinfo) -> str:
    """Return an instant in local time, to the minute where it is a whole one; its number beyond what calendars reach."""
    try:
        local = local_time(at_us, zone)
    except (OverflowError, ValueError):
        return f"{at_us} us"
    return f"{local.isoformat(' ', 'seconds' if local.second else 'minutes')}"
