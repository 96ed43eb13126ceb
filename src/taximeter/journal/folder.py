"""Folder: the private place of a journal; every file in it is opened with care and by its name alone."""

import errno
import fcntl
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from taximeter.errors import ConfigurationError
from taximeter.private_file import open_private_file

QUARANTINE = "quarantine"
RESERVE = "reserve"
CARRIER_LOCK = "carrier.lock"

NOT_OURS = frozenset({errno.ELOOP, errno.EACCES, errno.EPERM, errno.EISDIR, errno.ENXIO})
"""What opening something planted in the place of a file fails with: a link, a pipe, a folder, another's file."""

_ALLOWED = "a folder of its own, or a path in a folder that exists"
_RESERVE_BYTES = 1 << 16


class Folder:
    """An open folder that only its owner may enter (0700), with files that only its owner may read (0600).

    Files are reached through the folder's descriptor and never through a symbolic link, so that nobody can put another
    folder or file in their place.

    Args:
        path: The folder; made where its parent exists.

    Raises:
        ConfigurationError: The path is a link, no folder, another user's, or holds other things and is open to others.
        OSError: It cannot be made or opened.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        self.descriptor = _open_private_folder(self.path)

    @property
    def is_closed(self) -> bool:
        """Whether the folder has been let go of."""
        return self.descriptor < 0

    def names(self) -> list[str]:
        """Return the names of what is in the folder, sorted.

        The folder is opened anew: threads that listed one descriptor would share its place in the listing, and each
        would miss what the other has read.
        """
        descriptor = os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=self.descriptor)
        try:
            return sorted(os.listdir(descriptor))  # noqa: PTH208 - pathlib has no descriptors
        finally:
            os.close(descriptor)

    def open(self, name: str, flags: int) -> int:
        """Open a file of the folder, made with mode 0600 where *flags* say so, and return its descriptor.

        Raises:
            OSError: It is missing, or is no plain file of ours: a link, a pipe, a file with a second name.
        """
        return open_private_file(name, flags, folder=self.descriptor)

    def read(self, name: str) -> bytes:
        """Return what a file holds."""
        descriptor = self.open(name, os.O_RDONLY)
        with os.fdopen(descriptor, "rb") as file:
            return file.read()

    def replace(self, name: str, data: bytes, *, sync: bool) -> None:
        """Put *data* in the place of a file's content, all at once; on a full disk the reserve makes the room.

        Args:
            name: The file.
            data: What it shall hold.
            sync: Whether to wait until it is on the disk, so that a power cut does not take it back.
        """
        try:
            self._replace(name, data, sync=sync)
        except OSError:
            if not self._free_reserve():
                raise
            self._replace(name, data, sync=sync)

    def rename(self, name: str, new_name: str) -> None:
        """Give a file another name in the folder, in the place of what had it."""
        os.replace(name, new_name, src_dir_fd=self.descriptor, dst_dir_fd=self.descriptor)

    def unlink(self, name: str) -> None:
        """Delete a file; one that is gone is no error."""
        with suppress(FileNotFoundError):
            os.unlink(name, dir_fd=self.descriptor)

    def set_aside(self, name: str) -> None:
        """Move a file that cannot be understood into the quarantine, where nothing is ever deleted."""
        with suppress(FileExistsError):
            os.mkdir(QUARANTINE, 0o700, dir_fd=self.descriptor)
        aside, n = f"{QUARANTINE}/{name}", 1
        while self.has(aside):
            n += 1
            aside = f"{QUARANTINE}/{name}.{n}"
        with suppress(FileNotFoundError):
            self.rename(name, aside)

    def has(self, name: str) -> bool:
        """Whether there is anything of that name."""
        try:
            os.stat(name, dir_fd=self.descriptor, follow_symlinks=False)
        except FileNotFoundError:
            return False
        return True

    def sync(self) -> None:
        """Wait until the folder's list of names is on the disk."""
        os.fsync(self.descriptor)

    def keep_reserve(self) -> None:
        """Hold some bytes that can be given up when the disk is full, so that a cursor can still be saved."""
        if not self.has(RESERVE):
            descriptor = self.open(RESERVE, os.O_WRONLY | os.O_CREAT)
            try:
                os.write(descriptor, bytes(_RESERVE_BYTES))
            finally:
                os.close(descriptor)

    def forget(self) -> None:
        """In a forked child, let go of the parent's folder."""
        self.close()

    def close(self) -> None:
        """Let go of the folder."""
        descriptor, self.descriptor = self.descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)

    def _replace(self, name: str, data: bytes, *, sync: bool) -> None:
        new = f"{name}.new"
        descriptor = self.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        try:
            write_all(descriptor, data)
            if sync:
                os.fsync(descriptor)
        finally:
            os.close(descriptor)
        self.rename(new, name)
        if sync:
            self.sync()

    def _free_reserve(self) -> bool:
        if not self.has(RESERVE):
            return False
        self.unlink(RESERVE)
        return True


