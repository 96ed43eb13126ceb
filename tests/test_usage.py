"""Usage: disjoint counters that add."""

from hypothesis import given
from hypothesis import strategies as st

from taximeter.usage import COUNTERS, INPUT_COUNTERS, Usage

COUNT = st.none() | st.integers(0, 10**12)
USAGES = st.builds(
    Usage,
    **dict.fromkeys(COUNTERS, COUNT),
    units=st.none() | st.dictionaries(st.sampled_from(["web_search", "page"]), st.integers(0, 9), min_size=1),
)


@given(USAGES, USAGES)
def test_two_usages_add(a: Usage, b: Usage) -> None:
    """What two calls took together is the sum of what each took, unknown counting as nothing."""
    total = a + b
    assert (total.input_tokens or 0) == (a.input_tokens or 0) + (b.input_tokens or 0)
    assert (total.output_tokens or 0) == (a.output_tokens or 0) + (b.output_tokens or 0)
    assert total == b + a


@given(USAGES, USAGES, USAGES)
def test_order_does_not_matter(a: Usage, b: Usage, c: Usage) -> None:
    """Adding is associative, so totals may be made anywhere."""
    assert (a + b) + c == a + (b + c)


@given(USAGES)
def test_unknown_is_not_zero(usage: Usage) -> None:
    """A total is None only when none of its counters is known."""
    unknown = all(getattr(usage, name) is None for name in INPUT_COUNTERS)
    assert (usage.input_tokens is None) == unknown


@given(USAGES)
def test_nothing_is_the_neutral_usage(usage: Usage) -> None:
    """Adding an empty usage changes nothing."""
    assert usage + Usage() == usage
    assert Usage().is_empty


def test_reasoning_is_inside_the_output() -> None:
    """Reasoning tokens are told apart but not counted twice."""
    assert Usage(text_output_tokens=10, reasoning_tokens=8).output_tokens == 10
