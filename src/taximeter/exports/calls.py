"""Calls: events as rows, one column for each field."""

from collections.abc import Iterable, Iterator

import msgspec

from taximeter.event import TaskCompletionEvent
from taximeter.exports.column import Column, Kind, RowValues, Value, json_text
from taximeter.vocabulary import Vocabulary

_TIME = "started_at_us"
_LARGEST = (1 << 63) - 1


def _kind_of(name: str, hint: str) -> Kind:
    if name == _TIME:
        return Kind.TIMESTAMP
    for mark, kind in (
        ("tuple[", Kind.JSON),
        ("dict[", Kind.JSON),
        ("bool", Kind.BOOLEAN),
        ("float", Kind.FLOAT),
    ):
        if mark in hint:
            return kind
    return Kind.INTEGER if "int" in hint else Kind.STRING


CALL_COLUMNS = tuple(
    Column("started_at" if field.name == _TIME else field.name, _kind_of(field.name, str(field.type)))
    for field in msgspec.structs.fields(TaskCompletionEvent)
)
"""The event's fields in its order; `started_at_us` is a timestamp named `started_at`, what is a list or table is JSON."""


def call_rows(events: Iterable[TaskCompletionEvent]) -> Iterator[RowValues]:
    """Yield the values of each event, by `CALL_COLUMNS`."""
    for event in events:
        values = msgspec.structs.astuple(event)
        yield [_value(column.kind, value) for column, value in zip(CALL_COLUMNS, values, strict=True)]


def _value(kind: Kind, value: object) -> Value:
    if kind is Kind.JSON:
        return json_text(value)
    if isinstance(value, Vocabulary):
        return str(value)
    if isinstance(value, int) and not -_LARGEST <= value <= _LARGEST:
        return None  # as in a store: no program has such a counter
    return value if isinstance(value, str | int | float) else None
