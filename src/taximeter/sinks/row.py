"""Row: an event read from its line as the column values that the layout asks for."""

from typing import Any, Union

import msgspec

from taximeter.errors import UnreadableEventError
from taximeter.event import EVENT_TYPES, CallContentEvent, TaskCompletionEvent
from taximeter.sinks.content_table import ContentRow, content_row
from taximeter.sinks.layout import HEX_FIELDS, JSON_FIELDS, PLAIN_FIELDS, PROFILE_FIELDS, is_json
from taximeter.sinks.packed import packed_hex, packed_id
from taximeter.vocabulary import Vocabulary

_CONTEXT = "price_context"
_ORDER = (
    *(name for name in PROFILE_FIELDS if name != _CONTEXT),
    _CONTEXT,
    "event_id",
    *HEX_FIELDS,
    "raw_usage",
    *PLAIN_FIELDS,
    *JSON_FIELDS,
)
_CONTEXT_AT = len(PROFILE_FIELDS) - 1
_IDS = slice(len(PROFILE_FIELDS), len(PROFILE_FIELDS) + 1 + len(HEX_FIELDS))
_USAGE_AT = _IDS.stop
_PLAIN = slice(_USAGE_AT + 1, len(_ORDER) - len(JSON_FIELDS))
_JSON = slice(_PLAIN.stop, None)
_NO_JSON = (None,) * len(JSON_FIELDS)
"""A line is decoded into this order, so that each part of a row is one slice of the values."""

PROFILE_ORDER = _ORDER[: len(PROFILE_FIELDS)]
"""The fields of `CallRow.profile`."""

CallRow = tuple[tuple[Any, ...], str | None, tuple[Any, ...]]
"""A completed call, taken apart by where its values lie: profile, usage object, and the row's own from its ids on."""


class MomentRow(msgspec.Struct, frozen=True, eq=False, gc=False):
    """Any other event, as a row of `call_events`."""

    values: list[Any]


def is_usual_call(line: bytes) -> bool:
    """Whether a line begins as our own lines of completed calls do."""
    return line.startswith(_USUAL_START)


def read_call(line: bytes) -> CallRow:
    """Read a usual call; JSON stays as it stands in the line, words are plain text.

    Raises:
        UnreadableEventError: The line is no event.
    """
    try:
        return _taken_apart(msgspec.structs.astuple(_decode_call(line)))
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise UnreadableEventError(str(error)) from error


def read_row(line: bytes) -> CallRow | MomentRow | ContentRow:
    """Read an event of any kind; JSON stays as it stands in the line, words are plain text.

    Raises:
        UnreadableEventError: The line is no event of a kind known here.
    """
    try:
        row = _decode(line)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise UnreadableEventError(str(error)) from error
    values = msgspec.structs.astuple(row)
    return _taken_apart(values) if type(row) is _CALL else _moment(type(row), list(values))


def _taken_apart(values: tuple[Any, ...]) -> CallRow:
    profile = values[: _IDS.start]
    if (context := profile[_CONTEXT_AT]) is not None:
        profile = (*profile[:_CONTEXT_AT], str(context, "utf-8"))
    own = values[_PLAIN]
    if (texts := values[_JSON]) != _NO_JSON:
        texts = tuple([text if text is None else str(text, "utf-8") for text in texts])
    usage = values[_USAGE_AT]
    return profile, usage if usage is None else str(usage, "utf-8"), _packed_ids(*values[_IDS]) + own + texts


def _moment(kind: type[msgspec.Struct], values: list[Any]) -> MomentRow | ContentRow:
    for position in _json_positions[kind]:
        if values[position] is not None:
            values[position] = str(values[position], "utf-8")
    if kind is _CONTENT:
        return content_row(packed_id(values[_CONTENT_ID]), values[_CONTENT_TIME], values[_CONTENT_TEXTS])
    return MomentRow([kind.__struct_config__.tag, *values])


def _packed_ids(
    event_id: str, trace_id: str | None, span_id: str | None, parent_span_id: str | None
) -> tuple[bytes | str | None, ...]:
    """Return identifiers as they lie in a row; all four at once where they are as they usually are."""
    if trace_id and span_id and parent_span_id and len(event_id) == 36 and event_id[8:24:5] == "----":
        text = event_id.replace("-", "") + trace_id + span_id + parent_span_id
        packed = packed_hex(text)
        if len(packed) == 48 and len(trace_id) == 32 and len(span_id) == 16:  # text would be twice as long
            return packed[:16], packed[16:32], packed[32:40], packed[40:]
    others = (trace_id, span_id, parent_span_id)
    return packed_id(event_id), *(text if text is None else packed_hex(text) for text in others)


def _row_field(field: msgspec.structs.FieldInfo) -> tuple[str, Any, Any]:
    """Return name, type and default as a column value."""
    kind: Any = field.type
    if kind == tuple[str, ...]:
        return field.name, kind, msgspec.field(default=field.default)  # part of a profile, which is looked up
    if is_json(kind):
        kind = msgspec.Raw
    elif isinstance(kind, type) and issubclass(kind, Vocabulary):
        kind = str
    if field.default_factory is not msgspec.NODEFAULT:
        return field.name, kind, msgspec.field(default_factory=field.default_factory)
    return field.name, kind, msgspec.field(default=_row_default(field.default))


def _row_default(default: Any) -> Any:
    if isinstance(default, tuple | dict | msgspec.Struct):
        return msgspec.Raw(msgspec.json.encode(default))
    return str(default) if isinstance(default, Vocabulary) else default


def _row_type(kind: type[msgspec.Struct], order: tuple[str, ...]) -> type[msgspec.Struct]:
    fields = {field.name: field for field in msgspec.structs.fields(kind)}
    return msgspec.defstruct(
        f"{kind.__name__}Row",
        [_row_field(fields[name]) for name in order],
        kw_only=True,
        gc=False,
        tag_field="type",
        tag=kind.__struct_config__.tag,
    )


def _find_json(kind: type[msgspec.Struct], order: tuple[str, ...]) -> tuple[int, ...]:
    fields = {field.name: field for field in msgspec.structs.fields(kind)}
    return tuple(at for at, name in enumerate(order) if is_json(fields[name].type))


_types = {
    kind: _row_type(kind, _ORDER if kind is TaskCompletionEvent else kind.__struct_fields__)
    for kind in EVENT_TYPES
}
_json_positions = {
    row: _find_json(kind, kind.__struct_fields__)
    for kind, row in _types.items()
    if kind is not TaskCompletionEvent
}
_CALL = _types[TaskCompletionEvent]
_USUAL_START = b'{"type":"TASK_COMPLETION"'
_decode_call = msgspec.json.Decoder(_CALL).decode
_CONTENT = _types[CallContentEvent]
_CONTENT_ID, _CONTENT_TIME, _CONTENT_TEXTS = map(
    CallContentEvent.__struct_fields__.index, ("event_id", "ts_us", "payload")
)
_decode = msgspec.json.Decoder(Union[tuple(_types.values())]).decode  # noqa: UP007 - the members are made at run time
