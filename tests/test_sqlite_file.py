"""The files of a database."""

import stat
from pathlib import Path

import pytest

from taximeter.sqlite_file import BESIDE, file_id, files_of, make_sqlite_file


def test_a_database_is_four_files() -> None:
    """Its own, and those whose names SQLite makes of it."""
    names = [path.name for path in files_of(Path("usage.db"))]
    assert names == ["usage.db", "usage.db-wal", "usage.db-shm", "usage.db-journal"]


def test_a_new_database_is_its_owners_alone(tmp_path: Path) -> None:
    """What is in it is nobody else's business."""
    make_sqlite_file(tmp_path / "usage.db")
    assert stat.S_IMODE((tmp_path / "usage.db").stat().st_mode) == 0o600


@pytest.mark.parametrize("suffix", ["", *BESIDE])
def test_what_is_planted_is_refused(suffix: str, tmp_path: Path) -> None:
    """SQLite would follow a link in the place of any of its files."""
    (tmp_path / f"usage.db{suffix}").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(PermissionError, match="not a plain file"):
        make_sqlite_file(tmp_path / "usage.db")


def test_another_file_of_that_name_is_told_from_the_first(tmp_path: Path) -> None:
    """The same file is the same, one in its place is not, and none is none."""
    path = tmp_path / "usage.db"
    assert file_id(path) is None
    path.touch()
    first = file_id(path)
    assert first == file_id(path)
    (tmp_path / "new.db").touch()
    (tmp_path / "new.db").replace(path)
    assert file_id(path) not in {first, None}
