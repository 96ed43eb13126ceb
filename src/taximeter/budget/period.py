"""Periods: the stretches of time that a budget's limit is for, from UTC instants to buckets that are added up.

Money is kept in buckets of time. A calendar's window is one bucket, from the first instant of the hour, day, week or
month in its zone. A rolling window is some sixty narrow ones: as a bucket is given back only when all of it has left
the window, up to a sixtieth more time counts than was asked for, and never less. A lifetime is all buckets.
"""

import re
from datetime import UTC, date, timedelta, tzinfo

import msgspec

from taximeter.errors import ConfigurationError, one_of
from taximeter.report.window import local_time, midnight_us

CALENDAR = ("hour", "day", "week", "month")
LIFETIME = "lifetime"
EVER_US = -(1 << 62)
"""The begin of a lifetime."""

_BUCKETS = 60
_SECOND_US = 1_000_000
_DAY_US = 86_400 * _SECOND_US
_UNITS_US = {"s": _SECOND_US, "m": 60 * _SECOND_US, "h": 3600 * _SECOND_US, "d": _DAY_US, "w": 7 * _DAY_US}
_MICROSECOND = timedelta(microseconds=1)
_LONGEST_US = 36_525 * _DAY_US


class Period(msgspec.Struct, frozen=True):
    """A kind of window, in its zone; `length_us` is that of a rolling one, 0 for others."""

    kind: str
    zone: tzinfo = UTC
    length_us: int = 0

    @property
    def width_us(self) -> int:
        """How long a bucket of a rolling window is; a lifetime's are days."""
        return max(self.length_us // _BUCKETS, _SECOND_US) if self.length_us else _DAY_US

    def bucket_us(self, at_us: int) -> int:
        """Return the bucket that an instant falls into, by its first microsecond."""
        if self.kind in CALENDAR:
            return _floor(self.kind, at_us, self.zone)
        return at_us // self.width_us * self.width_us

    def start_us(self, now_us: int) -> int:
        """Return the first bucket that counts now."""
        if self.kind == LIFETIME:
            return EVER_US
        return self.bucket_us(now_us - self.length_us)

    def window_us(self, now_us: int) -> int:
        """Return what tells one window from the next, for what happens once in each; a rolling one is as if it stood."""
        if self.length_us:
            return now_us // self.length_us * self.length_us
        return self.start_us(now_us)

    def resets_us(self, now_us: int, oldest_us: int | None = None) -> int | None:
        """Return when money comes back; None for never.

        Args:
            now_us: The present.
            oldest_us: The oldest bucket with money in it, of a rolling window; None means the oldest that counts.
        """
        if self.kind == LIFETIME:
            return None
        if self.length_us:
            oldest = self.start_us(now_us) if oldest_us is None else oldest_us
            return oldest + self.width_us + self.length_us
        return _next(self.kind, self.bucket_us(now_us), self.zone)

    def elapsed_us(self, now_us: int, oldest_us: int | None) -> int:
        """Return for how long money has been spent in the window, for rates: what rolls begins with the first of it."""
        if self.kind in CALENDAR:
            return max(now_us - self.start_us(now_us), 1)
        since_us = now_us if oldest_us is None else now_us - oldest_us
        return max(min(since_us, self.length_us or since_us), 1)


def read_period(text: object, zone: tzinfo) -> Period:
    """Return the period that a text names.

    Raises:
        ConfigurationError: It is none.
    """
    if text in (*CALENDAR, LIFETIME):
        return Period(str(text), zone)
    if isinstance(text, str) and (found := re.fullmatch(r"(\d{1,6})\s*([smhdw])", text)):
        length_us = int(found[1]) * _UNITS_US[found[2]]
        if _SECOND_US <= length_us <= _LONGEST_US:
            return Period("rolling", zone, length_us)
    allowed = one_of(text, (*CALENDAR, LIFETIME))
    raise ConfigurationError("window", text, f"{allowed}, or a duration that rolls along such as 24h or 30d")


def _floor(kind: str, at_us: int, zone: tzinfo) -> int:
    local = local_time(at_us, zone)
    if kind == "hour":  # counted back in real time: in the autumn an hour comes twice, and they are two
        past = timedelta(minutes=local.minute, seconds=local.second, microseconds=local.microsecond)
        return at_us - past // _MICROSECOND
    return midnight_us(_first_day(kind, local.date()), zone)


def _first_day(kind: str, day: date) -> date:
    if kind == "week":
        return day - timedelta(days=day.weekday())
    return day.replace(day=1) if kind == "month" else day


def _next(kind: str, start_us: int, zone: tzinfo) -> int:
    if kind == "hour":
        return start_us + _UNITS_US["h"]
    day = local_time(start_us, zone).date()
    if kind == "month":
        return midnight_us((day.replace(day=1) + timedelta(days=32)).replace(day=1), zone)
    return midnight_us(day + timedelta(days=7 if kind == "week" else 1), zone)
