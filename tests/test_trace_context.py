"""W3C's headers are read strictly, written within bounds, and come back as they went."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from taximeter.identifier import new_span_id, new_trace_id
from taximeter.trace_context import (
    BAGGAGE_LIMIT_BYTES,
    BAGGAGE_LIMIT_MEMBERS,
    SpanContext,
    read_baggage,
    read_traceparent,
    write_baggage,
    write_traceparent,
)

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
KEYS = st.text("abcXYZ019._-~!#$%&'*+^`|", min_size=1, max_size=20)


def test_a_traceparent_is_read() -> None:
    """Trace, span and flags, with the white space that headers may have around them."""
    assert read_traceparent(f" 00-{TRACE}-{SPAN}-00\t") == SpanContext(TRACE, SPAN, "00")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "00",
        f"00-{TRACE}-{SPAN}",
        f"00-{TRACE}-{SPAN}-01-extra",
        f"00-{TRACE}-{SPAN}-01-",
        f"ff-{TRACE}-{SPAN}-01",
        f"00-{TRACE.upper()}-{SPAN}-01",
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE[:-1]}-{SPAN}-01",
        f"0-{TRACE}-{SPAN}-01",
        f"00-{TRACE}-{SPAN}-1",
        f"cc-{TRACE}-{SPAN}-01.what",
        f"00-{TRACE}-{SPAN}-01\n",
        f"00-{TRACE}-{SPAN}-\uff11\uff11",
    ],
)
def test_a_malformed_traceparent_is_none(text: str) -> None:
    """Whatever the standard calls invalid says nothing."""
    assert read_traceparent(text) is None


def test_a_later_version_may_say_more() -> None:
    """Of a version to come the known part is read, as the standard asks."""
    assert read_traceparent(f"cc-{TRACE}-{SPAN}-01-what-the-future-brings") == SpanContext(TRACE, SPAN)


@given(st.binary(max_size=1).map(lambda flags: f"{int.from_bytes(flags):02x}"))
def test_a_traceparent_comes_back(flags: str) -> None:
    """What is written is read as the same."""
    span = SpanContext(new_trace_id(), new_span_id(), flags)
    text = write_traceparent(span)
    assert text is not None
    assert read_traceparent(text) == span


@pytest.mark.parametrize("trace", ["", "trace-7", "0" * 32, TRACE.upper()])
def test_ids_of_another_kind_are_not_written(trace: str) -> None:
    """A trace id that an application made up itself is no header."""
    assert write_traceparent(SpanContext(trace, SPAN)) is None


@given(st.dictionaries(KEYS, TEXTS, max_size=20))
def test_baggage_comes_back(members: dict[str, str]) -> None:
    """Any text survives the way through a header, which holds nothing but printable ASCII."""
    header = write_baggage(members)
    assert header.isascii()
    assert header.isprintable()
    assert read_baggage(header) == members


@given(st.dictionaries(KEYS, st.text(max_size=3000), max_size=100))
def test_baggage_is_bounded(members: dict[str, str]) -> None:
    """Never more than the standard allows, whatever is asked for, lone surrogates included."""
    header = write_baggage(members)
    assert len(header) <= BAGGAGE_LIMIT_BYTES
    assert header.count(",") < BAGGAGE_LIMIT_MEMBERS


@given(st.text(max_size=200))
def test_any_text_is_read_without_an_error(text: str) -> None:
    """Headers come from strangers."""
    read_traceparent(text)
    read_baggage(text)


def test_only_wellformed_members_are_read() -> None:
    """Properties are left out, a member without a value or with forbidden characters is passed over."""
    header = 'a=1;p=2;q , b = x%20y ,c,=d, e f=1,g="1",h=\\,a=3,i=%E4'
    assert read_baggage(header) == {"a": "3", "b": "x y", "i": "\ufffd"}


def test_baggage_beyond_the_bound_is_cut_between_members() -> None:
    """What is too long says what its beginning says."""
    header = ",".join(f"k{n}=v" for n in range(5000))
    read = read_baggage(header)
    assert 0 < len(read) < 5000
    assert set(read.values()) == {"v"}


def test_keys_that_are_no_tokens_are_left_out() -> None:
    """They could not be read back."""
    assert write_baggage({"a b": "1", "": "2", "c": "3"}) == "c=3"
