"""Ending: what becomes of a tracker that nobody closes."""

import atexit
import os
from collections.abc import Callable, MutableSequence
from time import monotonic
from typing import Any
from weakref import finalize, ref

from taximeter.flusher import Flusher
from taximeter.queue import Queue

GRACE_S = 0.15
"""How long the thread is waited for beyond the time it was given."""
_LEAST_S = 0.05

_endings: set["Ending"] = set()
_waited_s = 0.0


class Ending:
    """Calls for the close when the program ends, and stops the thread of a tracker that has become garbage.

    Nothing here holds the tracker, or it could not become garbage.

    Args:
        tracker: Its `close` is called at the end of the program.
        queue: Where its events wait.
        flusher: Its thread.
        mark: Its first item is 0 in a forked child (see `fork_mark`).
        timeout_s: How long the close of a tracker that is garbage may take.
    """

    def __init__(
        self, tracker: Any, queue: Queue, flusher: Flusher, mark: MutableSequence[int], timeout_s: float
    ) -> None:
        self._tracker: Callable[[], Any] = ref(tracker)
        self._queue = queue
        self._flusher = flusher
        self._mark = mark
        self._pid = os.getpid()
        self._timeout_s = timeout_s
        self._finalizer = finalize(tracker, self._let_go)
        self._finalizer.atexit = False
        _endings.add(self)
        atexit.register(self)

    def __call__(self) -> None:
        """Close the tracker, or wait for what one that is gone has left to deliver.

        Trackers are ended one after the other and share their time: the first asks all of them to deliver, and what
        it has waited is taken off the time of the next.
        """
        global _waited_s  # noqa: PLW0603 - a program ends once
        if not _waited_s:
            for ending in tuple(_endings):
                ending.hurry()
        began_s = monotonic()
        self._end(max(self._timeout_s - _waited_s, _LEAST_S))
        _waited_s += monotonic() - began_s

    def cancel(self) -> None:
        """Do nothing any more: the tracker is closed, or another process's."""
        self._finalizer.detach()
        _endings.discard(self)
        atexit.unregister(self)

    def hurry(self) -> None:
        """Have what waits delivered, without waiting for it."""
        if self._is_ours() and self._flusher.has_had_events and self._flusher.start():
            self._flusher.flush()

    def _end(self, timeout_s: float) -> None:
        tracker = self._tracker()
        if tracker is not None:
            tracker.close(timeout_s)
        elif self._is_ours():
            self._flusher.wait_for_end(timeout_s + GRACE_S)

    def _let_go(self) -> None:
        """Ask the thread to deliver and end; in the middle of a garbage collection, so nothing is waited for."""
        if self._is_ours() and (self._flusher.has_had_events or self._flusher.is_running):
            self._queue.shut()
            self._flusher.on_end = self.cancel
            self._flusher.stop(self._timeout_s)
            self._flusher.start()
        else:
            self.cancel()

    def _is_ours(self) -> bool:
        return bool(self._mark[0]) and self._pid == os.getpid()
