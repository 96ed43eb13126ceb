"""The elements of a JSON array come out while it arrives."""

import json

from hypothesis import given
from hypothesis import strategies as st

from taximeter.framing import JsonArray
from wire_samples import FOLDER, documents, pieces

STREAM = (FOLDER / "gemini.stream_generate.json").read_bytes()
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(alphabet='ab"\\{}[],\n🚕'),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(alphabet='a"}]\\'), inner, max_size=3)
    ),
    max_leaves=8,
)


def elements(body: bytes, cuts: list[int]) -> list[object]:
    return [json.loads(document) for _, document in documents(JsonArray(), pieces(body, cuts))]


def test_an_element_comes_out_when_it_is_whole() -> None:
    """The array need not have ended."""
    framing = JsonArray()
    assert list(framing.feed(b'[{"a": [1, {"b": "}]"}]}\n,{"c"')) == [(b"", b'{"a": [1, {"b": "}]"}]}')]
    assert list(framing.feed(b": 2}")) == [(b"", b'{"c": 2}')]


def test_brackets_in_texts_are_text() -> None:
    """Quotes, escapes and brackets inside a string end nothing."""
    assert elements(STREAM, []) == json.loads(STREAM)


def test_an_over_long_element_is_counted() -> None:
    """The element is passed over, the next one is read."""
    framing = JsonArray(limit_bytes=8)
    parts = [b'[{"a":"', b"x" * 100, b'"},{"b":1}]']
    assert documents(framing, parts) == [(b"", b'{"b":1}')]
    assert framing.unparsed == 1


@given(st.lists(st.integers(0, 10**6), max_size=12))
def test_any_split_gives_the_same_elements(cuts: list[int]) -> None:
    """Chunks may end anywhere, inside an escape too."""
    assert elements(STREAM, cuts) == json.loads(STREAM)


@given(
    st.lists(st.dictionaries(st.text(alphabet='a"\\'), VALUES, max_size=3), max_size=4),
    st.lists(st.integers(0, 999)),
)
def test_what_goes_in_comes_out(values: list[object], cuts: list[int]) -> None:
    """Any array of objects is cut into exactly its elements."""
    assert elements(json.dumps(values).encode(), cuts) == values


@given(st.binary())
def test_any_bytes_are_survived(body: bytes) -> None:
    """What is no JSON at all raises nothing."""
    documents(JsonArray(), [b"[", body])
