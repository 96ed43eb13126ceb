"""Usage: what was counted, in counters that do not overlap."""

from collections.abc import Mapping
from typing import Any, Self

import msgspec


class Usage(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """Disjoint counters of one call, in tokens unless the name says otherwise.

    None means the provider did not say; 0 means it said zero. Because no token is in two counters, a cost is a plain
    sum and two usages add. `reasoning_tokens` alone is informational: it is part of `text_output_tokens`.
    """

    uncached_input_tokens: int | None = None
    cache_read_tokens: int | None = None
    cache_write_5m_tokens: int | None = (
        None  # also every cache write whose lifetime the provider does not name
    )
    cache_write_1h_tokens: int | None = None
    audio_input_tokens: int | None = None
    cache_read_audio_tokens: int | None = None
    image_input_tokens: int | None = None
    text_output_tokens: int | None = None  # reasoning included
    audio_output_tokens: int | None = None
    image_output_tokens: int | None = None
    reasoning_tokens: int | None = None  # informational, inside text_output_tokens
    units: dict[str, int] | None = (
        None  # billed by the piece: web_search, search_unit, page, image, audio_ms, character
    )

    @property
    def input_tokens(self) -> int | None:
        """All input tokens, cached ones included; None when no input counter is known."""
        return _total(
            (
                self.uncached_input_tokens,
                self.cache_read_tokens,
                self.cache_write_5m_tokens,
                self.cache_write_1h_tokens,
                self.audio_input_tokens,
                self.cache_read_audio_tokens,
                self.image_input_tokens,
            )
        )

    @property
    def output_tokens(self) -> int | None:
        """All output tokens, reasoning included; None when no output counter is known."""
        return _total((self.text_output_tokens, self.audio_output_tokens, self.image_output_tokens))

    @property
    def is_empty(self) -> bool:
        """Whether nothing at all is known."""
        counts = msgspec.structs.astuple(self)
        return counts.count(None) == len(counts)

    def __add__(self, other: Self) -> Self:
        """Add counter by counter; unknown plus known is the known one."""
        total: dict[str, Any] = {name: _plus(getattr(self, name), getattr(other, name)) for name in COUNTERS}
        return type(self)(**total, units=_plus_units(self.units, other.units))


INPUT_COUNTERS = (
    "uncached_input_tokens",
    "cache_read_tokens",
    "cache_write_5m_tokens",
    "cache_write_1h_tokens",
    "audio_input_tokens",
    "cache_read_audio_tokens",
    "image_input_tokens",
)
OUTPUT_COUNTERS = ("text_output_tokens", "audio_output_tokens", "image_output_tokens")
COUNTERS = (*INPUT_COUNTERS, *OUTPUT_COUNTERS, "reasoning_tokens")


def _total(counts: tuple[int | None, ...]) -> int | None:
    total = sum(filter(None, counts))
    return total if total or counts.count(None) < len(counts) else None


def _plus(a: int | None, b: int | None) -> int | None:
    if a is None:
        return b
    return a if b is None else a + b


def _plus_units(a: Mapping[str, int] | None, b: Mapping[str, int] | None) -> dict[str, int] | None:
    if not a and not b:
        return None
    a, b = a or {}, b or {}
    return {name: a.get(name, 0) + b.get(name, 0) for name in {**a, **b}}
