"""The sink protocol: what an object must do to receive events."""

from typing import Protocol, runtime_checkable

from taximeter.sinks.batch import Batch


@runtime_checkable
class Sink(Protocol):
    """Where batches end up; any object with a name and these two methods will do.

    Both run on the flusher's own event loop (asyncio), one batch at a time. They must not block for long: the other
    sinks share the thread.

    Three more are asked for where a sink has them: `is_open`, false while there is nothing to close; `forget()`, called in
    a forked child to let go of files and connections without touching them, because they are the parent's; and
    `await note_losses(source, lost)`, which tells how many events of a source have not come here and will not, by
    reason, since that source began: the same counts may come again.
    """

    @property
    def name(self) -> str:
        """How receipts and warnings call this sink."""

    async def write(self, batch: Batch, /) -> None:
        """Write the batch, all or nothing if possible, and return when it is written.

        A batch may come again, after a failure or a cut connection: an event id that is there already adds nothing.

        Raises:
            TryLater, BatchRefused, EventsRefused, AccessDenied: What is to become of it, see `taximeter.sinks.refusal`.
            Exception: Anything else; the batch is tried again until the retry budget is used up.
        """

    async def aclose(self) -> None:
        """Let go of files and connections; `write` is not called any more."""
