"""Cursors: saved all at once, checked when read, named so that nothing leads out of the folder."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from taximeter.journal.cursor import (
    Account,
    Cursor,
    Position,
    decode_cursor,
    file_name,
    load_cursor,
    peek_cursor,
    save_cursor,
    sinks_of,
)
from taximeter.journal.folder import Folder

WRITER = "0" * 31 + "1"


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path / "journal")


def cursor() -> Cursor:
    account = Account(
        position=Position(3, 456, 78), recorded=78, delivered=70, dropped={"a": 8}, refused={"b": 2}
    )
    return Cursor("usage.db", accounts={WRITER: account})


def test_a_cursor_comes_back_as_it_was_saved(folder: Folder) -> None:
    """Position and counts together."""
    save_cursor(folder, cursor())
    assert load_cursor(folder, "usage.db").accounts == cursor().accounts
    assert sinks_of(folder) == ["usage.db"]


def test_a_flipped_bit_sets_the_cursor_aside(folder: Folder) -> None:
    """A damaged cursor never counts; it is kept, and the sink begins again."""
    save_cursor(folder, cursor())
    path = folder.path / "usage.db.cursor"
    data = bytearray(path.read_bytes())
    for bit in range(0, len(data) * 8, 7):
        broken = data.copy()
        broken[bit // 8] ^= 1 << bit % 8
        assert decode_cursor(bytes(broken)) is None
    path.write_bytes(data[:-1])
    assert load_cursor(folder, "usage.db").accounts == {}
    assert [each.name for each in (folder.path / "quarantine").iterdir()] == ["usage.db.cursor"]


def test_a_planted_cursor_is_not_followed(folder: Folder, tmp_path: Path) -> None:
    """A link in the place of a cursor is set aside, and what it points to is neither read nor written."""
    victim = tmp_path / "victim"
    victim.write_bytes(b"precious")
    (folder.path / "usage.db.cursor").symlink_to(victim)
    save_cursor(folder, load_cursor(folder, "usage.db"))
    assert victim.read_bytes() == b"precious"
    assert not (folder.path / "usage.db.cursor").is_symlink()


def test_peeking_mends_nothing(folder: Folder) -> None:
    """Whoever only looks leaves a damaged cursor to its carrier."""
    (folder.path / "usage.db.cursor").write_bytes(b"junk")
    assert peek_cursor(folder, "usage.db").accounts == {}
    assert (folder.path / "usage.db.cursor").read_bytes() == b"junk"


@given(st.text(min_size=1, max_size=300), st.text(min_size=1, max_size=300))
def test_names_of_files_are_safe_and_distinct(one: str, other: str) -> None:
    """No sink's name leads out of the folder, is hidden or too long, or meets another sink's."""
    names = [file_name(sink.encode("utf-8", "replace").decode()) for sink in (one, other)]
    for name in names:
        assert "/" not in name
        assert "\0" not in name
        assert not name.startswith(".")
        assert len(name.encode()) <= 200
    assert (names[0] == names[1]) == (one == other)


def test_a_writer_that_has_ended_is_folded_into_the_past() -> None:
    """Its counts stay in the total."""
    one = cursor()
    before = one.total()
    one.fold(WRITER)
    after = one.total()
    assert one.accounts == {}
    assert (after.recorded, after.delivered, after.dropped, after.refused) == (78, 70, {"a": 8}, {"b": 2})
    assert before.delivered == after.delivered


def test_a_later_writer_is_expected_from_its_first_event() -> None:
    """What a later writer's first segments held is missed when they are gone; an earlier one's may be delivered."""
    one = Cursor("x")
    assert one.account("f" * 32).position.sequence == 0
    assert one.account("0" * 32).position.sequence is None
