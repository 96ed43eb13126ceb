"""Capture: meters clients from the outside, on the bytes that they send and receive."""

from taximeter.capture.install import Installation, meter_everything
from taximeter.capture.meter import meter

__all__ = ["Installation", "meter", "meter_everything"]
