"""Counters: from totals with subsets, as most providers report them, to the disjoint counters of `Usage`."""

from taximeter.usage import Usage

Inputs = tuple[int | None, int | None, int | None, int | None, int | None, int | None, int | None]
"""The input counters in the order of `Usage`."""

Outputs = tuple[int | None, int | None, int | None, int | None]
"""The output counters in the order of `Usage`, reasoning last."""

_NO_INPUTS: Inputs = (None,) * 7
_NO_OUTPUTS: Outputs = (None,) * 4
_NO_UNITS: dict[str, int] = {}


def split_input(
    total: int | None,
    *,
    cache_read: int | None = None,
    cache_write_5m: int | None = None,
    cache_write_1h: int | None = None,
    audio: int | None = None,
    cached_audio: int | None = None,
    image: int | None = None,
) -> Inputs:
    """Return the input counters of a *total* that all the other numbers are part of.

    They always add up to the total: providers now and then report more cached tokens than tokens, and the total is
    what they bill. Where cached audio is not told apart, text is taken to be cached first.
    """
    if total is None:
        return _NO_INPUTS
    if cache_write_5m or cache_write_1h or audio or cached_audio or image:
        cached_audio, left = _taken(_cached_audio(total, cache_read, audio, cached_audio), total)
        if cached_audio is not None:
            cache_read = max(0, (cache_read or 0) - cached_audio)
            audio = None if audio is None else max(0, audio - cached_audio)
        cache_read, left = _taken(cache_read, left)
        cache_write_1h, left = _taken(cache_write_1h, left)
        cache_write_5m, left = _taken(cache_write_5m, left)
        audio, left = _taken(audio, left)
        image, left = _taken(image, left)
    else:  # as in most calls
        cache_read, left = _taken(cache_read, total)
    return left, cache_read, cache_write_5m, cache_write_1h, audio, cached_audio, image


def split_output(
    total: int | None, *, reasoning: int | None = None, audio: int | None = None, image: int | None = None
) -> Outputs:
    """Return the output counters of a *total* that all the other numbers are part of."""
    if total is None:
        return _NO_OUTPUTS
    left = total
    if audio or image:
        audio, left = _taken(audio, total)
        image, left = _taken(image, left)
    return left, audio, image, reasoning


def usage_of(inputs: Inputs, outputs: Outputs = _NO_OUTPUTS, units: dict[str, int] = _NO_UNITS) -> Usage:
    """Return the counters as one usage; those that nobody named are unknown."""
    return Usage(*inputs, *outputs, billed(units) if units else None)


def billed(units: dict[str, int]) -> dict[str, int] | None:
    """Return what of *units* there is, None when there is nothing."""
    return {name: count for name, count in units.items() if count} or None


def _cached_audio(
    total: int, cache_read: int | None, audio: int | None, cached_audio: int | None
) -> int | None:
    """Return how much audio was cached: as told, else what of the cached tokens cannot have been text."""
    if cached_audio is not None or audio is None or cache_read is None:
        return cached_audio
    text = total - min(audio, total)
    return min(audio, max(0, cache_read - text)) or None


def _taken(part: int | None, left: int) -> tuple[int | None, int]:
    if part is None:
        return None, left
    part = min(part, left)
    return part, left - part
