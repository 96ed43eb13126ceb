"""Sinks that misbehave in one way each, and the help that tests of the tracker share."""
# ruff: noqa: D102 - the methods are the protocol's, whose docstrings say what they do

import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path

import anyio

from taximeter.event import Event, TaskCompletionEvent, encode_event
from taximeter.receipt import Receipt
from taximeter.sinks.batch import Batch, batch_of
from taximeter.sinks.refusal import BatchRefused


class FailingSink:
    """Raises at the first *failures* attempts (None: at all of them), then keeps what it gets."""

    name = "failing"

    def __init__(self, failures: int | None = None, error: BaseException | None = None) -> None:
        self.failures = failures
        self.error = error or OSError(28, "No space left on device")
        self.attempts = 0
        self.events: list[Event] = []

    async def write(self, batch: Batch) -> None:
        self.attempts += 1
        if self.failures is None or self.attempts <= self.failures:
            raise self.error
        self.events.extend(batch.events)

    async def aclose(self) -> None:
        pass


class HangingSink:
    """Awaits something that never comes, as a server that does not answer."""

    name = "hanging"

    def __init__(self) -> None:
        self.reached = threading.Event()

    async def write(self, _batch: Batch) -> None:
        self.reached.set()
        await anyio.sleep_forever()

    async def aclose(self) -> None:
        await anyio.sleep_forever()


class BlockingSink:
    """Blocks the whole flusher thread until it is released, as a call into C that does not return."""

    name = "blocking"

    def __init__(self) -> None:
        self.reached = threading.Event()
        self.release = threading.Event()

    async def write(self, _batch: Batch) -> None:
        self.reached.set()
        self.release.wait(30)

    async def aclose(self) -> None:
        pass


class StubbornSink(BlockingSink):
    """Awaits, but does not let itself be cancelled until it is released."""

    name = "stubborn"

    async def write(self, _batch: Batch) -> None:
        self.reached.set()
        while not self.release.is_set():
            with suppress(BaseException):
                await anyio.sleep(0.001)


class ListSink:
    """Keeps batches as they came, and whether it was closed."""

    name = "list"

    def __init__(self) -> None:
        self.batches: list[Batch] = []
        self.closed = False

    async def write(self, batch: Batch) -> None:
        self.batches.append(batch)

    async def aclose(self) -> None:
        self.closed = True

    @property
    def models(self) -> list[str | None]:
        return [
            event.model
            for batch in self.batches
            for event in batch.events
            if isinstance(event, TaskCompletionEvent)
        ]


class RefusingSink(ListSink):
    """Refuses a batch that holds poison, or too many events, as a server answers 422 or 413.

    Args:
        poison: Why, by the model of the events that it will never take.
        largest: How many events it takes at once.
    """

    name = "refusing"

    def __init__(self, poison: dict[str, str], *, largest: int = 1000) -> None:
        super().__init__()
        self.poison = poison
        self.largest = largest
        self.attempts = 0
        self.fail_after: int | None = None
        """After so many batches taken it only fails."""

    async def write(self, batch: Batch) -> None:
        self.attempts += 1
        if self.fail_after is not None and len(self.batches) >= self.fail_after:
            raise OSError(5, "Input/output error")
        if len(batch) > self.largest:
            raise BatchRefused("too_large")
        for event in batch.events:
            if isinstance(event, TaskCompletionEvent) and event.model in self.poison:
                raise BatchRefused(self.poison[event.model])
        await super().write(batch)


def numbered(n: int) -> list[TaskCompletionEvent]:
    """Return n events that can be told apart by their model: m0, m1 ..."""
    return [TaskCompletionEvent(model=f"m{i}") for i in range(n)]


def batch(*events: Event) -> Batch:
    """Return the events as a batch."""
    return batch_of([encode_event(event) for event in events])


def assert_conserved(receipt: Receipt) -> None:
    """Each tracked event is delivered, pending or dropped, at each sink."""
    for name, sink in receipt.sinks.items():
        assert receipt.tracked == sink.delivered + sink.pending + receipt.lost[name]


def run_program(code: str, folder: Path, *, timeout_s: float = 20) -> str:
    """Run a program of its own in *folder*, which must end well, and return what it printed."""
    done = subprocess.run(
        [sys.executable, "-X", "dev", "-W", "error", "-c", code],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
