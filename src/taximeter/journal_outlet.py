"""Journal outlet: lines go to this process's segments, and from everyone's segments to the sinks."""

import errno
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from time import monotonic

import anyio
import msgspec

from taximeter.courier import Courier
from taximeter.journal.carrier import Carrier, Load
from taximeter.journal.cursor import Account, Cursor, peek_cursor
from taximeter.journal.folder import Folder, close_inherited
from taximeter.journal.options import JournalOptions
from taximeter.journal.segment import SegmentName
from taximeter.journal.sync import Sync
from taximeter.journal.writer import Writer, largest_event_bytes
from taximeter.outlet import Mark, OutletCounts
from taximeter.policy import MEBIBYTE, Policy
from taximeter.receipt import SinkReceipt

JOURNAL_FULL = "journal_full"
JOURNAL_FAILED = "journal_failed"

_BATCH_MAX_BYTES = 4 * MEBIBYTE
_LOOK_AGAIN_S = 0.02
_TRY_AGAIN_S = 0.1  # a full folder is looked through each time, which an outage must not make the host feel
_NOTE_EVERY_S = 1.0


class JournalOutlet:
    """Writes lines to the journal, and carries the folder's events to the sinks while nobody else does.

    Lines that the disk does not take are kept here, and no more are asked for: then the queue fills up, and what does
    not fit there is counted.

    Args:
        couriers: One for each sink.
        options: Where the journal is and what it promises.
        policy: The bounds.
        ledger: Held while counts move.
    """

    def __init__(
        self,
        couriers: Sequence[Courier],
        options: JournalOptions,
        policy: Policy,
        ledger: AbstractContextManager[object],
    ) -> None:
        self._couriers = couriers
        self._options = options
        self._policy = policy
        self._ledger = ledger
        self._batch_max_bytes = min(_BATCH_MAX_BYTES, policy.max_bytes // len(couriers))
        self._segment_bytes = min(policy.journal_segment_bytes, max(policy.journal_max_bytes // 4, 4096))
        self.event_max_bytes = largest_event_bytes(self._segment_bytes)
        """The longest line that fits into a segment."""
        self.is_blocked = False
        """Whether the disk did not take the last lines."""
        self.is_refusing = False
        """Whether it did not take the last line that was written through."""
        self._try_again_at = 0.0
        self._opening = threading.RLock()
        self._folder: Folder | None = None
        self._writer: Writer | None = None
        self._carrier: Carrier | None = None
        self._finishing = False
        # Each line is in exactly one of: _held, the journal.
        self._held: list[bytes] = []
        self._held_bytes = 0
        self._held_since = 0.0
        self._from_held = 0
        self._accounts: dict[str, Account] = {}
        self._others: dict[str, Cursor | None] = {}
        """What another process last said of a sink, while that one carries."""
        self._noted: dict[str, int] = {}
        self._note_at = 0.0

    # Called from any thread ------------------------------------------------------------------------------------

    @property
    def has_backlog(self) -> bool:
        """Whether there are segments in the folder, ours or others'."""
        with suppress(OSError):
            return any(SegmentName.parse(path.name) for path in Path(self._options.path).iterdir())
        return False

    @property
    def has_written(self) -> bool:
        """Whether this process has written any event."""
        return bool(self._journaled)

    def write_through(self, line: bytes) -> str | None:
        """Write the line before returning; return the reason when it could not be, and "" when it must take the queue.

        That is so where we have interrupted ourselves: a signal handler or a `__del__` during a write.
        """
        try:
            if not self._opened().append([line]):
                return ""
        except Exception as error:  # whatever it is, the caller's work goes on
            self.is_refusing = True
            is_full = isinstance(error, OSError) and error.errno in (errno.EDQUOT, errno.ENOSPC)
            return JOURNAL_FULL if is_full else JOURNAL_FAILED
        self.is_refusing = False
        return None

    def counts(self, before: int) -> OutletCounts:
        """Return what this process has written, and how far each sink has come with it."""
        accounts = {courier.name: self._account(courier.name) for courier in self._couriers}
        # Read after the accounts: another thread may have written, and the carrier delivered, in between.
        written = self._writer.journaled if self._writer else 0
        journaled = max([written, *(account.recorded for account in accounts.values())])
        before += len(self._held)
        return OutletCounts(
            through=journaled - self._from_held,
            journaled=journaled,
            durable=self._writer.durable if self._writer else 0,
            sinks={
                courier.name: self._sink_receipt(courier, accounts[courier.name], before + journaled)
                for courier in self._couriers
            },
        )

    def forget(self) -> None:
        """In a forked child let go of every file of the parent's journal, also of those that its threads had in hand."""
        for part in (self._writer, self._carrier, self._folder):
            with suppress(OSError):  # another tracker of this folder has closed the file for us
                if part is not None:
                    part.forget()
        if self._folder is not None:
            close_inherited(self._options.path)

    # On the flusher's thread -----------------------------------------------------------------------------------

    @property
    def holds(self) -> int:
        """Lines that wait for a cut."""
        return len(self._held)

    @property
    def room_bytes(self) -> int:
        """What the lines that are not on the disk yet leave of the bound."""
        return self._policy.max_bytes - self._held_bytes

    def put(self, lines: list[bytes]) -> None:
        """Keep the lines until the next cut, or write them when they make a batch."""
        if not self._held:
            self._held_since = monotonic()
        self._held += lines
        self._held_bytes += sum(map(len, lines))
        if len(self._held) >= self._policy.batch_max_events or self._held_bytes >= self._batch_max_bytes:
            self._write()

    def cut(self, *, at_once: bool) -> None:
        """Write what is held; without a promise, only when it is old enough."""
        if self.is_blocked and not at_once and monotonic() < self._try_again_at:
            return
        waits = self._options.sync is Sync.ACCEPTED and not at_once
        if self._held and not (waits and monotonic() - self._held_since < self._policy.batch_max_age_s):
            with self._ledger:
                self._write()

    def mark(self) -> Mark:
        """Return the number of events that this process will have written with those that are held."""
        return (self._journaled + len(self._held),)

    def is_reached(self, mark: Mark) -> bool:
        """Whether every sink has passed so many of them."""
        return not self._held and all(
            self._account(courier.name).recorded >= mark[0] for courier in self._couriers
        )

    def hurry(self, *, wanted: bool) -> None:
        """Deliver what is there without waiting for more."""
        if self._carrier is not None:
            self._carrier.in_a_hurry = wanted
            if wanted:
                self._carrier.notice()

    def note_losses(self, by_reason: Mapping[str, int], *, at_once: bool) -> None:
        """Write the losses down when they have changed, once a second at most."""
        now = monotonic()
        if by_reason == self._noted or (now < self._note_at and not at_once):
            return
        with suppress(OSError):
            self._opened().note_losses(by_reason)
            self._noted = dict(by_reason)
        self._note_at = now + _NOTE_EVERY_S

    async def run(self, settled: Callable[[], None]) -> None:
        """Carry whenever nobody else does, until `finish`."""
        folder = await self._wait_for_folder()
        if folder is None or not self._options.carry:
            return
        load = Load(
            batch_max_events=self._policy.batch_max_events,
            batch_max_bytes=self._batch_max_bytes,
            batch_max_age_s=self._policy.batch_max_age_s,
            retention_s=self._policy.journal_retention_s,
            sync=self._options.sync is Sync.DURABLE,
        )
        self._carrier = Carrier(folder, self._couriers, load, ledger=self._ledger, settled=settled)
        if self._finishing:
            self._carrier.finish()
        await self._carrier.run()

    def finish(self) -> None:
        """End our last segment, and let `run` end once all that is in the folder has been delivered."""
        self._finishing = True
        if self._writer is not None:
            self._writer.close()
        for courier in self._couriers:
            courier.hurry()
        if self._carrier is not None:
            self._carrier.finish()

    def abandon(self, _reason: str) -> int:
        """Give up the lines that the disk never took; what it took stays for the next process."""
        given_up = len(self._held)
        self._held = []
        self._held_bytes = 0
        return given_up

    def close(self) -> None:
        """Look at the cursors a last time, and let go of the folder."""
        for courier in self._couriers:
            self._account(courier.name)
        if self._folder is not None:
            self._folder.close()

    def _sink_receipt(self, courier: Courier, account: Account, written: int) -> SinkReceipt:
        receipt = courier.receipt(
            delivered=account.delivered, pending=written - account.recorded, dropped=account.dropped
        )
        if others := self._others.get(courier.name):
            last_error = courier.last_error or others.last_error
            return msgspec.structs.replace(receipt, breaker=others.breaker, last_error=last_error)
        return receipt

    @property
    def _journaled(self) -> int:
        return self._writer.journaled if self._writer else 0

    def _write(self) -> None:
        """Write what is held, in pieces that fit into a segment; the ledger is held."""
        self.is_blocked = False
        while self._held and not self.is_blocked:
            piece = self._first_piece()
            try:
                self.is_blocked = not self._opened().append(piece)
            except Exception:  # nothing of the piece is in the journal; it is tried again at the next cut
                self.is_blocked = True
            if self.is_blocked:
                self._try_again_at = monotonic() + _TRY_AGAIN_S
            else:
                del self._held[: len(piece)]
                self._held_bytes -= sum(map(len, piece))
                self._from_held += len(piece)
        if self._carrier is not None:
            self._carrier.notice()

    def _first_piece(self) -> list[bytes]:
        room = self.event_max_bytes
        piece: list[bytes] = []
        for line in self._held:
            room -= len(line) + 64  # more than a frame adds
            if piece and room < 0:
                break
            piece.append(line)
        return piece

    def _opened(self) -> Writer:
        """Return the writer; open the folder first where that has not been done.

        Raises:
            OSError, ConfigurationError: The folder cannot be opened.
        """
        writer = self._writer
        if writer is None:
            with self._opening:
                self._folder = self._folder or Folder(self._options.path)
                writer = self._writer = self._writer or Writer(
                    self._folder,
                    segment_bytes=self._segment_bytes,
                    max_bytes=self._policy.journal_max_bytes,
                    sync=self._options.sync,
                )
        return writer

    async def _wait_for_folder(self) -> Folder | None:
        while self._folder is None:
            if self.has_backlog:  # or it is opened by the first event
                with suppress(Exception):  # it may be usable later; until then events wait in the queue
                    self._opened()
            elif self._finishing:
                break
            await anyio.sleep(_LOOK_AGAIN_S)
        return self._folder

    def _account(self, sink: str) -> Account:
        """Return what the sink's cursor says of our events: in memory while we carry, on disk while others do."""
        known = self._accounts.get(sink) or Account()
        if self._writer is None or self._folder is None or self._folder.is_closed:
            return known
        cursor = self._carrier.cursor(sink) if self._carrier else None
        others = None
        if cursor is None:
            with suppress(OSError):
                cursor = others = peek_cursor(self._folder, sink)
        self._others[sink] = others
        account = cursor.accounts.get(self._writer.name) if cursor else None
        if account is not None and account.recorded >= known.recorded:
            known = self._accounts[sink] = account
        return known
