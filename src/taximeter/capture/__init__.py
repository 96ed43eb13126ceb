"""Capture: meters clients from the outside, on the bytes that they send and receive."""

from taximeter.capture.install import install
from taximeter.capture.meter import meter

__all__ = ["install", "meter"]
