"""Consumer: one sink's way through the journal, batch by batch, the cursor behind it."""

from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from time import monotonic, time_ns

from taximeter.journal.cursor import Cursor, Position, load_cursor, save_cursor
from taximeter.journal.folder import Folder
from taximeter.journal.ledger import DAMAGED
from taximeter.journal.reader import Passage, read_passage
from taximeter.journal.segment import segments_of
from taximeter.sinks.batch import Batch, batch_of


class Consumer:
    """Reads ahead into a batch, and moves the cursor when the batch is settled.

    Args:
        folder: The journal.
        sink: The name of the sink, and of its cursor.
        batch_max_events: A batch is ready when it holds so many,
        batch_max_bytes: ... or so many bytes,
        batch_max_age_s: ... or when its first event was read so long ago.

    Raises:
        OSError: The cursor is there and cannot be read.
    """

    def __init__(
        self,
        folder: Folder,
        sink: str,
        *,
        batch_max_events: int,
        batch_max_bytes: int,
        batch_max_age_s: float,
    ) -> None:
        self.cursor: Cursor = load_cursor(folder, sink)
        self._folder = folder
        self._max_events = batch_max_events
        self._max_bytes = batch_max_bytes
        self._max_age_s = batch_max_age_s
        self._ahead: dict[str, Position] = {}
        self._passages: list[Passage] = []
        self._batch: Batch | None = None
        self._events = 0
        self._bytes = 0
        self._since = 0.0

    @property
    def lost(self) -> Counter[str]:
        """Events that the sink has not got and will not get, by reason."""
        total = self.cursor.total()
        return Counter(total.dropped) + Counter(total.refused)

    def next_batch(self, *, at_once: bool = False) -> Batch | None:
        """Return the batch that is to be written next, the same until it is settled; None when none is ready.

        Args:
            at_once: Not to wait until it is full or old enough.

        Raises:
            OSError: A segment cannot be read.
        """
        if self._batch is None:
            self._read_ahead()
            if not self._passages or (self._events and not (at_once or self._is_ready)):
                return None
            self._batch = batch_of([line for passage in self._passages for line in passage.lines])
        return self._batch

    def settle(self, refused: Mapping[int, str] | None = None) -> None:
        """Move the cursor behind the batch, and save it if possible; if not, a crash would bring the batch again.

        Args:
            refused: Why the sink will never take them, for some events, by their place in the batch; it has the others.
        """
        refused = refused or {}
        start = 0
        for passage in self._passages:
            end = start + len(passage.lines)
            self._pass(passage, Counter(refused[place] for place in range(start, end) if place in refused))
            start = end
        if len(refused) < start:
            self.cursor.moved_at_us = time_ns() // 1000
        self._passages = []
        self._events = self._bytes = 0
        self._batch = None
        self.save()

    def note(self, breaker: str, last_error: str | None) -> None:
        """Write into the cursor how the sink stands, when that has changed."""
        if breaker != self.cursor.breaker:
            self.cursor.breaker, self.cursor.last_error = breaker, last_error
            self.save()

    def save(self) -> None:
        """Save the cursor if that is possible now."""
        with suppress(OSError):  # `tidy` saves it again, and deletes nothing before it could
            save_cursor(self._folder, self.cursor)

    @property
    def _is_ready(self) -> bool:
        is_full = self._events >= self._max_events or self._bytes >= self._max_bytes
        return is_full or monotonic() - self._since >= self._max_age_s

    def _read_ahead(self) -> None:
        for writer, numbers in segments_of(self._folder).items():
            while (room := self._max_events - self._events) > 0 and self._bytes < self._max_bytes:
                start = self._ahead.get(writer) or self.cursor.account(writer).position
                passage = read_passage(self._folder, writer, numbers, start, max_events=room)
                if passage is None:
                    break
                self._take(passage)

    def _take(self, passage: Passage) -> None:
        if not self._events:
            self._since = monotonic()
        self._passages.append(passage)
        self._ahead[passage.writer] = passage.end
        self._events += len(passage.lines)
        self._bytes += sum(map(len, passage.lines))

    def _pass(self, passage: Passage, dropped: Counter[str]) -> None:
        account = self.cursor.account(passage.writer)
        account.position = passage.end
        account.recorded += len(passage.lines) + passage.missing
        account.delivered += len(passage.lines) - dropped.total()
        for reason, n in (dropped + Counter({DAMAGED: passage.missing})).items():
            account.dropped[reason] = account.dropped.get(reason, 0) + n
        if passage.refused is not None:
            account.refused = passage.refused
        if passage.damaged and passage.damaged not in self.cursor.damaged:
            self.cursor.damaged.append(passage.damaged)
        self.cursor.put(passage.writer, account)
