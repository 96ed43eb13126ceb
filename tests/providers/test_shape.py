"""Counts are read at once where they are counts, and one by one where a server sent something else."""

from types import MappingProxyType
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from taximeter.providers.shape import Count, shaped
from taximeter.providers.values import as_count


class _Details(msgspec.Struct):
    cached_tokens: Count = None


class _Counts(msgspec.Struct, rename="camel"):
    input_tokens: Count = None
    output_tokens: Count = None
    details: _Details | None = None


def test_counts_are_read_by_their_names_on_the_wire() -> None:
    """Fields that the shape does not name are passed over."""
    values = {"inputTokens": 3, "details": {"cached_tokens": 2, "more": [1]}, "more": "text"}
    assert shaped(values, _Counts) == _Counts(input_tokens=3, details=_Details(cached_tokens=2))


def test_one_odd_value_spoils_no_other() -> None:
    """A count that is none is unknown; what stands beside it is known."""
    values = {"inputTokens": -3, "outputTokens": "7", "details": {"cached_tokens": 2.0}}
    assert shaped(values, _Counts) == _Counts(output_tokens=7, details=_Details(cached_tokens=2))
    assert shaped({"inputTokens": 3, "details": [1]}, _Counts) == _Counts(input_tokens=3)


def test_any_mapping_will_do() -> None:
    """An SDK's read-only view is read like a dict."""
    assert shaped(MappingProxyType({"inputTokens": 3}), _Counts).input_tokens == 3


@pytest.mark.parametrize("odd", [True, 10**13, 10**30, float("nan"), float("inf"), "", [], {}, object()])
def test_what_is_no_count_is_unknown(odd: Any) -> None:
    """Nothing that a server or a caller puts there raises."""
    values: dict[Any, Any] = {"inputTokens": odd, "outputTokens": 1, 3: 4}
    assert shaped(values, _Counts) == _Counts(output_tokens=1)


@given(st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=25))
def test_both_ways_read_a_count_alike(value: Any) -> None:
    """What one conversion reads is what looking at the value alone gives."""
    assert shaped({"inputTokens": value}, _Counts).input_tokens == as_count(value)
