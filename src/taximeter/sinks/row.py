"""Row: an event as a tuple of column values, and the tables whose columns are the fields of the event types."""

from collections.abc import Iterable
from types import UnionType
from typing import Any, Union, get_args, get_origin

import msgspec

from taximeter.errors import UnreadableEventError
from taximeter.event import EVENT_TYPES, CallStartedEvent, TaskCompletionEvent
from taximeter.vocabulary import Vocabulary


class Table(msgspec.Struct, frozen=True, eq=False):
    """A table for one family of events."""

    name: str
    columns: tuple[str, ...]
    definitions: tuple[str, ...]
    """Each column as it stands in CREATE TABLE."""
    insert: str
    json_positions: tuple[int, ...]
    """Where in a row the values are that are kept as JSON text."""


def _members(kind: Any) -> set[Any]:
    return set(get_args(kind)) if get_origin(kind) in (Union, UnionType) else {kind}


def _is_json(kind: Any) -> bool:
    """Whether a value can be a tuple, a mapping or a struct."""
    origins = {get_origin(member) or member for member in _members(kind)}
    return any(issubclass(origin, tuple | dict | msgspec.Struct) for origin in origins)


def _affinity(kind: Any) -> str:
    members = _members(kind)
    if members & {int, bool}:
        return "INTEGER"
    return "REAL" if float in members else "TEXT"


def _table(name: str, kind: type[msgspec.Struct]) -> Table:
    types = {"event_id": str, "type": str} | {f.name: f.type for f in msgspec.structs.fields(kind)}
    columns = kind.__struct_fields__ if name == "events" else ("type", *kind.__struct_fields__)
    marks = ", ".join("?" * len(columns))
    return Table(
        name=name,
        columns=columns,
        definitions=tuple(
            f"{column} TEXT PRIMARY KEY NOT NULL"
            if column == "event_id"
            else f"{column} {_affinity(types[column])}"
            for column in columns
        ),
        insert=f"INSERT INTO {name} ({', '.join(columns)}) VALUES ({marks}) ON CONFLICT DO NOTHING",  # noqa: S608 - names of our own fields
        json_positions=tuple(i for i, column in enumerate(columns) if _is_json(types[column])),
    )


EVENTS = _table("events", TaskCompletionEvent)
CALL_EVENTS = _table("call_events", CallStartedEvent)
TABLES = (EVENTS, CALL_EVENTS)


def _row_default(default: Any) -> Any:
    """Return a field's default as a column value."""
    if isinstance(default, tuple | dict | msgspec.Struct):
        return msgspec.Raw(msgspec.json.encode(default))
    return str(default) if isinstance(default, Vocabulary) else default


def _row_field(field: msgspec.structs.FieldInfo) -> tuple[str, Any, Any]:
    """Return name, type and default: JSON stays as it stands in the line, words are plain text."""
    kind: Any = field.type
    if _is_json(kind):
        kind = msgspec.Raw
    elif isinstance(kind, type) and issubclass(kind, Vocabulary):
        kind = str
    if field.default_factory is not msgspec.NODEFAULT:
        return field.name, kind, msgspec.field(default_factory=field.default_factory)
    return field.name, kind, msgspec.field(default=_row_default(field.default))


def _row_type(kind: type[msgspec.Struct]) -> type[msgspec.Struct]:
    return msgspec.defstruct(
        f"{kind.__name__}Row",
        [_row_field(field) for field in msgspec.structs.fields(kind)],
        kw_only=True,
        gc=False,
        tag_field="type",
        tag=kind.__struct_config__.tag,
    )


_CompletionRow = _row_type(TaskCompletionEvent)
_CALL_ROWS = tuple(_row_type(kind) for kind in EVENT_TYPES if kind is not TaskCompletionEvent)
_decode = msgspec.json.Decoder(Union[(_CompletionRow, *_CALL_ROWS)]).decode


def rows_of(lines: Iterable[bytes]) -> dict[Table, list[tuple[Any, ...]]]:
    """Return the rows of these events for each table, in order; tables without one have an empty list.

    Raises:
        UnreadableEventError: A line is no event of a kind known here.
    """
    rows: dict[Table, list[tuple[Any, ...]]] = {EVENTS: [], CALL_EVENTS: []}
    for row in _decoded(lines):
        if type(row) is _CompletionRow:
            rows[EVENTS].append(_values(EVENTS, list(msgspec.structs.astuple(row))))
        else:
            tag = row.__struct_config__.tag
            rows[CALL_EVENTS].append(_values(CALL_EVENTS, [tag, *msgspec.structs.astuple(row)]))
    return rows


def _decoded(lines: Iterable[bytes]) -> list[Any]:
    try:
        return [*map(_decode, lines)]
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise UnreadableEventError(str(error)) from error


def _values(table: Table, values: list[Any]) -> tuple[Any, ...]:
    for position in table.json_positions:
        if values[position] is not None:
            values[position] = str(values[position], "utf-8")
    return tuple(values)
