"""Capture: meters clients from the outside, on the bytes that they send and receive."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from taximeter.capture.install import Installation as Installation
    from taximeter.capture.install import meter_everything as meter_everything
    from taximeter.capture.meter import meter as meter

_HOMES = {"Installation": "install", "meter": "meter", "meter_everything": "install"}

__all__ = ["Installation", "meter", "meter_everything"]


def __getattr__(name: str) -> Any:
    """Import what meters when it is first asked for: `taximeter run` itself meters nothing.

    `taximeter.capture.meter` must only ever be imported through here, or the module stands in the function's place.
    """
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value
