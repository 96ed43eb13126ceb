"""Recovery: says what is there, cuts what is torn, keeps what it cuts."""

from pathlib import Path

import pytest

from journal_samples import ListWay, carry_all, event_offsets, line, lines, read_all, segment_paths, writer_in
from taximeter.journal.cursor import load_cursor
from taximeter.journal.folder import Folder
from taximeter.journal.recovery import recover, verify


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path / "journal")


def test_a_sound_journal_is_found_sound(folder: Folder) -> None:
    """Every segment with its events, first and last number; nothing is changed by looking."""
    writer = writer_in(folder)
    writer.append(lines(5))
    before = {path: path.read_bytes() for path in folder.path.iterdir()}
    state = verify(folder)
    assert state.is_sound
    (segment,) = state.segments
    assert (segment.events, segment.first, segment.last, segment.is_live) == (5, 0, 4, True)
    assert {path: path.read_bytes() for path in folder.path.iterdir()} == before


def test_a_torn_tail_is_cut_and_kept(folder: Folder) -> None:
    """The sound part stays, the torn bytes go into the quarantine, and the journal is sound then."""
    writer = writer_in(folder)
    writer.append(lines(5))
    writer.close()
    path = segment_paths(folder.path)[0]
    data = path.read_bytes()
    start, _ = event_offsets(data)[-1]
    path.write_bytes(data[:-3])
    state = recover(folder)
    assert state.segments[0].damage == ((start, len(data) - 3),)
    assert path.read_bytes() == data[:start]
    assert [kept.read_bytes() for kept in (folder.path / "quarantine").iterdir()] == [data[start:-3]]
    after = verify(folder)
    assert after.is_sound
    assert after.quarantined == (f"{path.name}@{start}",)
    way = ListWay()
    carry_all(folder, way)
    assert way.lines == lines(4)


def test_damage_in_the_middle_stays_in_place(folder: Folder) -> None:
    """Cursors point behind it; readers step over it, and when the segment is done it is set aside whole."""
    writer = writer_in(folder)
    writer.append(lines(5))
    writer.close()
    path = segment_paths(folder.path)[0]
    data = bytearray(path.read_bytes())
    data[event_offsets(bytes(data))[2][0] + 25] ^= 4
    path.write_bytes(data)
    assert not recover(folder).is_sound
    assert path.read_bytes() == data
    assert read_all(folder) == ([line(n) for n in (0, 1, 3, 4)], 1)


def test_the_tail_of_a_living_writer_is_left_alone(folder: Folder) -> None:
    """What is incomplete there is being written."""
    writer = writer_in(folder)
    writer.append(lines(2))
    path = segment_paths(folder.path)[0]
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size - 3)
    before = path.read_bytes()
    assert recover(folder).is_sound
    assert path.read_bytes() == before


def test_a_damaged_cursor_is_set_aside(folder: Folder) -> None:
    """Its sink begins again with what is there."""
    writer_in(folder).append(lines(1))
    carry_all(folder, ListWay())
    (folder.path / "list.cursor").write_bytes(b"junk")
    assert recover(folder).damaged_cursors == ("list.cursor",)
    assert verify(folder).is_sound
    assert load_cursor(folder, "list").accounts == {}


def test_recovering_twice_changes_nothing_more(folder: Folder) -> None:
    """A recovery that was killed is simply done again."""
    writer = writer_in(folder)
    writer.append(lines(5))
    writer.close()
    path = segment_paths(folder.path)[0]
    path.write_bytes(path.read_bytes()[:-3])
    recover(folder)
    before = {each: each.read_bytes() for each in folder.path.rglob("*") if each.is_file()}
    recover(folder)
    assert {each: each.read_bytes() for each in folder.path.rglob("*") if each.is_file()} == before


def test_what_is_not_the_journals_is_named(folder: Folder) -> None:
    """And left alone by both."""
    (folder.path / "notes.txt").write_bytes(b"precious")
    (folder.path / f"{'0' * 32}-1.segment").write_bytes(b"")
    assert set(recover(folder).unknown) == {"notes.txt", f"{'0' * 32}-1.segment"}
    assert (folder.path / "notes.txt").read_bytes() == b"precious"
