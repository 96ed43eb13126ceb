"""JSON lines are one document a line."""

from hypothesis import given
from hypothesis import strategies as st

from taximeter.framing import JsonLines
from wire_samples import FOLDER, documents, pieces

STREAM = (FOLDER / "ollama.chat.ndjson").read_bytes()


def test_blank_lines_are_no_documents() -> None:
    """A heartbeat newline adds nothing, and a last line needs no end."""
    assert documents(JsonLines(), [b'{"a":1}\n\n  \r\n{"b":2}']) == [(b"", b'{"a":1}'), (b"", b'{"b":2}')]


def test_an_over_long_line_is_counted() -> None:
    """The line is passed over, the others are read."""
    framing = JsonLines(limit_bytes=5)
    assert documents(framing, [b"123", b"456\n7\n"]) == [(b"", b"7")]
    assert framing.unparsed == 1


@given(st.lists(st.integers(0, 10**6), max_size=12))
def test_any_split_gives_the_same_lines(cuts: list[int]) -> None:
    """Chunks may end anywhere."""
    assert documents(JsonLines(), pieces(STREAM, cuts)) == documents(JsonLines(), [STREAM])
