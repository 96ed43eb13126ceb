"""Event files: NDJSON that can be asked like a store, by reading it through."""

import os
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, tzinfo
from types import TracebackType
from typing import Self

from taximeter.errors import UnreadableEventError
from taximeter.event import Event, TaskCompletionEvent, decode_event
from taximeter.report.dimension import key_reader, read_columns, read_dimensions
from taximeter.report.group import Group, group_events
from taximeter.report.totals import lacks_price
from taximeter.report.window import ALWAYS, Window
from taximeter.store.line_file import LineFile


class EventFile:
    """The events in a file of one event a line, gzip or not; it answers what `Store` answers.

    A file cannot refuse what it has already, so an event that stands in it again is passed over here, as SQLite does
    it: the first with an id counts. While the file is read the ids are kept, some 130 bytes each.

    Args:
        path: The file.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = path
        self.unreadable_lines = 0
        """Lines that were no event when the file was last read through."""

    def totals(
        self,
        group_by: Sequence[str] = (),
        *,
        where: Mapping[str, str | None] | None = None,
        window: Window = ALWAYS,
        zone: tzinfo = UTC,
    ) -> list[Group]:
        """Add up the calls by dimension; see `Store.totals`."""
        by = read_dimensions(group_by)
        wanted = read_columns(where or {})
        read_key = key_reader(wanted, zone)
        calls = (event for event in self.events(window) if read_key(event) == tuple(wanted.values()))
        return group_events(calls, by, zone=zone)

    def event(self, event_id: str) -> TaskCompletionEvent | None:
        """Return the event of that id, or None."""
        return next((event for event in self.events() if event.event_id == event_id), None)

    def events(
        self, window: Window = ALWAYS, *, lacking_price: bool = False
    ) -> Iterator[TaskCompletionEvent]:
        """Yield the finished calls that started in *window*, in the file's order; see `Store.events`.

        Raises:
            StoreError: The file, or the rest of it, cannot be read.
        """
        for event in self._calls():
            if event.started_at_us in window and (lacks_price(event) or not lacking_price):
                yield event

    def _calls(self) -> Iterator[TaskCompletionEvent]:
        seen: set[str] = set()
        for event in self._all_events():
            if isinstance(event, TaskCompletionEvent) and event.event_id not in seen:
                seen.add(event.event_id)
                yield event

    def _all_events(self) -> Iterator[Event]:
        self.unreadable_lines = 0
        with LineFile(self.path) as lines:
            for line in lines:
                try:
                    event = decode_event(line)
                except UnreadableEventError:
                    self.unreadable_lines += 1
                else:
                    yield event

    def close(self) -> None:
        """Do nothing: the file is open only while it is read."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
