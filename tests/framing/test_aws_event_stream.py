"""AWS frames are checked by both checksums before anything of them is believed."""

from hypothesis import given
from hypothesis import strategies as st

from taximeter.framing import AwsEventStream
from wire_samples import BUILT, aws_frame, documents, pieces

STREAM = BUILT["bedrock.converse_stream"]
FIRST, SECOND = aws_frame("first", {"n": 1}), aws_frame("second", {"n": 2})


def test_a_document_is_named_after_its_event() -> None:
    """Events, exceptions and errors are told apart by their name."""
    body = FIRST + aws_frame("throttlingException", {"message": "no"}, kind="exception")
    assert documents(AwsEventStream(), [body]) == [
        (b"first", b'{"n": 1}'),
        (b"throttlingException", b'{"message": "no"}'),
    ]


def test_a_damaged_frame_is_passed_over() -> None:
    """A wrong checksum at the end costs that frame only."""
    framing = AwsEventStream()
    damaged = FIRST[:-6] + b"?" + FIRST[-5:]
    assert documents(framing, [damaged + SECOND]) == [(b"second", b'{"n": 2}')]
    assert framing.unparsed == 1


def test_damaged_lengths_end_the_reading() -> None:
    """When the prelude is wrong nothing says where the next frame begins; the rest is not kept."""
    framing = AwsEventStream()
    assert documents(framing, [b"\xff" + FIRST[1:], SECOND]) == []
    assert (framing.unparsed, len(framing._buffer)) == (1, 0)


def test_an_over_long_frame_is_skipped() -> None:
    """It is counted, never kept, and the next frame is read."""
    for parts in (
        [aws_frame("long", "x" * 500) + SECOND],
        pieces(aws_frame("long", "x" * 500) + SECOND, list(range(0, 900, 7))),
    ):
        framing = AwsEventStream(limit_bytes=200)
        assert documents(framing, parts) == [(b"second", b'{"n": 2}')]
        assert framing.unparsed == 1


def test_a_frame_without_its_end_is_no_document() -> None:
    """A cut stream gives what was whole."""
    assert documents(AwsEventStream(), [FIRST + SECOND[:-1]]) == [(b"first", b'{"n": 1}')]


@given(st.lists(st.integers(0, 10**6), max_size=12))
def test_any_split_gives_the_same_frames(cuts: list[int]) -> None:
    """Chunks may end anywhere."""
    assert documents(AwsEventStream(), pieces(STREAM, cuts)) == documents(AwsEventStream(), [STREAM])


@given(st.integers(0, len(FIRST) - 1), st.integers(1, 255))
def test_no_changed_byte_goes_unseen(place: int, change: int) -> None:
    """Any single damaged byte is caught: the frame is gone, and nothing is invented."""
    damaged = bytearray(FIRST)
    damaged[place] ^= change
    assert documents(AwsEventStream(), [bytes(damaged)]) == []


@given(st.binary())
def test_any_bytes_are_survived(body: bytes) -> None:
    """What is no frame at all raises nothing."""
    documents(AwsEventStream(), [body])


def test_long_headers_are_read_too() -> None:
    """Only the short headers that every frame has are remembered; longer ones are read each time."""
    name = "x" * 300
    for _ in range(2):
        assert AwsEventStream().feed(aws_frame(name, {})) == [(name.encode(), b"{}")]
