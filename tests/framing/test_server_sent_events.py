"""Server-sent events are cut by the WHATWG's rules, whatever the chunking."""

from hypothesis import given
from hypothesis import strategies as st

from taximeter.framing import ServerSentEvents
from wire_samples import FOLDER, documents, pieces

STREAM = (FOLDER / "anthropic.messages.sse").read_bytes()


def events(*parts: bytes, limit_bytes: int = 1000) -> list[tuple[bytes, bytes]]:
    return documents(ServerSentEvents(limit_bytes), list(parts))


def test_each_blank_line_ends_an_event() -> None:
    """An event is its name and its data, and the next one starts afresh."""
    assert events(b"event: a\ndata: 1\n\ndata: 2\n\n") == [(b"a", b"1"), (b"", b"2")]


def test_all_three_line_ends_mean_the_same() -> None:
    """LF, CRLF and CR may even be mixed."""
    for end in (b"\n", b"\r\n", b"\r"):
        assert events(b"data: 1" + end + b"data: 2" + end + end) == [(b"", b"1\n2")]
    assert events(b"data: 1\r\ndata: 2\r\n\rdata: 3\n\r") == [(b"", b"1\n2"), (b"", b"3")]


def test_a_line_end_cut_in_two_is_one() -> None:
    """CR at the end of a chunk and LF at the start of the next are one line end, not a blank line."""
    assert events(b"data: 1\r", b"\ndata: 2\r\n\r", b"\n") == [(b"", b"1\n2")]


def test_comments_and_other_fields_say_nothing() -> None:
    """Keep-alive comments, ids, retries and unknown fields make no event."""
    assert events(b": ping\n\nid: 7\nretry: 10\nfoo: bar\ndata: x\n\n:\n\n") == [(b"", b"x")]


def test_one_space_after_the_colon_is_no_content() -> None:
    """Only the first space is dropped, and a field without a colon has an empty value."""
    assert events(b"data:a\n\n", b"data:  b\n\n", b"data\n\n") == [(b"", b"a"), (b"", b" b"), (b"", b"")]


def test_a_byte_order_mark_is_passed_over_once() -> None:
    """At the stream's start it is no part of the first field's name; later it is."""
    assert events(b"\xef\xbb", b"\xbfdata: 1\n\n\xef\xbb\xbfdata: 2\n\n") == [(b"", b"1")]


def test_a_last_event_without_its_blank_line_counts() -> None:
    """Servers that forget the final blank line lose nothing."""
    assert events(b"data: 1\n\ndata: [DONE]") == [(b"", b"1"), (b"", b"[DONE]")]


def test_an_over_long_event_is_counted_and_passed_over() -> None:
    """Neither a long line nor many lines are kept, and the next event is read as ever."""
    body = b"data: 12345678901\n\ndata: 12345\ndata: 678901\n\ndata: 3\n\n"
    for parts in ([body], body.splitlines(keepends=True), [bytes([byte]) for byte in body]):
        framing = ServerSentEvents(limit_bytes=10)
        assert documents(framing, parts) == [(b"", b"3")]
        assert framing.unparsed == 2


@given(st.lists(st.integers(0, 10**6), max_size=12))
def test_any_split_gives_the_same_events(cuts: list[int]) -> None:
    """Chunks may end anywhere."""
    assert events(*pieces(STREAM, cuts)) == events(STREAM)


@given(
    st.lists(st.sampled_from([b"\r", b"\n", b"data: x", b"event: e", b":", b"\xef\xbb\xbf", b" ", b"data"]))
)
def test_any_lines_split_anywhere_give_the_same_events(parts: list[bytes]) -> None:
    """Each piece on its own, each byte on its own, and all at once agree."""
    body = b"".join(parts)
    assert events(*parts) == events(body) == events(*(bytes([byte]) for byte in body))
