"""Replacement: a method of a class, wrapped for as long as everything is metered, and how to put it back."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from taximeter.capture.recorder import Recorder

Method = Callable[..., Any]

_ORIGINAL = "taximeter_original"
_RECORDER = "taximeter_recorder"


def replace_method(
    kind: Any, name: str, wrap: Callable[[Method], Method], recorder: Recorder | None = None
) -> Callable[[], None]:
    """Wrap a method and return how to put it back; what an earlier call put there is replaced.

    Args:
        kind: The class.
        name: The method's name.
        wrap: Makes the replacement out of the original.
        recorder: Where the replacement records; None when it does not.
    """
    original = original_of(getattr(kind, name))
    replacement = wraps(original)(wrap(original))
    setattr(replacement, _ORIGINAL, original)
    setattr(replacement, _RECORDER, recorder)
    setattr(kind, name, replacement)

    def put_back() -> None:
        if getattr(kind, name) is replacement:
            setattr(kind, name, original)

    return put_back


def original_of(method: Method) -> Method:
    """Return what *method* replaces, itself when it replaces nothing."""
    original: Method = getattr(method, _ORIGINAL, method)
    return original


def installed_recorder(method: Method) -> Recorder | None:
    """Return where a replaced method records."""
    return getattr(method, _RECORDER, None)
