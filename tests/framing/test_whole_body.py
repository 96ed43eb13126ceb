"""A whole body is one document, known at its end."""

from taximeter.framing import BinaryBody, WholeBody


def test_nothing_is_known_before_the_end() -> None:
    """The chunks are joined when the body has ended."""
    framing = WholeBody()
    assert [*framing.feed(b'{"a"'), *framing.feed(b":1}")] == []
    assert list(framing.finish()) == [(b"", b'{"a":1}')]
    assert list(framing.finish()) == []


def test_an_over_long_body_is_dropped_and_counted() -> None:
    """Memory is bounded; what was held goes with what is too much."""
    framing = WholeBody(limit_bytes=5)
    framing.feed(b"1234")
    framing.feed(b"56")
    assert framing._parts == []
    assert (list(framing.finish()), framing.unparsed) == ([], 1)


def test_binary_bodies_are_not_kept() -> None:
    """Audio holds no documents."""
    framing = BinaryBody()
    assert [*framing.feed(b"ID3" * 1000), *framing.finish()] == []
    assert framing.unparsed == 0
