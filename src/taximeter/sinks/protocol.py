"""The sink protocol: what an object must do to receive events."""

from typing import Protocol, runtime_checkable

from taximeter.sinks.batch import Batch


@runtime_checkable
class Sink(Protocol):
    """Where batches end up; any object with a name and these two methods will do.

    Both run on the flusher's own event loop (asyncio), one batch at a time. They must not block for long: the other
    sinks share the thread. A sink may also have a method `forget()`, called in a forked child: it lets go of files
    and connections without touching them, because they are the parent's.
    """

    @property
    def name(self) -> str:
        """How receipts and warnings call this sink."""

    async def write(self, batch: Batch, /) -> None:
        """Write the batch, all or nothing if possible, and return when it is written.

        A batch may come again, after a failure or a cut connection: an event id that is there already adds nothing.

        Raises:
            Exception: Anything; the batch is tried again until the retry budget is used up.
        """

    async def aclose(self) -> None:
        """Let go of files and connections; `write` is not called any more."""
