"""Pieces: what some chat hosts bill beside tokens, as their usage counts it.

Documented (2026-11) at docs.perplexity.ai/getting-started/pricing (deep research: citations and searches; the others:
a fee by the size of the search context), docs.mistral.ai/capabilities/audio (`prompt_audio_seconds`).
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from taximeter.providers.facts import Facts
from taximeter.providers.values import as_text, count_of

BILLERS = frozenset({"mistral", "perplexity"})


def note_pieces(facts: Facts, raw: Mapping[str, Any]) -> None:
    """Add to the facts of one of the billers what its raw usage counts beside tokens."""
    if facts.usage is None:
        return
    if size := as_text(raw.get("search_context_size")):
        facts.price_context = {**(facts.price_context or {}), "search_context_size": size}
    pieces = {
        "audio_ms": 1000 * (count_of(raw, "prompt_audio_seconds") or 0),
        **(_researched(raw) if "citation_tokens" in raw else {}),
    }
    if counted := {name: count for name, count in pieces.items() if count}:
        facts.usage = msgspec.structs.replace(facts.usage, units=counted)


def _researched(raw: Mapping[str, Any]) -> dict[str, int]:
    """Return what deep research bills; other models count their searches too, but have a fee for the call."""
    return {
        "citation_token": count_of(raw, "citation_tokens") or 0,
        "web_search": count_of(raw, "num_search_queries") or 0,
    }
