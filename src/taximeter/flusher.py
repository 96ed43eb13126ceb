"""Flusher: the one background thread that takes events from the queue to the sinks."""

import asyncio
import logging
import threading
from _thread import start_new_thread
from collections import deque
from importlib import import_module
from time import monotonic, sleep

import anyio

from taximeter.encoding import line_of
from taximeter.event import Event
from taximeter.lane import Lane
from taximeter.policy import MEBIBYTE, Policy
from taximeter.queue import Queue
from taximeter.receipt import Receipt
from taximeter.sinks.batch import batch_of
from taximeter.sinks.protocol import Sink

# anyio loads its backend when it runs first. Were that in our thread while the host forks, the child would inherit a
# module lock that nobody lets go.
import_module("anyio._backends._asyncio")

logger = logging.getLogger("taximeter")

CLOSE_TIMEOUT = "close_timeout"
FLUSHER_DIED = "flusher_died"

# The queue is looked at this often, less often while nothing comes. Nothing on the hot path wakes the thread, because
# that would cost the caller.
_POLL_S = 0.02
_IDLE_POLL_S = 0.05
# Encoding holds the GIL. A thread of the host that wants it waits for one chunk at most, and the pause is real, so
# that it gets it: without one, p99 of a host's event loop rises to 100 ms during a burst.
_CHUNK_EVENTS = 64
_PAUSE_S = 0.000_05
_BATCH_MAX_BYTES = 4 * MEBIBYTE
_RESTART_AFTER_S = 1.0
_WARN_EVERY_S = 60.0
_LOOK_EVERY_S = 1.0
_SINK_CLOSE_S = 0.1


