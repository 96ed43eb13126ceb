"""Frames: what is written can be read, and what is damaged costs itself and nothing else."""

import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from journal_samples import line, lines
from taximeter.journal.frame import HEAD_BYTES, MAX_PAYLOAD_BYTES, Frame, Kind, frame, scan

PAYLOADS = st.lists(st.text(max_size=60).map(str.encode), max_size=12)


def written(payloads: list[bytes]) -> list[bytes]:
    return [frame(Kind.EVENT, n, payload) for n, payload in enumerate(payloads)]


@given(PAYLOADS)
def test_what_is_written_is_read(payloads: list[bytes]) -> None:
    """Every frame comes back with its kind, its number and its payload."""
    data = b"".join(written(payloads))
    found = scan(data, whole=True, max_frames=100)
    assert found.frames == [Frame(Kind.EVENT, n, payload) for n, payload in enumerate(payloads)]
    assert (found.damage, found.end) == ([], len(data))


@given(PAYLOADS.filter(bool), st.data())
def test_any_cut_leaves_the_frames_before_it(payloads: list[bytes], draw: st.DataObject) -> None:
    """Whole frames are read; the rest waits where more may come, and is damage where nothing will."""
    frames = written(payloads)
    data = b"".join(frames)
    cut = draw.draw(st.integers(0, len(data)))
    whole_frames = [n for n in range(len(frames)) if len(b"".join(frames[: n + 1])) <= cut]
    end = len(b"".join(frames[: len(whole_frames)]))
    waiting = scan(data[:cut], whole=False, max_frames=100)
    assert [found.sequence for found in waiting.frames] == whole_frames
    assert (waiting.damage, waiting.end) == ([], end)
    over = scan(data[:cut], whole=True, max_frames=100)
    assert over.damage == ([(end, cut)] if cut > end else [])


@given(PAYLOADS.filter(bool), st.data())
def test_a_flipped_bit_costs_one_frame(payloads: list[bytes], draw: st.DataObject) -> None:
    """The frame with the flipped bit is damage, all others are read unaltered."""
    frames = written(payloads)
    victim = draw.draw(st.integers(0, len(frames) - 1))
    bit = draw.draw(st.integers(0, len(frames[victim]) * 8 - 1))
    broken = bytearray(frames[victim])
    broken[bit // 8] ^= 1 << bit % 8
    found = scan(b"".join([*frames[:victim], broken, *frames[victim + 1 :]]), whole=True, max_frames=100)
    expected = [Frame(Kind.EVENT, n, payload) for n, payload in enumerate(payloads) if n != victim]
    assert found.frames == expected
    assert [end - start for start, end in found.damage] == [len(broken)]


@given(PAYLOADS, st.binary(max_size=300))
def test_noise_invents_no_frame(payloads: list[bytes], noise: bytes) -> None:
    """What follows the frames is damage, whatever it is."""
    data = b"".join(written(payloads))
    found = scan(data + noise, whole=True, max_frames=1000)
    assert [each.payload for each in found.frames] == payloads
    assert found.damage == ([(len(data), len(data) + len(noise))] if noise else [])


@pytest.mark.parametrize(
    "tail", [bytes(4096), b"\xff" * 4096, b"\xffTX" * 500], ids=["zeros", "ones", "marks"]
)
def test_a_tail_of_garbage_is_one_piece_of_damage(tail: bytes) -> None:
    """What a file system leaves behind after a power cut is stepped over."""
    data = frame(Kind.EVENT, 0, line(0))
    assert scan(data + tail, whole=True, max_frames=10).damage == [(len(data), len(data) + len(tail))]


def test_a_scan_stops_where_it_is_told_to() -> None:
    """The rest is not touched."""
    frames = written(lines(5))
    found = scan(b"".join(frames), whole=True, max_frames=2)
    assert (len(found.frames), found.end) == (2, len(b"".join(frames[:2])))


def test_a_kind_of_a_newer_version_is_set_apart() -> None:
    """What cannot be understood is neither an event nor the end."""
    strange = bytearray(frame(Kind.EVENT, 0, b"{}"))
    assert scan(bytes(strange), whole=True, max_frames=1).frames
    strange[3] = 200
    checksum = zlib.crc32(b"{}", zlib.crc32(strange[: HEAD_BYTES - 4]))
    strange[HEAD_BYTES - 4 : HEAD_BYTES] = checksum.to_bytes(4, "little")
    found = scan(bytes(strange) + frame(Kind.EVENT, 1, line(1)), whole=True, max_frames=10)
    assert [each.sequence for each in found.frames] == [1]
    assert found.damage == [(0, len(strange))]


def test_a_payload_that_no_reader_would_take_is_refused() -> None:
    """The bound is the same on both sides."""
    with pytest.raises(ValueError, match="at most"):
        frame(Kind.EVENT, 0, bytes(MAX_PAYLOAD_BYTES + 1))
