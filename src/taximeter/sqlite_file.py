"""SQLite file: which files a database is made of, and whether its name still leads to the same one."""

from pathlib import Path

from taximeter.private_file import check_plain_file, make_plain_file

BESIDE = ("-wal", "-shm", "-journal")
"""What SQLite appends to the name of a database for the files that it keeps beside it."""


def files_of(path: Path) -> tuple[Path, ...]:
    """Return the paths of a database and of what SQLite keeps beside it, whether they are there or not."""
    return (path, *(path.with_name(f"{path.name}{suffix}") for suffix in BESIDE))


def make_sqlite_file(path: Path) -> None:
    """Make the file of a database with mode 0600 unless there is one, and look at what lies beside it; none is opened.

    Raises:
        OSError: It cannot be made, or something is planted in its place or beside it.
    """
    make_plain_file(path)
    for beside in files_of(path)[1:]:
        check_plain_file(beside)


def file_id(path: Path) -> tuple[int, int] | None:
    """Return what tells a file from another that takes its name; None where it cannot be looked at."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino
