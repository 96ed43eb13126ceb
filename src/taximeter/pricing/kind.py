"""Kinds: the words rates, overrides and breakdowns use for what is counted."""

from collections.abc import Mapping

from taximeter.pricing.money import usd_text
from taximeter.usage import Usage

TOKEN_KINDS = {
    "input": "uncached_input_tokens",
    "cache_read": "cache_read_tokens",
    "cache_write_5m": "cache_write_5m_tokens",
    "cache_write_1h": "cache_write_1h_tokens",
    "audio_input": "audio_input_tokens",
    "cache_read_audio": "cache_read_audio_tokens",
    "image_input": "image_input_tokens",
    "output": "text_output_tokens",
    "audio_output": "audio_output_tokens",
    "image_output": "image_output_tokens",
    "reasoning": "reasoning_tokens",
}
"""Kind to counter, in the order of `Usage`, whose remaining field is `units`."""

INPUT_KINDS = tuple(TOKEN_KINDS)[:7]

PIECES = {"audio_ms": 3_600_000}
"""A rate is the price of one piece, but of an hour where the piece is a millisecond: those have no exact price."""

PIECE_KINDS = (
    "web_search",
    "x_search",
    "map_search",
    "file_search",
    "code_execution",
    "web_fetch",
    "search_unit",
    "page",
    "annotated_page",
    "image",
    "audio_ms",
    "character",
    "text_message",
    "citation_token",
    "request",
)
"""What is billed by the piece. `request` is counted here, once a call, where a rate for it exists."""

KINDS = (*TOKEN_KINDS, *PIECE_KINDS)

PARENTS = {
    "cache_read": "input",
    "cache_write_5m": "input",
    "cache_write_1h": "cache_write_5m",
    "audio_input": "input",
    "image_input": "input",
    "audio_output": "output",
    "image_output": "output",
}

Rates = Mapping[str, int]

if tuple(TOKEN_KINDS.values()) != Usage.__struct_fields__[:-1]:  # the sums below rely on it
    raise AssertionError("TOKEN_KINDS and Usage name their counters in different orders")


def fill(rates: Rates) -> dict[str, int]:
    """Add the rates that a price list leaves out: what it does not price apart costs what its parent costs.

    Audio that is billed by its length is not billed by tokens again, and neither is what was said in it where the list
    has nothing but the length.
    """
    full = dict(rates)
    if "audio_ms" in full:
        full.setdefault("audio_input", 0)
        full.setdefault("input", 0)
        full.setdefault("output", 0)
    cached_audio_parent = "audio_input" if "audio_input" in full else "cache_read"
    for kind, parent in (*PARENTS.items(), ("cache_read_audio", cached_audio_parent)):
        if kind not in full and parent in full:
            full[kind] = full[parent]
    return full


def unit_of(kind: str) -> tuple[str, int]:
    """Return the unit that price lists use for a kind, and how many of what its rate is for make one unit."""
    if kind in TOKEN_KINDS:
        return "mtok", 1_000_000
    return ("hour", 1) if kind in PIECES else ("1k", 1000)


def list_price(kind: str, rate: int) -> str:
    """Write a rate as price lists do: in USD a million tokens, a thousand pieces or an hour."""
    return usd_text(rate, unit_of(kind)[1])
