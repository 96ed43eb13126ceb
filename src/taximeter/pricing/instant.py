"""Instants: dates as people write them, as Unix time in UTC microseconds."""

from datetime import UTC, date, datetime, time, timedelta

from taximeter.errors import ConfigurationError

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_ALLOWED = "a date (2026-01-31), or a date and time in ISO 8601; without an offset it is UTC"


def instant_us(value: str | date | None, key: str, *, whole_day: bool = False) -> int | None:
    """Return the instant a date or time names; None stays None.

    Args:
        value: Text, date or datetime.
        key: The setting's name, for the error.
        whole_day: A date without a time means the end of that day instead of its beginning.

    Raises:
        ConfigurationError: It is neither.
    """
    if value is None:
        return None
    moment = _parse(value, key)
    if not isinstance(moment, datetime):
        midnight = datetime.combine(moment, time(), tzinfo=UTC)
        moment = midnight + timedelta(days=1) if whole_day else midnight
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return (moment - _EPOCH) // timedelta(microseconds=1)


def _parse(value: str | date, key: str) -> date:
    if isinstance(value, date):
        return value
    try:
        return date.fromisoformat(value) if len(value) <= 10 else datetime.fromisoformat(value)
    except (TypeError, ValueError, OverflowError):
        raise ConfigurationError(key, value, _ALLOWED) from None


def date_text(at_us: int) -> str:
    """Write an instant as a date, with the time where it is not midnight."""
    moment = _EPOCH + timedelta(microseconds=at_us)
    return moment.strftime("%Y-%m-%d" if moment.time() == time() else "%Y-%m-%dT%H:%M:%SZ")
