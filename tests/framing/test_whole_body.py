"""A whole body is one document, known at its end."""

from taximeter.framing import BinaryBody, WholeBody
from taximeter.framing.document import TAIL_BYTES


def test_nothing_is_known_before_the_end() -> None:
    """The chunks are joined when the body has ended."""
    framing = WholeBody()
    assert [*framing.feed(b'{"a"'), *framing.feed(b":1}")] == []
    assert list(framing.finish()) == [(b"", b'{"a":1}')]
    assert list(framing.finish()) == []


def test_an_over_long_body_is_counted_and_its_end_kept() -> None:
    """Memory is bounded; the last bytes remain, however they came."""
    body = b"x" * 100_000 + b"the end"
    for size in (1000, 99_999, len(body)):
        framing = WholeBody(limit_bytes=50_000)
        for start in range(0, len(body), size):
            framing.feed(body[start : start + size])
        assert framing._parts == []
        assert framing.tail == body[-TAIL_BYTES:]
        assert (list(framing.finish()), framing.unparsed) == ([], 1)


def test_binary_bodies_are_not_kept() -> None:
    """Audio holds no documents."""
    framing = BinaryBody()
    assert [*framing.feed(b"ID3" * 1000), *framing.finish()] == []
    assert framing.unparsed == 0
