"""Totals with subsets become counters that do not overlap and still add up."""

from hypothesis import given
from hypothesis import strategies as st

from taximeter.providers.counters import split_input, split_output, usage_of

COUNTS = st.none() | st.integers(0, 1000)


def test_subsets_are_taken_out_of_the_total() -> None:
    """Each token is in one counter."""
    usage = usage_of(split_input(100, cache_read=40, cache_write_5m=10, audio=20, image=5))
    assert usage.uncached_input_tokens == 25
    assert usage.input_tokens == 100


def test_more_cached_than_there_is_is_cut() -> None:
    """The total is what is billed; a provider's slip in a subset does not make tokens."""
    usage = usage_of(split_input(7, cache_read=161))
    assert (usage.cache_read_tokens, usage.uncached_input_tokens) == (7, 0)


def test_text_is_taken_to_be_cached_before_audio() -> None:
    """Where the cached audio is not told apart, only what does not fit into the text is audio."""
    usage = usage_of(split_input(100, cache_read=64, audio=80))
    assert (usage.cache_read_tokens, usage.cache_read_audio_tokens, usage.audio_input_tokens) == (20, 44, 36)


def test_unknown_stays_unknown() -> None:
    """Without a total nothing is known, and zero units are not kept."""
    usage = usage_of(split_input(None, cache_read=3), split_output(None, audio=1), units={"web_search": 0})
    assert usage.is_empty


SUBSETS = ("cache_read", "cache_write_5m", "cache_write_1h", "audio", "cached_audio", "image")


@given(st.integers(0, 1000), st.fixed_dictionaries(dict.fromkeys(SUBSETS, COUNTS)))
def test_the_counters_always_add_up_to_the_total(total: int, subsets: dict[str, int | None]) -> None:
    """Whatever the subsets claim, no token is lost, invented or negative."""
    counters = split_input(total, **subsets)
    assert usage_of(counters).input_tokens == total
    assert all(count is None or count >= 0 for count in counters)
    outputs = split_output(total, audio=subsets["audio"], image=subsets["image"])
    assert usage_of(counters, outputs).output_tokens == total
