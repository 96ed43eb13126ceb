"""Usage texts come back letter by letter."""

import sqlite3
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from taximeter.sinks.usage_text import MAX_NUMBERS, UsageSplitter, joined_usage

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(st.characters(exclude_categories=["Cs"]))
)
USAGES = st.recursive(
    SCALARS, lambda inner: st.lists(inner) | st.dictionaries(st.text('ab1,:%s"', max_size=5), inner)
)


def joined(shape: str | None, values: str) -> Any:
    connection = sqlite3.connect(":memory:")
    query = f"SELECT {joined_usage('shape', 'numbers')} FROM (SELECT ? AS shape, ? AS numbers)"  # noqa: S608 - no input
    (text,) = connection.execute(query, (shape, values)).fetchone()
    connection.close()
    return text


@given(st.lists(USAGES, min_size=1, max_size=3))
def test_sql_gives_back_what_was_split(usages: list[Any]) -> None:
    """Whatever JSON a provider sends; the second time the shape is known already."""
    splitter = UsageSplitter()
    for usage in (*usages, *usages):
        text = msgspec.json.encode(usage).decode()
        assert joined(*splitter.split(text, 1)) == text


@given(st.text(st.sampled_from('{}[]",:%s0123456789-.eE ab'), min_size=1))
def test_text_that_is_no_usage_comes_back_too(text: str) -> None:
    """The halves are cut out of the text, never read."""
    assert joined(*UsageSplitter().split(text, 1)) == text


def test_usages_that_differ_in_numbers_share_a_shape() -> None:
    """What is kept for each call is its numbers."""
    splitter = UsageSplitter()
    shapes = {
        splitter.split(f'{{"input_tokens":{n},"tier_1h":{{"x":[{n},0]}},"cost":0.5}}', n % 2)
        for n in (7, 10**17)
    }
    assert shapes == {
        ('{"input_tokens":%s,"tier_1h":{"x":[%s,%s]},"cost":0.5}', "7,7,0"),
        ('{"input_tokens":%s,"tier_1h":{"x":[%s,%s]},"cost":0.5}', f"{10**17},{10**17},0"),
    }


@pytest.mark.parametrize(("count", "is_split"), [(MAX_NUMBERS, True), (MAX_NUMBERS + 1, False)])
def test_a_usage_of_very_many_numbers_stays_whole(count: int, *, is_split: bool) -> None:
    """A query has to name each of them."""
    text = msgspec.json.encode(list(range(count))).decode()
    shape, numbers = UsageSplitter().split(text, 1)
    assert (shape is not None) == is_split
    assert joined(shape, numbers) == text
