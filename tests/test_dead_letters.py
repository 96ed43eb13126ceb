"""Refused events are kept in a private file of bounded size, whole lines only."""

import os
from pathlib import Path

import pytest

from taximeter.dead_letters import DeadLetter, DeadLetters, file_for, letters_for, put_back, read_letters
from taximeter.errors import ConfigurationError

LINES = [b'{"n":%d}' % n for n in range(10)]


def letters(*places: int) -> list[DeadLetter]:
    return letters_for("sink", dict.fromkeys(places, "invalid"), LINES)


def places_in(path: Path) -> list[int]:
    return [
        LINES.index(bytes(letter.event)) for letter in read_letters(path) if isinstance(letter, DeadLetter)
    ]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "dead.ndjson"


def test_letters_are_appended_and_read_back(path: Path) -> None:
    """One line each, in a file that only its owner may read, whatever the umask."""
    before = os.umask(0)
    try:
        assert DeadLetters(path, 1 << 20).keep(letters(1, 2)) == 2
    finally:
        os.umask(before)
    assert DeadLetters(path, 1 << 20).keep(letters(5)) == 1
    assert places_in(path) == [1, 2, 5]
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.read_bytes().count(b"\n") == 3


def test_the_bound_is_kept_and_the_rest_is_not_written(path: Path) -> None:
    """As many as there is room for, from the first; the file is never larger."""
    DeadLetters(path, 1 << 20).keep(letters(0))
    one = path.stat().st_size
    kept = DeadLetters(path, one * 4 - 1)
    assert kept.keep(letters(1, 2, 3, 4)) == 2
    assert kept.keep(letters(5)) == 0
    assert places_in(path) == [0, 1, 2]
    assert path.stat().st_size <= one * 4 - 1


def test_a_torn_line_costs_no_other(path: Path) -> None:
    """It is ended before the next letter, and read as what it is."""
    DeadLetters(path, 1 << 20).keep(letters(1))
    with path.open("ab") as file:
        file.write(b'{"sink":"to')
    DeadLetters(path, 1 << 20).keep(letters(2))
    assert places_in(path) == [1, 2]
    assert [each for each in read_letters(path) if isinstance(each, bytes)] == [b'{"sink":"to']


def test_a_file_that_is_moved_away_is_made_anew(path: Path) -> None:
    """Rotation and `retry` need nobody's help."""
    kept = DeadLetters(path, 1 << 20)
    kept.keep(letters(1))
    path.rename(path.with_suffix(".1"))
    kept.keep(letters(2))
    assert (places_in(path), places_in(path.with_suffix(".1"))) == ([2], [1])


@pytest.mark.parametrize("plant", ["link", "pipe", "folder", "second name"])
def test_nothing_planted_in_its_place_is_written(path: Path, plant: str) -> None:
    """Nor waited for; the count says that nothing was kept."""
    victim = path.with_name("victim")
    victim.touch()
    if plant == "link":
        path.symlink_to(victim)
    elif plant == "pipe":
        os.mkfifo(path)
    elif plant == "folder":
        path.mkdir()
    else:
        path.hardlink_to(victim)
    assert DeadLetters(path, 1 << 20).keep(letters(1)) == 0
    assert victim.read_bytes() == b""


def test_a_name_that_is_no_text_is_not_our_end(path: Path) -> None:
    """A sink may be named after a file whose name is no UTF-8."""
    assert DeadLetters(path, 1 << 20).keep(letters_for("\udcff", {0: "invalid"}, LINES)) == 0


def test_what_is_put_back_is_what_was_read(path: Path) -> None:
    """Unreadable lines too, beyond the bound too."""
    DeadLetters(path, 1 << 20).keep(letters(1))
    with path.open("ab") as file:
        file.write(b"what is this\n")
    found = [*read_letters(path)]
    path.unlink()
    put_back(path, found)
    assert [*read_letters(path)] == found


@pytest.mark.parametrize("name", ["missing/file", "folder", "link"])
def test_a_path_that_cannot_be_a_file_is_refused(tmp_path: Path, name: str) -> None:
    """At construction, by name."""
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ConfigurationError, match="dead_letters="):
        file_for(tmp_path / name)
    assert file_for(None) is None
