"""Private file: opened with care, so that nothing planted in its place is read or written."""

import errno
import os
import stat


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
