"""Delivery: one batch on its way to one sink, in pieces that get smaller where the sink refuses them."""

import re
from collections import Counter
from collections.abc import Mapping
from typing import Any

from taximeter.scrubber import Scrubber
from taximeter.sinks.batch import Batch, batch_of

REFUSED = "refused"

_LONGEST_REASON = 40
_scrubber = Scrubber()
_NO_WORD = re.compile(r"[^\w.-]+", re.ASCII)


class Delivery:
    """What of a batch is still to be written, in order, and what the sink has refused for good.

    A piece stays the same object from its first attempt on, so that a sink can tell that it comes again.

    Args:
        batch: The events.
    """

    def __init__(self, batch: Batch) -> None:
        self.batch = batch
        self.refused: dict[int, str] = {}
        """Why, by the event's place in the batch, for what the sink will never take."""
        self._pieces = (
            [(0, batch)] if batch.lines else []
        )  # each with its place in the batch; the next one is the last

    @property
    def is_settled(self) -> bool:
        """Whether every event has been taken or refused."""
        return not self._pieces

    @property
    def piece(self) -> Batch:
        """What is to be written next."""
        return self._pieces[-1][1]

    @property
    def left(self) -> list[int]:
        """The places of the events that are not settled."""
        return [start + n for start, piece in reversed(self._pieces) for n in range(len(piece))]

    def take(self, refused: Mapping[Any, object] | None = None) -> dict[int, str]:
        """Settle the piece: the sink has it but for the *refused*, by their place in it.

        Returns the reasons of these by their place in the batch; places that are none are passed over.
        """
        start, piece = self._pieces.pop()
        fresh = {
            start + place: _word(reason)
            for place, reason in (refused or {}).items()
            if isinstance(place, int) and 0 <= place < len(piece)
        }
        self.refused |= fresh
        return fresh

    def take_first(self, count: int, refused: Mapping[Any, object] | None = None) -> dict[int, str]:
        """Settle the first *count* events of the piece, as `take` does the whole; the rest is a piece of its own."""
        start, piece = self._pieces[-1]
        if count >= len(piece):
            return self.take(refused)
        rest = (start + count, batch_of(list(piece.lines[count:])))
        self._pieces[-1:] = [rest, (start, batch_of(list(piece.lines[:count])))]
        return self.take(refused)

    def split(self, reason: str) -> dict[int, str]:
        """Cut the refused piece in two halves; a single event is refused itself, and returned as by `take`."""
        start, piece = self._pieces[-1]
        middle = len(piece) // 2
        if not middle:
            return self.take({0: reason})
        first, second = batch_of(list(piece.lines[:middle])), batch_of(list(piece.lines[middle:]))
        self._pieces[-1:] = [(start + middle, second), (start, first)]
        return {}

    def dropped(self, given_up_as: str | None = None) -> Counter[str]:
        """Return how many events the sink will not have, by reason; what is not settled is if it is *given_up_as* one."""
        dropped = Counter(self.refused.values())
        if given_up_as is not None:
            dropped[given_up_as] += len(self.left)
        return +dropped


def _word(reason: object) -> str:
    """Make a short plain word of what a sink says, which may be what a server says, and quote a key."""
    return _NO_WORD.sub("_", _scrubber.text(str(reason)))[:_LONGEST_REASON] or REFUSED
