"""Losses: how many events were refused, by reason, counted without a lock."""

from collections import deque
from itertools import count, islice


class Losses:
    """Counts from any thread, signal handler or `__del__`.

    `losses[reason] += 1` would lose counts between threads. Stepping an `itertools.count` is one call into C, which
    no other Python code can interrupt.
    """

    def __init__(self) -> None:
        self._steps: dict[str, count[int]] = {}

    def add(self, reason: str, n: int = 1) -> None:
        """Count *n* events lost for *reason*; less than one is nothing."""
        steps = self._steps.get(reason) or self._steps.setdefault(reason, count())
        if n == 1:
            next(steps)
        else:
            deque(islice(steps, max(n, 0)), maxlen=0)

    def by_reason(self) -> dict[str, int]:
        """Return the counts so far, reasons without a loss left out."""
        counts = {reason: _taken(steps) for reason, steps in self._steps.copy().items()}
        return {reason: lost for reason, lost in counts.items() if lost}


def _taken(steps: "count[int]") -> int:
    """Read the steps taken without taking one: the documented text of a count that is to give 5 next is `count(5)`."""
    return int(repr(steps).removeprefix("count(").removesuffix(")"))
