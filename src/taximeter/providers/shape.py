"""Shape: an object of counts as the struct that names those that are read; what is no count is unknown."""

from collections.abc import Mapping
from functools import cache
from typing import Annotated, Any, TypeVar, get_args

import msgspec

from taximeter.providers.values import LARGEST_COUNT, as_count

Count = Annotated[int, msgspec.Meta(ge=0, le=LARGEST_COUNT)] | None
"""A number of things, None where the object does not say it or says something else."""

S = TypeVar("S", bound=msgspec.Struct)


def shaped(values: Mapping[str, Any], shape: type[S]) -> S:
    """Return *values* as a *shape*: a struct of counts and of further such structs, all of them with defaults.

    One conversion reads and checks all counts in a tenth of the time that a look-up of each takes. Only where a
    server sent something else than its documentation says are the values looked at one by one.
    """
    try:
        return msgspec.convert(values, shape)
    except msgspec.ValidationError:
        return msgspec.convert(_fitting(values, shape), shape)


def _fitting(values: Mapping[str, Any], shape: type[msgspec.Struct]) -> dict[str, Any]:
    """Return what of *values* the shape can hold."""
    return {
        name: as_count(values.get(name)) if inner is None else _inside(values.get(name), inner)
        for name, inner in _fields(shape)
    }


def _inside(value: Any, shape: type[msgspec.Struct]) -> dict[str, Any] | None:
    return _fitting(value, shape) if isinstance(value, dict) else None


@cache
def _fields(shape: type[msgspec.Struct]) -> tuple[tuple[str, type[msgspec.Struct] | None], ...]:
    """Return the fields' names, each with the struct that it holds, None for a count."""
    return tuple((field.encode_name, _inner(field.type)) for field in msgspec.structs.fields(shape))


def _inner(kind: Any) -> type[msgspec.Struct] | None:
    choices = (kind, *get_args(kind))
    return next((one for one in choices if isinstance(one, type) and issubclass(one, msgspec.Struct)), None)
