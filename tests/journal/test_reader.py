"""Reading: everything sound is read, in order, and what is missing is counted exactly."""

from pathlib import Path
from random import Random

import pytest

from journal_samples import event_offsets, line, lines, read_all, segment_paths, writer_in
from taximeter.journal.cursor import Position
from taximeter.journal.folder import Folder
from taximeter.journal.reader import read_passage
from taximeter.journal.recovery import verify
from taximeter.journal.segment import segments_of


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path / "journal")


def written(folder: Folder, count: int, **options: int) -> bytes:
    """Write events into one segment, end it, and return its bytes."""
    writer = writer_in(folder, **options)
    for n in range(count):
        writer.append([line(n)])
    writer.close()
    return segment_paths(folder.path)[0].read_bytes()


def test_truncation_at_every_byte_costs_what_was_cut(folder: Folder) -> None:
    """Cut anywhere in the last two frames, all frames before the cut are read, and nothing else."""
    data = written(folder, 6)
    path = segment_paths(folder.path)[0]
    ends = [end for _, end in event_offsets(data)]
    for cut in range(ends[3], len(data) + 1):
        path.write_bytes(data[:cut])
        whole = sum(end <= cut for end in ends)
        assert read_all(folder) == (lines(whole), 0), cut


def test_truncation_of_a_segment_in_the_middle_is_counted(folder: Folder) -> None:
    """Where another segment follows, its first number tells how many events are gone."""
    writer = writer_in(folder, segment_bytes=400)
    for n in range(30):
        writer.append([line(n)])
    writer.close()
    path = segment_paths(folder.path)[1]
    data = path.read_bytes()
    offsets = event_offsets(data)
    for cut in range(offsets[-2][0], len(data)):
        path.write_bytes(data[:cut])
        gone = sum(end > cut for _, end in offsets)
        found, missing = read_all(folder)
        assert (len(found), missing) == (30 - gone, gone), cut


def test_random_bit_flips_cost_their_frames(folder: Folder) -> None:
    """Five hundred rounds of one to five flips: nothing altered, nothing invented, the missing ones counted."""
    data = written(folder, 20)
    path = segment_paths(folder.path)[0]
    offsets = event_offsets(data)
    random = Random(4)
    for _ in range(500):
        broken = bytearray(data)
        bits = [random.randrange(len(data) * 8) for _ in range(random.randint(1, 5))]
        for bit in bits:
            broken[bit // 8] ^= 1 << bit % 8
        path.write_bytes(broken)
        hit = {n for n, (start, end) in enumerate(offsets) if broken[start:end] != data[start:end]}
        found, missing = read_all(folder)
        assert found == [line(n) for n in range(20) if n not in hit]
        trailing = next((n for n in range(20) if 19 - n not in hit), 20)
        assert missing == len(hit) - trailing  # nothing follows that could tell of the last ones


@pytest.mark.parametrize("tail", [bytes(3000), Random(1).randbytes(3000)], ids=["zeros", "noise"])
def test_a_tail_of_garbage_is_stepped_over(folder: Folder, tail: bytes) -> None:
    """All events before it are there, and those of the next segment too."""
    writer = writer_in(folder, segment_bytes=400)
    for n in range(30):
        writer.append([line(n)])
    writer.close()
    path = segment_paths(folder.path)[1]
    path.write_bytes(path.read_bytes() + tail)
    assert read_all(folder) == (lines(30), 0)


@pytest.mark.parametrize("victim", [0, 1, -2])
def test_a_missing_segment_is_counted(folder: Folder, victim: int) -> None:
    """Everything else is read, and the gap in the numbers is the loss."""
    writer = writer_in(folder, segment_bytes=400)
    for n in range(30):
        writer.append([line(n)])
    writer.close()
    path = segment_paths(folder.path)[victim]
    gone = len(event_offsets(path.read_bytes()))
    path.unlink()
    found, missing = read_all(folder)
    assert (len(found), missing) == (30 - gone, gone)


def test_a_segment_replaced_by_a_link_is_not_followed(folder: Folder, tmp_path: Path) -> None:
    """A planted link costs its segment, and what it points to is not read."""
    writer = writer_in(folder, segment_bytes=400)
    for n in range(30):
        writer.append([line(n)])
    path = segment_paths(folder.path)[1]
    gone = len(event_offsets(path.read_bytes()))
    path.rename(tmp_path / "elsewhere")
    path.symlink_to(tmp_path / "elsewhere")
    found, missing = read_all(folder)
    assert (len(found), missing) == (30 - gone, gone)


def test_an_event_longer_than_a_piece_is_read(folder: Folder) -> None:
    """Reading goes in pieces, and takes a longer one where it must."""
    writer = writer_in(folder, segment_bytes=1 << 22)
    events = [line(0), line(1, 1_500_000), line(2), line(3, 700_000)]
    for event in events:
        writer.append([event])
    assert read_all(folder) == (events, 0)


def test_damage_longer_than_a_piece_is_stepped_over(folder: Folder) -> None:
    """A megabyte of zeros in the middle of a segment hides none of what follows."""
    writer = writer_in(folder, segment_bytes=1 << 23)
    for n in range(5):
        writer.append([line(n, 800_000)])
    path = segment_paths(folder.path)[0]
    data = bytearray(path.read_bytes())
    (start, _), (_, end) = event_offsets(bytes(data))[1:3]
    data[start:end] = bytes(end - start)
    with path.open("r+b") as file:
        file.write(data)
    assert read_all(folder) == ([line(n, 800_000) for n in (0, 3, 4)], 2)


def test_what_is_being_written_is_waited_for(folder: Folder) -> None:
    """While its writer lives, an unfinished frame at the end is no damage."""
    writer = writer_in(folder)
    writer.append(lines(2))
    path = segment_paths(folder.path)[0]
    whole = path.read_bytes()
    with path.open("r+b") as file:
        file.truncate(len(whole) - 3)
    name, numbers = next(iter(segments_of(folder).items()))
    passage = read_passage(folder, name, numbers, Position(), max_events=10)
    assert passage is not None
    assert (passage.lines, passage.damaged) == (lines(1), None)
    assert read_passage(folder, name, numbers, passage.end, max_events=10) is None
    assert verify(folder).is_sound
    path.write_bytes(whole)
    rest = read_passage(folder, name, numbers, passage.end, max_events=10)
    assert rest is not None
    assert rest.lines == lines(1, 1)


def test_frames_written_twice_are_read_once(folder: Folder) -> None:
    """After a disk error a writer repeats its events in a new segment; their numbers tell."""
    data = written(folder, 5)
    path = segment_paths(folder.path)[0]
    path.with_name(path.name.replace("-000001", "-000002")).write_bytes(data)
    assert read_all(folder) == (lines(5), 0)


def test_reading_stops_at_the_number_asked_for(folder: Folder) -> None:
    """And goes on from the position it returned."""
    written(folder, 5)
    name, numbers = next(iter(segments_of(folder).items()))
    position, got = Position(), []
    while passage := read_passage(folder, name, numbers, position, max_events=2):
        assert len(passage.lines) <= 2
        got += passage.lines
        position = passage.end
    assert got == lines(5)
