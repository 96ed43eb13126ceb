"""Worker: a thread that does small things one after another, in nobody's way."""

import os
import threading
from collections.abc import Callable
from contextlib import suppress
from queue import Empty, SimpleQueue
from time import monotonic
from typing import Generic, TypeVar

T = TypeVar("T")


class Worker(Generic[T]):
    """Hands items to *work* in a thread of its own, which starts when asked to and does not outlive the program.

    Args:
        work: Takes an item; what it raises is passed over.
        most: How many items may wait; more are refused.
    """

    def __init__(self, work: Callable[[T], object], *, most: int = 1000) -> None:
        self._work = work
        self._most = most
        self._begin()

    def _begin(self) -> None:
        self._items: SimpleQueue[T | None] = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._pid = os.getpid()

    def start(self) -> None:
        """Start the thread unless it runs; in a forked child anew, without what the parent's has to do."""
        if self._pid != os.getpid():
            self._begin()
        if self._thread is None or not self._thread.is_alive():
            self._thread = threading.Thread(
                target=self._run, args=(self._items,), name="taximeter-budget", daemon=True
            )
            with suppress(RuntimeError):  # the interpreter is ending, and `close` does what is left
                self._thread.start()

    def put(self, item: T) -> bool:
        """Leave an item to the thread and return whether it was taken; waits for nothing, so it may be called anywhere."""
        if self._items.qsize() >= self._most:
            return False
        self._items.put(item)
        return True

    def close(self, timeout_s: float = 5.0) -> None:
        """Wait until everything is done and the thread has ended, but not for longer than that."""
        deadline = monotonic() + timeout_s
        if (
            self._pid == os.getpid()
            and self._thread is not None
            and self._thread is not threading.current_thread()
        ):
            self._items.put(None)
            with suppress(RuntimeError):  # it was never started
                self._thread.join(max(deadline - monotonic(), 0))
        while self._pid == os.getpid() and monotonic() < deadline:
            try:
                item = self._items.get_nowait()
            except Empty:
                return
            self._do(item)

    def _run(self, items: "SimpleQueue[T | None]") -> None:
        while (item := items.get()) is not None:
            self._do(item)

    def _do(self, item: T | None) -> None:
        if item is not None:
            with suppress(Exception):  # whose work it is tells of it
                self._work(item)
