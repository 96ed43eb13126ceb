"""Lines are whole, whatever the chunking, and an over-long one is not kept."""

from taximeter.framing.lines import Lines


def test_a_line_waits_for_its_end() -> None:
    """Nothing comes out before the line end, and the rest comes out at the finish."""
    lines = Lines(100)
    assert list(lines.feed(b"ab")) == []
    assert list(lines.feed(b"c\nd")) == [b"abc"]
    assert lines.finish() == b"d"


def test_an_over_long_line_leaves_a_hole() -> None:
    """None stands where a line longer than the limit was."""
    lines = Lines(4)
    assert [*lines.feed(b"12345"), *lines.feed(b"6\nok\n")] == [None, b"ok"]


def test_an_over_long_line_is_not_held() -> None:
    """Memory stays within the limit while a line without end arrives."""
    lines = Lines(1000)
    for _ in range(1000):
        lines.feed(b"x" * 100)
    assert sum(map(len, lines._parts)) <= 1000
    assert lines.finish() is None
