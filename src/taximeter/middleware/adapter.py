"""Adapter: who may answer behind a model that is wrapped in retries, fallbacks and rate limits."""

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from types import ModuleType
from typing import Any, NamedTuple

_OBJECTS_LIMIT = 100
_PROVIDER_NAMES = ("provider", "provider_name", "name")
_MODEL_NAMES = ("model_name", "model")
_VERSION = re.compile(r"(?:[-@:]v?\d[\w.:-]*|:.*)?")
"""What providers add to the name that was asked for: a date, a version, a size behind a colon."""


class Adapter(NamedTuple):
    """A provider and a model that an object answers with; None where it does not say."""

    provider: str | None = None
    model: str | None = None


def adapters_of(inner: Any, methods: Sequence[str]) -> tuple[Adapter, ...]:
    """Return who may answer for *inner*, in the order in which they are held: the first is the one meant to.

    These are the innermost objects that have one of the methods, a name and the name of a model; wrappers, lists and
    dicts around them are looked through.
    """
    found = dict.fromkeys(_innermost(inner, methods, set()))
    return tuple(found) or (_adapter(inner),)


def _innermost(value: Any, methods: Sequence[str], seen: set[int]) -> Iterator[Adapter]:
    if id(value) in seen or len(seen) >= _OBJECTS_LIMIT:
        return
    seen.add(id(value))
    held = chain.from_iterable(_innermost(part, methods, seen) for part in _models_in(value, methods))
    if (first := next(held, None)) is not None:
        yield first
        yield from held
    elif (adapter := _adapter(value)) != Adapter():
        yield adapter


def _models_in(value: Any, methods: Sequence[str]) -> Iterator[Any]:
    """Yield what an object holds that can be called as it can itself; classes and modules hold too much else."""
    if isinstance(value, type | ModuleType):
        return
    for part in _attribute(value, "__dict__", {}).values():
        for each in part if isinstance(part, list | tuple) else _values(part):
            if any(_attribute(each, method) is not None for method in methods):
                yield each


def _values(part: Any) -> Iterable[Any]:
    return part.values() if isinstance(part, dict) else (part,)


def _adapter(value: Any) -> Adapter:
    return Adapter(_text(value, _PROVIDER_NAMES), _text(value, _MODEL_NAMES))


def _text(value: Any, names: Iterable[str]) -> str | None:
    texts = (_attribute(value, name) for name in names)
    return next((text for text in texts if isinstance(text, str) and text), None)


def _attribute(value: Any, name: str, default: Any = None) -> Any:
    try:
        return getattr(value, name, default)
    except Exception:  # an attribute of the application's may do anything when it is looked at
        return default


class Answered(NamedTuple):
    """Who has answered a call; None where nothing tells. `asked` is the name that this adapter has for the model."""

    provider: str | None
    model: str | None
    asked: str | None


def who_answered(adapters: Sequence[Adapter], provider: str | None, model: str | None) -> Answered:
    """Return who has answered, as far as the answer and the adapters tell.

    Args:
        adapters: Who may have answered.
        provider: What the answer says of the provider; None where it says nothing.
        model: What it says of the model.
    """
    if provider is None:
        provider = _only(each.provider for each in _named(adapters, model))
    mine = [each for each in adapters if each.provider == provider]
    asked = _only(each.model for each in _named(mine, model))
    return Answered(provider, model or asked, asked)


def _named(adapters: Sequence[Adapter], model: str | None) -> Sequence[Adapter]:
    """Return the adapters of a model; all of them where none has it."""
    return [each for each in adapters if _is_same(each.model, model)] or adapters


def _only(values: Iterable[str | None]) -> str | None:
    """Return the value that all have; None where they differ."""
    different = set(values)
    return different.pop() if len(different) == 1 else None


def _is_same(asked: str | None, answered: str | None) -> bool:
    """Whether an answer's model is the one that was asked for, which may have a gateway's prefix or be an alias."""
    if not asked or not answered:
        return False
    name = asked.lower().rpartition("/")[2].removesuffix("-latest")
    answered = answered.lower().rpartition("/")[2]
    return answered.startswith(name) and _VERSION.fullmatch(answered, len(name)) is not None
