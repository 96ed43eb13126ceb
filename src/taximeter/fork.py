"""Fork: how a process notices that it is the child of the one that made an object."""

import mmap
from collections.abc import MutableSequence

# Linux 4.14: the kernel gives a forked child zeros in place of this page, whoever called fork. Python's mmap module
# has the call but not the name; the number is from <asm-generic/mman-common.h>.
_MADV_WIPEONFORK = 18


def fork_mark() -> MutableSequence[int]:
    """Return a sequence whose first item is 1 here and 0 in every child forked from here.

    Reading it takes 20 ns, where `os.getpid()` is a system call of up to 200 ns. It also notices a fork made by a C
    library, for which Python runs no hook. Where the kernel cannot do this the item stays 1 and the hook of
    `os.register_at_fork` has to do.
    """
    try:
        page = mmap.mmap(-1, mmap.PAGESIZE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        page.madvise(_MADV_WIPEONFORK)
    except (AttributeError, OSError, TypeError):  # no Linux, or an old one
        return bytearray(b"\x01")
    page[0] = 1
    return page  # type: ignore[return-value]  # items of a mapping are read and set like those of a bytearray
