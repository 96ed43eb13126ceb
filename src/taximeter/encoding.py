"""Encoding: any object to the line that sinks get, or the reason why there is none."""

from collections.abc import Mapping
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

import msgspec

from taximeter.event import EVENT_TYPES, CallContentEvent, Event, encode_event
from taximeter.privacy import METADATA_ONLY, Privacy
from taximeter.scrubber import Scrubber
from taximeter.vocabulary import CostStatus

NOT_AN_EVENT = "not_an_event"
TOO_LARGE = "too_large"
UNENCODABLE = "unencodable"

_MAX_DEPTH = 32  # usage objects of providers are four deep
_COST = {"actual_cost_usd_nanos", "actual_cost_usd_micros"}
_Integer = Annotated[int, msgspec.Meta(ge=-(1 << 63), le=(1 << 63) - 1)]  # what databases have room for


def _bounded(kind: Any) -> Any:
    """Return the type with every integer in it bounded to 64 bits."""
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        return _bounded_struct(kind)
    if get_origin(kind) in (Union, UnionType):
        return Union[(*map(_bounded, get_args(kind)),)]
    if get_origin(kind) is dict:
        return dict[tuple(map(_bounded, get_args(kind)))]  # type: ignore[misc]  # made at run time
    return _Integer if kind is int else kind


def _bounded_struct(kind: type[msgspec.Struct]) -> type[msgspec.Struct]:
    fields = [(field.name, _bounded(field.type), None) for field in msgspec.structs.fields(kind)]
    config = kind.__struct_config__
    return msgspec.defstruct(
        kind.__name__, fields, kw_only=True, gc=False, tag_field=config.tag_field, tag=config.tag
    )


check_line = msgspec.json.Decoder(Union[(*map(_bounded_struct, EVENT_TYPES),)]).decode
"""Raises `msgspec.DecodeError` for a line that is no event, or that has an integer beyond 64 bits."""


def line_of(
    event: object, max_bytes: int, scrubber: Scrubber | None = None, privacy: Privacy = METADATA_ONLY
) -> bytes | str:
    """Return the event as one line of JSON, or the reason why it cannot be one; never raises.

    What is returned can be read back: a field that holds what its type does not allow is mended or left out.

    Args:
        event: What was tracked.
        max_bytes: How long the line may be.
        scrubber: Takes secrets out; None leaves texts as they are.
        privacy: What of an event may be kept.
    """
    if not issubclass(type(event), EVENT_TYPES):
        return NOT_AN_EVENT
    allowed = privacy.allowed(event)  # type: ignore[arg-type]  # the line above says so
    if isinstance(allowed, str):
        return allowed
    try:
        line = _checked(allowed, max_bytes, scrubber, privacy)
    except Exception:  # whatever a foreign value does when it is touched
        try:
            line = _checked(_mended(allowed), max_bytes, scrubber, privacy)  # type: ignore[arg-type]  # as above
        except Exception:
            return UNENCODABLE
    return line if len(line) <= max_bytes else TOO_LARGE


def _checked(event: Event, max_bytes: int, scrubber: Scrubber | None, privacy: Privacy) -> bytes:
    line = encode_event(event)
    if len(line) <= max_bytes:
        scrubbed = event if scrubber is None else scrubber.event(event)
        if isinstance(scrubbed, CallContentEvent):
            scrubbed = privacy.cut(scrubbed)
        if scrubbed is not event:
            line = encode_event(scrubbed)
        check_line(line)
    return line


def _mended(event: msgspec.Struct) -> msgspec.Struct:
    """Return the event with each value made fit for its field, or left at the field's default."""
    kind = type(event)
    fields: dict[str, Any] = {}
    for field in msgspec.structs.fields(kind):
        try:
            fields[field.name] = _fitting(getattr(event, field.name), field.type)
        except Exception:  # noqa: S112 - this field is lost so that the others are not
            continue
    if not fields.keys() >= _COST & set(kind.__struct_fields__):  # half a cost is none
        fields |= {**dict.fromkeys(_COST), "cost_status": CostStatus.UNKNOWN}
    return kind(**fields)


def _fitting(value: Any, kind: Any) -> Any:
    if isinstance(kind, type) and isinstance(value, kind) and isinstance(value, msgspec.Struct):
        return _mended(value)
    plain = _plain(value, _MAX_DEPTH)
    try:
        return _converted(plain, kind)
    except msgspec.ValidationError:
        return _converted(_as_text(plain), kind)


def _converted(plain: Any, kind: Any) -> Any:
    msgspec.convert(plain, _bounded(kind), strict=False)
    return msgspec.convert(plain, kind, strict=False)


def _as_text(value: Any) -> Any:
    """Write numbers and truth values as text, alone or inside a mapping, for fields that hold text."""
    if isinstance(value, Mapping):
        return {key: _as_text(item) for key, item in value.items()}
    return str(value) if isinstance(value, bool | int | float) else value


def _plain(value: Any, depth: int) -> Any:
    """Return the value in JSON's own types; what JSON cannot hold is named by its type, never printed."""
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()  # lone surrogates become "?"
    if depth and isinstance(value, Mapping):
        return {str(_plain(key, 0)): _plain(item, depth - 1) for key, item in value.items()}
    if depth and isinstance(value, list | tuple | set | frozenset):
        return [_plain(item, depth - 1) for item in value]
    if depth and isinstance(value, msgspec.Struct):
        return _plain(msgspec.structs.asdict(value), depth)
    return f"<{type(value).__name__}>"
