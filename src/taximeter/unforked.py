"""Unforked: what no fork may cut in two."""

import os
import threading
from time import monotonic
from weakref import WeakSet

_LONGEST_WAIT_S = 1.0


class Unforked:
    """A context in which other threads' forks wait for us, for a second at most; a C library's fork does not.

    A child gets a copy of all that a library has in memory: of SQLite also which connections of the process hold a lock
    on a file. Made in the middle of a transaction, that copy says for ever that the file is being written, and nothing
    that the child does about its own connection changes it.
    """

    def __init__(self) -> None:
        self._lock = threading.RLock()
        _unforked.add(self)

    def __enter__(self) -> None:
        self._lock.acquire()

    def __exit__(self, *_: object) -> None:
        self._lock.release()

    def wait(self, timeout_s: float) -> bool:
        """Wait until nobody is inside, keep others out, and return whether that worked."""
        return self._lock.acquire(timeout=timeout_s)

    def let_in(self) -> None:
        """Let others in again."""
        self._lock.release()

    def begin_anew(self) -> None:
        """In a child: whoever is inside is not here."""
        self._lock = threading.RLock()


class _Waited(threading.local):
    """What the thread that forks has waited for."""

    def __init__(self) -> None:
        self.contexts: list[Unforked] = []


_unforked: "WeakSet[Unforked]" = WeakSet()
_waited = _Waited()


def _wait_for_all() -> None:
    deadline = monotonic() + _LONGEST_WAIT_S
    _waited.contexts = [
        each for each in sorted(_unforked, key=id) if each.wait(max(deadline - monotonic(), 0.0))
    ]


def _go_on() -> None:
    waited, _waited.contexts = _waited.contexts, []
    for each in waited:
        each.let_in()


def _go_on_in_child() -> None:
    for each in {*_unforked}.difference(_waited.contexts):
        each.begin_anew()
    _go_on()


if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(before=_wait_for_all, after_in_parent=_go_on, after_in_child=_go_on_in_child)
