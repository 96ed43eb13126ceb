"""Row: an event read from its line as the column values that the layout asks for."""

from typing import Any, Union

import msgspec

from taximeter.errors import UnreadableEventError
from taximeter.event import EVENT_TYPES, TaskCompletionEvent
from taximeter.sinks.layout import HEX_FIELDS, OWN_FIELDS, PROFILE_FIELDS, is_json
from taximeter.vocabulary import Vocabulary

_ORDER = ("event_id", "raw_usage", *HEX_FIELDS, *OWN_FIELDS, *PROFILE_FIELDS)
_HEX = slice(2, 2 + len(HEX_FIELDS))
_OWN = slice(_HEX.stop, _HEX.stop + len(OWN_FIELDS))
_PROFILE = slice(_OWN.stop, None)


class CallRow(msgspec.Struct, frozen=True, eq=False, gc=False):
    """A completed call, taken apart by where its values lie."""

    event_id: bytes | str
    raw_usage: str | None
    identifiers: list[bytes | str | None]
    own: list[Any]
    profile: tuple[Any, ...]


class MomentRow(msgspec.Struct, frozen=True, eq=False, gc=False):
    """Any other event, as a row of `call_events`."""

    values: list[Any]


def read_row(line: bytes) -> CallRow | MomentRow:
    """Read an event of any kind; JSON stays as it stands in the line, words are plain text.

    Raises:
        UnreadableEventError: The line is no event of a kind known here.
    """
    try:
        row = _decode(line)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise UnreadableEventError(str(error)) from error
    values = list(msgspec.structs.astuple(row))
    for position in _json_positions[type(row)]:
        if values[position] is not None:
            values[position] = str(values[position], "utf-8")
    if type(row) is not _CALL:
        return MomentRow([row.__struct_config__.tag, *values])
    identifiers = [text if text is None else _packed_hex(text) for text in values[_HEX]]
    return CallRow(packed_id(values[0]), values[1], identifiers, values[_OWN], tuple(values[_PROFILE]))


def _packed_hex(text: str) -> bytes | str:
    """Return the bytes of hexadecimal digits; any other text stays as it is, so that it comes back the same."""
    try:
        packed = bytes.fromhex(text)
    except ValueError:
        return text
    return packed if packed.hex() == text else text


def packed_id(text: str) -> bytes | str:
    """Return an event's id as it lies in its row: the 16 bytes of a UUID as it is usually written, or the text."""
    if len(text) != 36 or not text[8] == text[13] == text[18] == text[23] == "-":
        return text
    packed = _packed_hex(text.replace("-", ""))
    return packed if isinstance(packed, bytes) and len(packed) == 16 else text


def _row_field(field: msgspec.structs.FieldInfo) -> tuple[str, Any, Any]:
    """Return name, type and default as a column value."""
    kind: Any = field.type
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


_orders = {kind: _ORDER if kind is TaskCompletionEvent else kind.__struct_fields__ for kind in EVENT_TYPES}
_types = {kind: _row_type(kind, order) for kind, order in _orders.items()}
_json_positions = {_types[kind]: _find_json(kind, order) for kind, order in _orders.items()}
_CALL = _types[TaskCompletionEvent]
_decode = msgspec.json.Decoder(Union[tuple(_types.values())]).decode  # noqa: UP007 - the members are made at run time
