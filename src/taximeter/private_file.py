"""Private file: opened with care, so that nothing planted in its place is read or written."""

import errno
import os
import stat
from contextlib import suppress


def open_private_file(path: str | os.PathLike[str], flags: int, *, folder: int | None = None) -> int:
    """Open a file, made with mode 0600 where *flags* say so, and return its descriptor.

    Args:
        path: The file.
        flags: As for `os.open`.
        folder: The descriptor of the folder that the path starts from; None means the working folder.

    Raises:
        OSError: It is missing, or is no plain file of ours: a link, a pipe, a file with a second name.
    """
    care = os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
    descriptor = os.open(path, flags | care, 0o600, dir_fd=folder)
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode) or status.st_nlink != 1 or status.st_uid != os.geteuid():
        os.close(descriptor)
        raise PermissionError(errno.EPERM, "not a plain file of ours", os.fspath(path))
    if stat.S_IMODE(status.st_mode) & 0o077:
        os.fchmod(descriptor, 0o600)
    return descriptor


def open_plain_file(path: str | os.PathLike[str], flags: int) -> int:
    """Open a file that others may have to read too, made with mode 0600 where *flags* say so; a device will do.

    Raises:
        OSError: It is missing, or is planted: a link, a pipe, a file with a second name.
    """
    descriptor = os.open(path, flags | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK, 0o600)
    try:
        _refuse_planted(os.fstat(descriptor), path)
    except PermissionError:
        os.close(descriptor)
        raise
    return descriptor


def make_plain_file(path: str | os.PathLike[str]) -> None:
    """Make a file with mode 0600 unless there is one, which is looked at and not opened: closing it would end its locks.

    Raises:
        OSError: It cannot be made, or something is planted in its place: a link, a pipe, a file with a second name.
    """
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    except FileExistsError:
        check_plain_file(path)


def check_plain_file(path: str | os.PathLike[str]) -> None:
    """Look whether a file is what its name says; one that is missing is no error.

    Raises:
        PermissionError: Something is planted in its place: a link, a pipe, a file with a second name.
    """
    with suppress(FileNotFoundError):
        _refuse_planted(os.lstat(path), path)


def _refuse_planted(status: os.stat_result, path: str | os.PathLike[str]) -> None:
    is_plain = stat.S_ISREG(status.st_mode) and status.st_nlink <= 1
    if not is_plain and not stat.S_ISCHR(status.st_mode):
        raise PermissionError(errno.EPERM, "not a plain file", os.fspath(path))
