"""Dimensions: what calls can be grouped by."""

from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta, tzinfo

from taximeter.errors import ConfigurationError
from taximeter.event import TaskCompletionEvent
from taximeter.report.window import EPOCH

COLUMNS: dict[str, tuple[str, ...]] = {
    "model": ("model", "requested_model"),
    "provider": ("provider",),
    "task_type": ("task_type",),
    "agent": ("agent",),
    "user": ("user",),
    "session": ("session",),
    "service": ("service",),
    "run": ("run_id",),
    "harness": ("harness",),
    "complexity": ("complexity",),
    "operation": ("operation",),
    "wire_format": ("wire_format",),
    "outcome": ("outcome",),
    "error": ("error_type",),
    "price": ("price_id",),
}
"""Fields of the event by dimension; the first that is known counts."""

PERIODS: dict[str, str] = {"hour": "%Y-%m-%dT%H:00%z", "day": "%Y-%m-%d", "week": "%G-W%V", "month": "%Y-%m"}
"""Stretches of local time by dimension, as they are written; an hour names its offset: one comes twice a year."""

DIMENSIONS: tuple[str, ...] = (*COLUMNS, *PERIODS)

Key = tuple[str | None, ...]


def read_dimensions(names: Iterable[str]) -> tuple[str, ...]:
    """Return the names without repetition.

    Raises:
        ConfigurationError: A name that is no dimension.
    """
    wanted = tuple(dict.fromkeys(names))
    for name in wanted:
        if name not in DIMENSIONS:
            raise ConfigurationError("by", name, f"one of {', '.join(DIMENSIONS)}")
    return wanted


def read_columns(where: Mapping[str, str | None]) -> dict[str, str | None]:
    """Return the values that calls must have, by dimension.

    Raises:
        ConfigurationError: A name that is no dimension, or a period: a window says when.
    """
    for name in where:
        if name not in COLUMNS:
            raise ConfigurationError("where", name, f"one of {', '.join(COLUMNS)}")
    return dict(where)


def period_of(name: str, at_us: int, zone: tzinfo) -> str | None:
    """Return the hour, day, week or month of *zone* that an instant falls into; None beyond what calendars reach."""
    try:
        local = (EPOCH + timedelta(microseconds=at_us)).astimezone(zone)
    except (OverflowError, ValueError):
        return None
    return local.strftime(PERIODS[name])


def key_reader(by: Iterable[str], zone: tzinfo) -> Callable[[TaskCompletionEvent], Key]:
    """Return the function that tells which group a call belongs to."""
    names = tuple(by)

    def key(event: TaskCompletionEvent) -> Key:
        return tuple(
            period_of(name, event.started_at_us, zone) if name in PERIODS else _first(event, COLUMNS[name])
            for name in names
        )

    return key


def _first(event: TaskCompletionEvent, fields: tuple[str, ...]) -> str | None:
    for field in fields:
        value = getattr(event, field)
        if value is not None:
            return str(value)
    return None
