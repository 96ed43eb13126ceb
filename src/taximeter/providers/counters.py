"""Counters: from totals with subsets, as most providers report them, to the disjoint counters of `Usage`."""

from taximeter.usage import Usage

_UNKNOWN: dict[str, int | None] = {}
_NOTHING: dict[str, int] = {}


def split_input(
    total: int | None,
    *,
    cache_read: int | None = None,
    cache_write_5m: int | None = None,
    cache_write_1h: int | None = None,
    audio: int | None = None,
    cached_audio: int | None = None,
    image: int | None = None,
) -> dict[str, int | None]:
    """Return the input counters of a *total* that all the other numbers are part of.

    They always add up to the total: providers now and then report more cached tokens than tokens, and the total is
    what they bill. Where cached audio is not told apart, text is taken to be cached first.
    """
    if total is None:
        return {}
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
    return {
        "uncached_input_tokens": left,
        "cache_read_tokens": cache_read,
        "cache_write_5m_tokens": cache_write_5m,
        "cache_write_1h_tokens": cache_write_1h,
        "audio_input_tokens": audio,
        "cache_read_audio_tokens": cached_audio,
        "image_input_tokens": image,
    }


def split_output(
    total: int | None, *, reasoning: int | None = None, audio: int | None = None, image: int | None = None
) -> dict[str, int | None]:
    """Return the output counters of a *total* that all the other numbers are part of."""
    if total is None:
        return {}
    audio, left = _taken(audio, total)
    image, left = _taken(image, left)
    return {
        "text_output_tokens": left,
        "audio_output_tokens": audio,
        "image_output_tokens": image,
        "reasoning_tokens": reasoning,
    }


def usage_of(
    inputs: dict[str, int | None], outputs: dict[str, int | None] = _UNKNOWN, units: dict[str, int] = _NOTHING
) -> Usage:
    """Return the counters as one usage; those that nobody named are unknown."""
    billed = {name: count for name, count in units.items() if count} if units else None
    return Usage(**inputs, **outputs, units=billed or None)


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
