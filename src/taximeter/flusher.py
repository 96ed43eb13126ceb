"""Flusher: the one background thread that takes events from the queue to the sinks."""

import asyncio
import threading
from _thread import start_new_thread
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from time import monotonic, sleep
from typing import TYPE_CHECKING

import anyio

from taximeter.alarm import Alarm, warn
from taximeter.courier import Courier, couriers_to
from taximeter.dead_letters import FILE_NAME
from taximeter.encoding import line_of
from taximeter.flushes import Flushes
from taximeter.health import FLUSHER_DEAD, JOURNAL_BLOCKED, Health, Problem, Watch
from taximeter.journal.options import JournalOptions
from taximeter.lane import Lane
from taximeter.memory_outlet import MemoryOutlet
from taximeter.outlet import CLOSE_TIMEOUT, Outlet, close_sink
from taximeter.packer import Packer
from taximeter.policy import Policy
from taximeter.privacy import METADATA_ONLY, Privacy
from taximeter.queue import Queue
from taximeter.receipt import Receipt
from taximeter.scrubber import Scrubber
from taximeter.sinks.protocol import Sink

if TYPE_CHECKING:
    from taximeter.journal_outlet import JournalOutlet

# anyio loads its backend when it runs first. Were that in our thread while the host forks, the child would inherit a
# module lock that nobody lets go.
import_module("anyio._backends._asyncio")

FLUSHER_DIED = "flusher_died"

# The queue is looked at this often, less often while nothing comes. Nothing on the hot path wakes the thread, because
# that would cost the caller.
_POLL_S = 0.02
_IDLE_POLL_S = 0.05
# Encoding holds the GIL. A thread of the host that wants it waits for one chunk at most, and the pause is real, so
# that it gets it: without one, p99 of a host's event loop rises to 100 ms during a burst.
# An event takes some 7 us, so that a chunk is over before a loop of the host that ticks each millisecond notices.
_CHUNK_EVENTS = 8
_PRESSED_CHUNK_EVENTS = 64
"""Where the queue is half full, or its end is waited for, that goes before the lateness of others."""
_PAUSE_S = 0.000_001  # of which Linux makes some 80 us
_RESTART_AFTER_S = 1.0