class Lock:
    """A lock on a file of the folder, let go by the kernel when its process ends, in whatever way.

    Args:
        folder: Where the file is.
        name: The file, made when it is missing.
    """

    def __init__(self, folder: Folder, name: str) -> None:
        self._folder = folder
        self._name = name
        self._descriptor = -1

    @property
    def is_held(self) -> bool:
        """Whether this object holds the lock."""
        return self._descriptor >= 0

    def acquire(self) -> bool:
        """Take the lock unless somebody holds it; return whether it is ours now."""
        if self._descriptor < 0:
            descriptor = self._folder.open(self._name, os.O_RDWR | os.O_CREAT)
            if not try_lock(descriptor):
                os.close(descriptor)
                return False
            self._descriptor = descriptor
        return True

    def release(self) -> None:
        """Let go of the lock; in a forked child, of the child's hold on it alone."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)  # not LOCK_UN: that would take it from the parent too


@contextmanager
def held(lock: Lock) -> Iterator[bool]:
    """Try to hold the lock for a block of code, and say whether that worked."""
    try:
        yield lock.acquire()
    finally:
        lock.release()


def try_lock(descriptor: int, *, shared: bool = False) -> bool:
    """Lock an open file without waiting; return whether it worked."""
    try:
        fcntl.flock(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def close_inherited(path: Path) -> None:
    """In a forked child, close every file of the folder that was open in the parent, whichever thread had opened it.

    A descriptor that lived on in the child would hold the parent's locks beyond its end.
    """
    inside = f"{path.absolute()}{os.sep}"
    with suppress(OSError):  # no /proc: the files that have a name here were closed by name
        for name in os.listdir("/proc/self/fd"):  # noqa: PTH208 - names are all that is wanted
            with suppress(OSError):
                if os.readlink(f"/proc/self/fd/{name}").startswith(inside):  # noqa: PTH115 - as above
                    os.close(int(name))


def write_all(descriptor: int, data: bytes) -> None:
    """Write all of it, however many calls the system takes for that."""
    written = os.write(descriptor, data)
    while written < len(data):
        written += os.write(descriptor, data[written:])


def _open_private_folder(path: Path) -> int:
    if not path.parent.is_dir():
        raise ConfigurationError("journal", str(path), _ALLOWED)
    with suppress(FileExistsError):
        path.mkdir(0o700)
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except (NotADirectoryError, OSError) as error:
        if path.is_symlink() or not path.is_dir():
            raise ConfigurationError("journal", str(path), f"{_ALLOWED}, and no link") from error
        raise
    try:
        _make_private(path, descriptor)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _make_private(path: Path, descriptor: int) -> None:
    status = os.fstat(descriptor)
    if status.st_uid != os.geteuid():
        raise ConfigurationError("journal", str(path), "a folder that belongs to the user of this process")
    if stat.S_IMODE(status.st_mode) & 0o077:
        names = os.listdir(descriptor)
        if names and not {RESERVE, CARRIER_LOCK} & set(names):
            raise ConfigurationError("journal", str(path), "an empty folder, or one with mode 0700")
        os.fchmod(descriptor, 0o700)
