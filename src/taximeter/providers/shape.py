"""Shape: an object of JSON as the struct that names what is read of it; what does not fit is unknown."""

from collections.abc import Callable, Mapping
from functools import cache
from typing import Annotated, Any, TypeVar, get_args, get_origin

import msgspec

from taximeter.providers.values import LARGEST_COUNT, as_count, as_items, as_text

Count = Annotated[int, msgspec.Meta(ge=0, le=LARGEST_COUNT)] | None
"""A number of things, None where the object does not say it or says something else."""

Text = str | None
"""A string, None where the object does not say it or says something else."""

Object = dict[str, Any] | None
"""An object of which nothing is known, None where there is none."""

S = TypeVar("S", bound=msgspec.Struct)


def shaped(values: Mapping[str, Any], shape: type[S]) -> S:
    """Return *values* as a *shape*: a struct of counts, texts, objects, structs and lists of structs, all optional.

    One conversion reads and checks everything in a tenth of the time that a look-up of each takes. Only where a
    server sent something else than its documentation says are the values looked at one by one.
    """
    try:
        return msgspec.convert(values, shape)
    except msgspec.ValidationError:
        return msgspec.convert(_fitting(values, shape), shape)


def _fitting(values: Mapping[str, Any], shape: type[msgspec.Struct]) -> dict[str, Any]:
    """Return what of *values* the shape can hold."""
    return {name: fit(values[name]) for name, fit in _fields(shape) if name in values}


@cache
def _fields(shape: type[msgspec.Struct]) -> tuple[tuple[str, Callable[[Any], Any]], ...]:
    """Return the fields' names on the wire, each with what makes any value fit it."""
    return tuple((field.encode_name, _fitter(field.type)) for field in msgspec.structs.fields(shape))


def _fitter(kind: Any) -> Callable[[Any], Any]:
    if kind == Count:
        return as_count
    if kind == Text:
        return as_text
    inner = next((choice for choice in (*get_args(kind), kind) if choice is not type(None)), None)
    if get_origin(inner) is dict:
        return _as_object
    if get_origin(inner) is list:
        (item,) = get_args(inner)
        return lambda value: [_fitting(one, item) for one in as_items(value)]
    if isinstance(inner, type) and issubclass(inner, msgspec.Struct):
        return lambda value: _fitting(value, inner) if isinstance(value, dict) else None
    return _as_is


def _as_object(value: Any) -> Any:
    return value if isinstance(value, dict) else None


def _as_is(value: Any) -> Any:
    return value
