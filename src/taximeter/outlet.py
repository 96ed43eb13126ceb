"""Outlet: what stands between the flusher and the sinks; lines go in, and counts say what became of them."""

from collections.abc import Callable, Mapping
from typing import Protocol

import anyio
import msgspec

from taximeter.alarm import warn
from taximeter.courier import Courier
from taximeter.receipt import SinkReceipt

CLOSE_TIMEOUT = "close_timeout"

_SINK_CLOSE_S = 0.1

Mark = tuple[int, ...]
"""A moment in an outlet's counts, in the outlet's own terms."""


class OutletCounts(msgspec.Struct, frozen=True, kw_only=True):
    """The counts of an outlet at one moment."""

    sinks: dict[str, SinkReceipt]
    """What is pending there includes all that is on the way."""
    through: int = 0
    """Events that came in past the queue."""
    journaled: int = 0
    durable: int = 0


class Outlet(Protocol):
    """Takes lines in, and brings them to the sinks in `run`. All methods but `counts` are called by the flusher's thread.

    The flusher's ledger is held during `put`, `abandon` and `counts`.
    """

    @property
    def is_blocked(self) -> bool:
        """Whether no more lines should be put in now; those that were are kept."""

    @property
    def holds(self) -> int:
        """How many lines wait for a cut."""

    @property
    def room_bytes(self) -> int:
        """How many more bytes may wait, in here and on the way here together; below 0 when it is too much already."""

    def put(self, lines: list[bytes]) -> None:
        """Take the lines in."""

    def cut(self, *, at_once: bool) -> None:
        """Send on what has waited long enough; all of it if asked to."""

    def mark(self) -> Mark:
        """Return a mark that is reached when all that is in now is settled everywhere."""

    def is_reached(self, mark: Mark) -> bool:
        """Whether all before the mark is delivered or dropped everywhere."""

    def hurry(self, *, wanted: bool) -> None:
        """Send batches before they are full or old, while somebody waits for a flush."""

    def note_losses(self, by_reason: Mapping[str, int], *, at_once: bool) -> None:
        """Hear how many events were dropped so far before they came here."""

    async def run(self, settled: Callable[[], None]) -> None:
        """Deliver until `finish`; call *settled* after each batch."""

    def finish(self) -> None:
        """Let `run` end once all that is in has been delivered."""

    def abandon(self, reason: str) -> int:
        """Give up what waits in memory; return how many events had not come to any sink's count yet."""

    def close(self) -> None:
        """Let go of everything; `counts` goes on to say what was last known."""

    def counts(self, before: int) -> OutletCounts:
        """Return the counts; *before* events are on the way here."""


async def close_sink(courier: Courier) -> None:
    """Close the courier's sink, within a moment and even where everything else is cancelled."""
    with anyio.move_on_after(_SINK_CLOSE_S, shield=True):
        try:
            await courier.sink.aclose()
        except BaseException as error:
            if isinstance(error, anyio.get_cancelled_exc_class()):
                raise
            warn(f"sink {courier.name} could not be closed: {type(error).__name__}")
