"""Dimensions: what calls can be grouped by."""

from collections.abc import Callable, Iterable, Mapping
from datetime import tzinfo
from typing import TypedDict

from taximeter.errors import ConfigurationError, one_of
from taximeter.event import TaskCompletionEvent
from taximeter.report.window import local_time

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
    "quality_gate": ("quality_gate_passed",),
}
"""Fields of the event by dimension; the first that is known counts."""

TRUE_OR_FALSE: dict[str, tuple[str, str]] = {"quality_gate": ("passed", "failed")}
"""What a dimension of a field that is true or false says."""

PERIODS: dict[str, str] = {"hour": "%Y-%m-%dT%H:00%z", "day": "%Y-%m-%d", "week": "%G-W%V", "month": "%Y-%m"}
"""Stretches of local time by dimension, as they are written; an hour names its offset: one comes twice a year."""

DIMENSIONS: tuple[str, ...] = (*COLUMNS, *PERIODS)
"""All names; there is one more for each tag, `tag:team`."""

_TAG = "tag:"


class Filter(TypedDict, total=False):
    """Values that calls must have, by dimension; None means not known. Tags go by `where={"tag:team": "search"}`."""

    model: str | None
    provider: str | None
    task_type: str | None
    agent: str | None
    user: str | None
    session: str | None
    service: str | None
    run: str | None
    harness: str | None
    complexity: str | None
    operation: str | None
    wire_format: str | None
    outcome: str | None
    error: str | None
    price: str | None
    quality_gate: str | None


Key = tuple[str | None, ...]


def read_dimensions(names: Iterable[str]) -> tuple[str, ...]:
    """Return the names without repetition.

    Raises:
        ConfigurationError: A name that is no dimension.
    """
    wanted = tuple(dict.fromkeys(names))
    for name in wanted:
        if name not in DIMENSIONS and tag_of(name) is None:
            raise ConfigurationError("by", name, one_of(name, (*DIMENSIONS, "tag:NAME")))
    return wanted


def read_columns(where: Mapping[str, str | None]) -> dict[str, str | None]:
    """Return the values that calls must have, by dimension.

    Raises:
        ConfigurationError: A name that is no dimension, or a period: a window says when.
    """
    for name in where:
        if name not in COLUMNS and tag_of(name) is None:
            raise ConfigurationError("where", name, one_of(name, (*COLUMNS, "tag:NAME")))
    return dict(where)


def tag_of(name: str) -> str | None:
    """Return which tag a dimension is; None when it is none."""
    return name[len(_TAG) :] if name.startswith(_TAG) and name != _TAG else None


def period_of(name: str, at_us: int, zone: tzinfo) -> str | None:
    """Return the hour, day, week or month of *zone* that an instant falls into; None beyond what calendars reach."""
    try:
        local = local_time(at_us, zone)
    except (OverflowError, ValueError):
        return None
    year, dash, rest = local.strftime(PERIODS[name]).partition("-")
    return (
        f"{year:0>4}{dash}{rest}"  # not every system pads years before 1000, and ISO 8601 wants four digits
    )


def key_reader(by: Iterable[str], zone: tzinfo) -> Callable[[TaskCompletionEvent], Key]:
    """Return the function that tells which group a call belongs to."""
    readers = [_reader(name, zone) for name in by]

    def key(event: TaskCompletionEvent) -> Key:
        return tuple(read(event) for read in readers)

    return key


def _reader(name: str, zone: tzinfo) -> Callable[[TaskCompletionEvent], str | None]:
    if name in PERIODS:
        return lambda event: period_of(name, event.started_at_us, zone)
    if (tag := tag_of(name)) is not None:
        return lambda event: (event.tags or {}).get(tag)
    if name in TRUE_OR_FALSE:
        return _judge(COLUMNS[name][0], *TRUE_OR_FALSE[name])
    return lambda event: _first(event, COLUMNS[name])


def _judge(field: str, true: str, false: str) -> Callable[[TaskCompletionEvent], str | None]:
    return lambda event: {True: true, False: false}.get(getattr(event, field))


def _first(event: TaskCompletionEvent, fields: tuple[str, ...]) -> str | None:
    for field in fields:
        value = getattr(event, field)
        if value is not None:
            return str(value)
    return None