class Flusher:
    """Encodes what the queue holds, cuts it into batches and hands each batch to every sink's lane.

    Its state outlives its thread: should the thread die, the next one goes on where it stopped.

    Args:
        queue: Where events come from.
        sinks: Where they go, by the name that receipts use.
        policy: The bounds.
    """

    def __init__(self, queue: Queue, sinks: dict[str, Sink], policy: Policy) -> None:
        self._queue = queue
        self._policy = policy
        self._ledger = threading.RLock()
        share_bytes = policy.max_bytes // len(sinks)
        self._batch_max_bytes = min(_BATCH_MAX_BYTES, share_bytes)
        self._event_max_bytes = min(policy.max_event_bytes, share_bytes)
        self._lanes = [
            Lane(
                sink,
                name,
                max_bytes=share_bytes,
                max_events=policy.max_events,
                retry_budget_s=policy.retry_budget_s,
                ledger=self._ledger,
            )
            for name, sink in sinks.items()
        ]
        # Each event is in exactly one of: the queue, _in_hand, _open, a lane, or a count of what was dropped.
        self._taken = 0
        self._in_hand: list[Event] = []
        self._open: list[bytes] = []
        self._open_bytes = 0
        self._open_since = 0.0
        self._unfit: dict[str, int] = {}
        # Life
        self._claim = threading.Lock()
        self._running = False
        self._started_at = -_RESTART_AFTER_S
        self._restarts = 0
        self._thread_id = 0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._wake: anyio.Event
        self._flushes: deque[threading.Event] = deque()
        self._confirming: list[tuple[threading.Event, list[int]]] = []
        self._stop_at: float | None = None
        self._done = False
        self.ended = threading.Event()
        """Set when everything is settled, the sinks are closed and the thread is gone."""
        # Warnings
        self._warn_at = 0.0
        self._warned_of = 0

    # Called from any thread ------------------------------------------------------------------------------------

    @property
    def has_had_events(self) -> bool:
        """Whether any event has come so far."""
        return bool(self._taken or len(self._queue))

    @property
    def is_current_thread(self) -> bool:
        """Whether the caller is a sink, running on the flusher's own thread."""
        return self._running and threading.get_ident() == self._thread_id

    def start(self) -> bool:
        """Start the thread unless it runs; return whether it does. Waits for nothing, takes no lock of others.

        A plain `_thread` is used because `threading.Thread.start` takes a lock of the threading module, which the
        code interrupted by our caller (a signal handler, a `__del__`) may hold.
        """
        if self._running or not self._claim.acquire(blocking=False):
            return True
        try:
            if self._running:
                return True
            if self.ended.is_set() or monotonic() < self._started_at + _RESTART_AFTER_S:
                return False
            self._start()
        except RuntimeError:  # no more threads: the machine's limit, or Python 3.12 and later at exit
            self._running = False
            return False
        finally:
            self._claim.release()
        return True

    def _start(self) -> None:
        self._running = True
        start_new_thread(self._run, ())
        self._started_at = monotonic()

    def flush(self) -> threading.Event:
        """Return an event that is set once all that is in the queue now has been delivered or dropped everywhere."""
        done = threading.Event()
        self._flushes.append(done)
        self._ring()
        return done

    def stop(self, timeout_s: float) -> None:
        """Let the thread deliver what is there, drop what is left after *timeout_s*, close the sinks and end."""
        self._stop_at = monotonic() + timeout_s
        self._started_at = -_RESTART_AFTER_S  # a last start is not to be put off
        self._ring()

    def run_here(self) -> None:
        """Do the thread's work in the calling thread, where no thread can be started any more."""
        if self._claim.acquire(blocking=False):
            try:
                self._running = True
                self._run()
            finally:
                self._claim.release()

    def receipt(self) -> Receipt:
        """Return the counts of this moment."""
        refused = self._queue.losses.by_reason()
        with self._ledger:
            waiting = len(self._queue)
            on_the_way = waiting + len(self._in_hand) + len(self._open)
            accepted = self._taken + waiting
            dropped = dict(refused)
            for reason, lost in self._unfit.items():
                dropped[reason] = dropped.get(reason, 0) + lost
            return Receipt(
                tracked=accepted + sum(refused.values()),
                accepted=accepted,
                dropped=dropped,
                sinks={lane.name: lane.receipt(on_the_way) for lane in self._lanes},
                restarts=self._restarts,
            )

    def _ring(self) -> None:
        loop = self._loop
        if loop is not None:
            try:
                loop.call_soon_threadsafe(self._rouse)
            except RuntimeError:  # the loop has just been closed: the thread is ending anyway
                return

    def _rouse(self) -> None:
        self._wake.set()

    # On the flusher's thread -----------------------------------------------------------------------------------

    def _run(self) -> None:
        self._thread_id = threading.get_ident()
        try:
            anyio.run(self._main)
        except BaseException as error:
            self._warn(f"the background thread died of {type(error).__name__}")
        finally:
            self._queue.shut()
            self._loop = None
            with self._ledger:
                self._spoil(FLUSHER_DIED, len(self._in_hand))
                self._in_hand = []
                self._restarts += not self._done
            self._running = False
            if self._done:
                self.ended.set()

    async def _main(self) -> None:
        threading.current_thread().name = "taximeter"
        self._wake = anyio.Event()
        self._loop = asyncio.get_running_loop()
        async with anyio.create_task_group() as tasks:
            for lane in self._lanes:
                tasks.start_soon(lane.run, self._confirm)
            self._queue.open()
            tasks.cancel_scope.deadline = await self._take_in()
            for lane in self._lanes:
                lane.finish()
        await self._close()

    async def _take_in(self) -> float:
        """Move events from the queue to the lanes until asked to stop; return when the lanes have to be done."""
        while True:
            stop_at, asked = self._stop_at, self._requests()
            if stop_at is not None:
                self._queue.shut()  # it may have been opened after the request to stop
            await self._drain()
            self._cut(at_once=stop_at is not None or bool(asked))
            self._confirming += [(done, [lane.taken_batches for lane in self._lanes]) for done in asked]
            self._confirm()
            self._warn_of_trouble()
            if stop_at is not None:
                return stop_at
            with anyio.move_on_after(_POLL_S if self._open else _IDLE_POLL_S):
                await self._wake.wait()
            self._wake = anyio.Event()

    def _requests(self) -> list[threading.Event]:
        return [self._flushes.popleft() for _ in range(len(self._flushes))]

    async def _drain(self) -> None:
        """Take what waits now; what comes meanwhile waits for the next round, or a busy host would keep us here."""
        left = len(self._queue)
        while left > 0:
            with self._ledger:
                self._in_hand = self._queue.take(min(left, _CHUNK_EVENTS))
                self._taken += len(self._in_hand)
            left -= len(self._in_hand)
            self._place([line_of(event, self._event_max_bytes) for event in self._in_hand])
            _pause()
            await anyio.lowlevel.checkpoint()

    def _place(self, lines: list[bytes | str]) -> None:
        with self._ledger:
            for line in lines:
                if isinstance(line, str):
                    self._spoil(line, 1)
                else:
                    self._append(line)
            self._in_hand = []

    def _append(self, line: bytes) -> None:
        if self._open_bytes + len(line) > self._batch_max_bytes:
            self._seal()
        if not self._open:
            self._open_since = monotonic()
        self._open.append(line)
        self._open_bytes += len(line)
        if len(self._open) >= self._policy.batch_max_events:
            self._seal()

    def _cut(self, *, at_once: bool) -> None:
        if self._open and (at_once or monotonic() - self._open_since >= self._policy.batch_max_age_s):
            with self._ledger:
                self._seal()

    def _seal(self) -> None:
        """Freeze the open lines into a batch and offer it to every lane; the ledger is held."""
        if self._open:
            batch = batch_of(self._open)
            self._open = []
            self._open_bytes = 0
            for lane in self._lanes:
                lane.offer(batch)

    def _spoil(self, reason: str, n: int) -> None:
        if n:
            self._unfit[reason] = self._unfit.get(reason, 0) + n

    def _confirm(self) -> None:
        """Tell those who wait for a flush whose events have all been settled."""
        waiting = []
        for done, marks in self._confirming:
            if all(lane.settled_batches >= mark for lane, mark in zip(self._lanes, marks, strict=True)):
                done.set()
            else:
                waiting.append((done, marks))
        self._confirming = waiting

    async def _close(self) -> None:
        for lane in self._lanes:
            with self._ledger:
                lane.abandon(CLOSE_TIMEOUT)
        self._confirm()
        with anyio.move_on_after(_SINK_CLOSE_S):
            async with anyio.create_task_group() as tasks:
                for lane in self._lanes:
                    tasks.start_soon(_close_sink, lane)
        self._warn_of_trouble(at_once=True)
        self._done = True

    # Warnings --------------------------------------------------------------------------------------------------

    def _warn_of_trouble(self, *, at_once: bool = False) -> None:
        """Say in one line what has gone wrong since the last one, once a minute at most."""
        now = monotonic()
        if now < self._warn_at and not at_once:
            return
        self._warn_at = now + _LOOK_EVERY_S
        receipt = self.receipt()
        trouble = sum(receipt.lost.values()) + sum(lane.failed_attempts for lane in self._lanes)
        if trouble > self._warned_of:
            self._warned_of = trouble
            self._warn_at = now + _WARN_EVERY_S
            self._warn(_trouble(receipt))

    def _warn(self, text: str) -> None:
        try:
            logger.warning("taximeter: %s", text)
        except Exception:  # a handler of the host's that raises
            return


def _pause() -> None:
    """Let the host's threads have the GIL; the event loop's own sleep is a millisecond at the shortest."""
    sleep(_PAUSE_S)


async def _close_sink(lane: Lane) -> None:
    try:
        await lane.sink.aclose()
    except Exception as error:
        logger.warning("taximeter: sink %s could not be closed: %s", lane.name, type(error).__name__)


def _trouble(receipt: Receipt) -> str:
    parts = [_counts("events dropped", receipt.dropped)]
    for name, sink in receipt.sinks.items():
        parts.append(_counts(f"events dropped for sink {name}", sink.dropped))
        if sink.last_error:
            parts.append(f"sink {name} failed {sink.failed_attempts} times, last with {sink.last_error}")
    return "; ".join(filter(None, parts))


def _counts(what: str, by_reason: dict[str, int]) -> str:
    reasons = ", ".join(f"{reason}={lost}" for reason, lost in by_reason.items())
    return f"{what}: {reasons}" if reasons else ""