class Flusher:
    """Keeps packer and outlet at work, answers flushes, and ends within its time.

    Its state outlives its thread: should the thread die, the next one goes on where it stopped.

    Args:
        queue: Where events come from.
        sinks: Where they go, by the name that receipts use.
        policy: The bounds.
        journal: How events are kept on disk on their way; None means that they wait in memory.
        dead_letters: Where events are kept that a sink refuses; None means the journal's folder, or nowhere.
        scrubber: Takes secrets out of events; None leaves them as they are.
        privacy: What of events may be kept.
    """

    def __init__(
        self,
        queue: Queue,
        sinks: dict[str, Sink],
        policy: Policy,
        journal: JournalOptions | None = None,
        *,
        dead_letters: Path | None = None,
        scrubber: Scrubber | None = None,
        privacy: Privacy = METADATA_ONLY,
    ) -> None:
        self._queue = queue
        self._scrubber = scrubber
        self._privacy = privacy
        self._ledger = threading.RLock()
        share_bytes = policy.max_bytes // len(sinks)
        self._couriers = couriers_to(
            sinks, policy, is_patient=journal is not None, dead_letters=dead_letters or _letters_in(journal)
        )
        self.journal = _journal_outlet(self._couriers, journal, policy, self._ledger)
        room_bytes = share_bytes if self.journal is None else self.journal.event_max_bytes
        self._event_max_bytes = min(policy.max_event_bytes, room_bytes)
        self._outlet: Outlet = self.journal or _memory_outlet(
            self._couriers, policy, share_bytes, self._ledger
        )
        # Each event is in exactly one of: the queue, the packer, the outlet, or a count of what was dropped.
        self._packer = Packer(
            queue,
            self._outlet,
            event_max_bytes=self._event_max_bytes,
            share_bytes=share_bytes,
            ledger=self._ledger,
            scrubber=scrubber,
            privacy=privacy,
        )
        self._half_full = policy.max_events // 2
        self._flushes = Flushes(self._packer, self._outlet)
        self._watch = Watch(policy.stalled_after_s)
        self._alarm = Alarm(self.receipt, self._watch)
        self._claim = threading.Lock()
        self._running = False
        self._started_at = -_RESTART_AFTER_S
        self._restarts = 0
        self._thread_id = 0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._wake: anyio.Event
        self._stop_at: float | None = None
        self._done = False
        self._is_given_up = False
        self.ended = threading.Event()
        """Set when everything is settled, the sinks are closed and the thread is gone."""
        self.on_end: Callable[[], object] = lambda: None
        """Called right after `ended` is set, on the thread."""

    # Called from any thread ------------------------------------------------------------------------------------

    @property
    def has_had_events(self) -> bool:
        """Whether any event has come so far."""
        return bool(self._packer.taken or len(self._queue) or (self.journal and self.journal.has_written))

    @property
    def is_running(self) -> bool:
        """Whether the thread runs."""
        return self._running

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
        done = self._flushes.ask()
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

    def wait_for_end(self, timeout_s: float) -> None:
        """Wait until the thread has ended, doing its work here if there can be none; then give up what is pending.

        A sink that blocks the thread, or that does not let itself be cancelled, may still deliver after that. Then
        the event is delivered and no longer dropped.
        """
        deadline = monotonic() + timeout_s
        if not self.start() and not self.ended.is_set():
            self.run_here()
        if not self.ended.wait(max(deadline - monotonic(), 0)):
            self._is_given_up = True
            self._alarm.look(at_once=True)

    def receipt(self) -> Receipt:
        """Return the counts of this moment."""
        refused = self._queue.losses.by_reason()
        with self._ledger:
            waiting = len(self._queue)
            out = self._outlet.counts(waiting + self._packer.holds)
            accepted = self._packer.taken + waiting + out.through
            sinks = out.sinks
            if self._is_given_up and self.journal is None:  # what is in a journal stays pending
                sinks = {name: sink.given_up(CLOSE_TIMEOUT) for name, sink in sinks.items()}
            return Receipt(
                tracked=accepted + sum(refused.values()),
                accepted=accepted,
                dropped=self._dropped(refused),
                journaled=out.journaled,
                durable=out.durable,
                sinks=sinks,
                restarts=self._restarts,
            )

    def health(self) -> Health:
        """Return what is wrong at the moment."""
        receipt = self.receipt()
        problems = [*self._watch.problems(receipt)]
        if self.journal is not None and (self.journal.is_blocked or self.journal.is_refusing):
            problems.append(Problem(JOURNAL_BLOCKED))
        if self._packer.waiting and not self._running and not self.ended.is_set():
            problems.append(Problem(FLUSHER_DEAD))
        return Health(tuple(problems))

    def write_through(self, event: object) -> str | None:
        """Journal the event in the calling thread; return the reason when it could not be, "" for the queue's turn."""
        line = line_of(event, self._event_max_bytes, self._scrubber, self._privacy)
        if isinstance(line, str) or self.journal is None:
            return str(line)
        return self.journal.write_through(line)

    def _dropped(self, refused: dict[str, int]) -> dict[str, int]:
        """Return what was dropped before any sink: what the queue refused, and what could not be encoded."""
        dropped = refused.copy()
        for reason, lost in self._packer.unfit.items():
            dropped[reason] = dropped.get(reason, 0) + lost
        return dropped

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
            warn(f"the background thread died of {type(error).__name__}")
        finally:
            self._queue.shut()
            self._loop = None
            self._packer.let_go(FLUSHER_DIED)
            self._restarts += not self._done
            self._running = False
            if self._done:
                self.ended.set()
                self.on_end()

    async def _main(self) -> None:
        threading.current_thread().name = "taximeter"
        self._wake = anyio.Event()
        self._loop = asyncio.get_running_loop()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._outlet.run, self._settled)
            self._queue.open()
            tasks.cancel_scope.deadline = await self._take_in()
            self._outlet.finish()
        await self._close()

    async def _take_in(self) -> float:
        """Move events from the queue to the outlet until asked to stop; return when that has to be done."""
        while True:
            stop_at = self._stop_at
            self._flushes.hear()
            if stop_at is not None:
                self._queue.shut()  # it may have been opened after the request to stop
            is_busy = await self._drain()
            self._outlet.cut(at_once=stop_at is not None or self._flushes.is_held_up)
            self._flushes.mark()
            self._flushes.confirm()
            self._outlet.hurry(wanted=self._flushes.is_awaited)
            self._note_losses(at_once=stop_at is not None)
            self._alarm.look()
            is_left = self._outlet.is_blocked or self._packer.waiting
            if stop_at is not None and (not is_left or monotonic() >= stop_at):
                return stop_at
            is_busy = is_busy or self._flushes.is_awaited or bool(self._outlet.holds)
            with anyio.move_on_after(_POLL_S if is_busy else _IDLE_POLL_S):
                await self._wake.wait()
            self._wake = anyio.Event()

    async def _drain(self) -> bool:
        """Take what waits now, and return whether there was anything.

        What comes meanwhile waits for the next round, or a busy host would keep us here.
        """
        waiting = left = self._packer.waiting
        while left > 0 and not self._outlet.is_blocked:
            most = _PRESSED_CHUNK_EVENTS if self._is_pressed else _CHUNK_EVENTS
            taken = self._packer.take(min(left, most))
            if not taken:
                break
            left -= taken
            _pause()
            await anyio.lowlevel.checkpoint()
        return bool(waiting)

    @property
    def _is_pressed(self) -> bool:
        return self._stop_at is not None or self._packer.waiting > self._half_full

    def _settled(self) -> None:
        self._packer.limit_queue()  # the sink has made room
        self._flushes.confirm()

    def _note_losses(self, *, at_once: bool) -> None:
        refused = self._queue.losses.by_reason()
        self._outlet.note_losses(self._dropped(refused), at_once=at_once)

    async def _close(self) -> None:
        self._packer.give_up(CLOSE_TIMEOUT)
        self._flushes.mark()
        self._flushes.confirm()
        if self.journal is not None:  # without one, each lane has closed its sink at its own end
            async with anyio.create_task_group() as tasks:
                for courier in self._couriers:
                    tasks.start_soon(close_sink, courier)
        with self._ledger:
            self._outlet.close()
        self._alarm.look(at_once=True)
        self._done = True


def _memory_outlet(
    couriers: list[Courier], policy: Policy, share_bytes: int, ledger: threading.RLock
) -> MemoryOutlet:
    lanes = [
        Lane(courier, max_bytes=share_bytes, max_events=policy.max_events, ledger=ledger)
        for courier in couriers
    ]
    return MemoryOutlet(lanes, policy, share_bytes=share_bytes, ledger=ledger)


def _letters_in(journal: JournalOptions | None) -> Path | None:
    return None if journal is None else journal.path / FILE_NAME


def _journal_outlet(
    couriers: list[Courier], options: JournalOptions | None, policy: Policy, ledger: threading.RLock
) -> "JournalOutlet | None":
    if options is None:
        return None
    from taximeter.journal_outlet import JournalOutlet  # noqa: PLC0415 - its file locks are not on every system

    return JournalOutlet(couriers, options, policy, ledger)


def _pause() -> None:
    """Let the host's threads have the GIL; the event loop's own sleep is a millisecond at the shortest."""
    sleep(_PAUSE_S)
