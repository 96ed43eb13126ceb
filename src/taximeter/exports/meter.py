"""Meters: what is counted and billed, in the words and units of FOCUS."""

from decimal import ROUND_HALF_EVEN, Decimal

import msgspec

MILLION = 1_000_000
_HOUR_MS = 3_600_000
_FINEST_HOUR = Decimal("1e-12")


class Meter(msgspec.Struct, frozen=True):
    """A kind of the price list: its name, and the units in which it is consumed and priced.

    Units as FOCUS wants them: a plural noun in capitals, with a whole number before it where prices are for many.
    """

    name: str
    consumed_unit: str
    pricing_unit: str
    per_unit: int
    """How many are priced together."""

    def pricing_quantity(self, quantity: int) -> Decimal:
        """Return a quantity in pricing units, exact but for hours, which are rounded to twelve digits."""
        exact = Decimal(quantity) / self.per_unit
        return exact.quantize(_FINEST_HOUR, ROUND_HALF_EVEN) if self.per_unit == _HOUR_MS else exact

    def consumed_quantity(self, quantity: int) -> Decimal:
        """Return a quantity in consumed units; lengths are counted in milliseconds and said in seconds."""
        return Decimal(quantity) / 1000 if self.per_unit == _HOUR_MS else Decimal(quantity)


def _tokens(name: str) -> Meter:
    return Meter(name, "Tokens", f"{MILLION} Tokens", MILLION)


def _pieces(name: str, noun: str) -> Meter:
    return Meter(name, noun, f"1000 {noun}", 1000)


_WHOLE = ("Tokens", "US Dollars", 1)
"""Where only the amount is known: so many dollars at one dollar each."""

METERS: dict[str, Meter] = {
    "input": _tokens("Uncached Input Tokens"),
    "cache_read": _tokens("Cache Read Tokens"),
    "cache_write_5m": _tokens("Cache Write Tokens (5 Minutes)"),
    "cache_write_1h": _tokens("Cache Write Tokens (1 Hour)"),
    "audio_input": _tokens("Audio Input Tokens"),
    "cache_read_audio": _tokens("Cache Read Audio Tokens"),
    "image_input": _tokens("Image Input Tokens"),
    "output": _tokens("Output Tokens"),
    "audio_output": _tokens("Audio Output Tokens"),
    "image_output": _tokens("Image Output Tokens"),
    "reasoning": _tokens("Reasoning Tokens"),
    "audio_ms": Meter("Audio Duration", "Seconds", "Hours", _HOUR_MS),
    "web_search": _pieces("Web Searches", "Searches"),
    "x_search": _pieces("X Searches", "Searches"),
    "map_search": _pieces("Map Searches", "Searches"),
    "file_search": _pieces("File Searches", "Searches"),
    "code_execution": _pieces("Code Executions", "Executions"),
    "web_fetch": _pieces("Web Fetches", "Fetches"),
    "search_unit": _pieces("Search Units", "Units"),
    "page": _pieces("Pages", "Pages"),
    "annotated_page": _pieces("Annotated Pages", "Pages"),
    "image": _pieces("Images", "Images"),
    "character": _pieces("Characters", "Characters"),
    "text_message": _pieces("Text Messages", "Messages"),
    "citation_token": _pieces("Citation Tokens", "Tokens"),
    "request": _pieces("Requests", "Requests"),
    "long_context": Meter("Long Context Surcharge", *_WHOLE),
    "reported": Meter("Reported Cost", *_WHOLE),
    "recorded": Meter("Recorded Cost", *_WHOLE),
}
"""By kind; `long_context`, `reported` and `recorded` are amounts that no unit price makes."""


def meter_of(kind: str) -> Meter:
    """Return the meter of a kind; one that is not known here is pieces."""
    found = METERS.get(kind)
    return _pieces(kind.replace("_", " ").title(), "Units") if found is None else found
