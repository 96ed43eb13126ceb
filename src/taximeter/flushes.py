"""Flushes: those who wait until all events so far are settled."""

import threading
from collections import deque

from taximeter.outlet import Mark, Outlet
from taximeter.packer import Packer


class Flushes:
    """Lets each flush wait for its events first to come through the packer, then to be settled by the outlet.

    Args:
        packer: Says what has come through.
        outlet: Says what is settled.
    """

    def __init__(self, packer: Packer, outlet: Outlet) -> None:
        self._packer = packer
        self._outlet = outlet
        # Each flush is in exactly one of: _new, _asked with the count of events to come through, _marked.
        self._new: deque[threading.Event] = deque()
        self._asked: list[tuple[threading.Event, int]] = []
        self._marked: list[tuple[threading.Event, Mark]] = []

    def ask(self) -> threading.Event:
        """Return an event that is set once all that waits now is delivered or dropped everywhere; from any thread."""
        done = threading.Event()
        self._new.append(done)
        return done

    @property
    def is_held_up(self) -> bool:
        """Whether somebody waits for events that have not come to the outlet yet."""
        return bool(self._asked)

    @property
    def is_awaited(self) -> bool:
        """Whether anybody waits."""
        return bool(self._asked or self._marked)

    def hear(self) -> None:
        """Note for each new flush how many events have to come through first: all that wait now."""
        while self._new:
            done = self._new.popleft()
            self._asked.append((done, self._packer.passed + self._packer.waiting))

    def mark(self) -> None:
        """Hand those to the outlet whose events have come through; what was refused meanwhile never will."""
        passed, end = self._packer.passed, self._packer.passed + self._packer.waiting
        held_up = []
        for done, upto in self._asked:
            if passed >= min(upto, end):
                self._marked.append((done, self._outlet.mark()))
            else:
                held_up.append((done, min(upto, end)))
        self._asked = held_up

    def confirm(self) -> None:
        """Tell those whose events have all been settled."""
        waiting = []
        for done, mark in self._marked:
            if self._outlet.is_reached(mark):
                done.set()
            else:
                waiting.append((done, mark))
        self._marked = waiting
