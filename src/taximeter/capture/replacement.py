"""Replacement: a method of a class, wrapped for as long as everything is metered, and how to put it back."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from taximeter.capture.recorder import Recorder

Method = Callable[..., Any]

_ORIGINAL = "taximeter_original"
_RECORDER = "taximeter_recorder"
_LAYERS = "taximeter_layers"
"""All that have been put in the place of a method and not been taken out yet, the one in use last."""


def replace_method(
    kind: Any, name: str, wrap: Callable[[Method], Method], recorder: Recorder | None = None
) -> Callable[[], None]:
    """Wrap a method and return how to take that out; what an earlier call put there rests until then.

    Args:
        kind: The class.
        name: The method's name.
        wrap: Makes the replacement out of the original.
        recorder: Where the replacement records; None when it does not.
    """
    before = getattr(kind, name)
    original = original_of(before)
    replacement = wraps(original)(wrap(original))
    setattr(replacement, _ORIGINAL, original)
    setattr(replacement, _RECORDER, recorder)
    _put(kind, name, original, (*_layers_of(before), replacement))

    def take_out() -> None:
        layers = _layers_of(getattr(kind, name))
        if replacement in layers:
            _put(kind, name, original, tuple(layer for layer in layers if layer is not replacement))

    return take_out


def _layers_of(method: Method) -> tuple[Method, ...]:
    layers: tuple[Method, ...] = getattr(method, _LAYERS, ())
    return layers


def _put(kind: Any, name: str, original: Method, layers: tuple[Method, ...]) -> None:
    if layers:
        setattr(layers[-1], _LAYERS, layers)
    setattr(kind, name, layers[-1] if layers else original)


def original_of(method: Method) -> Method:
    """Return what *method* replaces, itself when it replaces nothing."""
    original: Method = getattr(method, _ORIGINAL, method)
    return original


def installed_recorder(method: Method) -> Recorder | None:
    """Return where a replaced method records."""
    return getattr(method, _RECORDER, None)
