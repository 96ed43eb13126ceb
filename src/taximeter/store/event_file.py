"""Event files: NDJSON that can be asked like a store, by reading it through."""

import os
from collections.abc import Iterator, Sequence
from datetime import UTC, tzinfo
from heapq import nlargest
from types import TracebackType
from typing import Self, Unpack

from taximeter.errors import UnreadableEventError
from taximeter.event import Event, TaskCompletionEvent, decode_event
from taximeter.report.dimension import Filter, key_reader, read_columns, read_dimensions
from taximeter.report.group import Group, group_events
from taximeter.report.statistics import Percentiles, percentiles_of
from taximeter.report.totals import lacks_price
from taximeter.report.window import ALWAYS, Window
from taximeter.store.answers import Answers, Where, check_limit, joined
from taximeter.store.line_file import LineFile


class EventFile(Answers):
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
        where: Where | None = None,
        window: Window = ALWAYS,
        zone: tzinfo = UTC,
    ) -> list[Group]:
        """Add up the calls by dimension; see `Store.totals`."""
        by = read_dimensions(group_by)
        return group_events(self._chosen(where or {}, window), by, zone=zone)

    def recent(
        self, limit: int = 20, *, where: Where | None = None, window: Window = ALWAYS, **of: Unpack[Filter]
    ) -> list[TaskCompletionEvent]:
        """Return the calls that started last, the newest first; see `Answers.recent`."""
        calls = self._chosen(joined(where, of), window)
        return nlargest(check_limit(limit), calls, key=lambda event: (event.started_at_us, event.event_id))

    def lost(self, window: Window = ALWAYS) -> dict[str, int]:  # noqa: ARG002 - as every store's
        """Return nothing: a file of events has no room for what is not in it."""
        return {}

    def _percentiles(self, field: str, where: Where, window: Window) -> Percentiles:
        found = (getattr(event, field) for event in self._chosen(where, window))
        return percentiles_of([value for value in found if value is not None])

    def event(self, event_id: str) -> TaskCompletionEvent | None:
        """Return the event of that id, or None."""
        return next((event for event in self.events() if event.event_id == event_id), None)

    def events(
        self, window: Window = ALWAYS, *, where: Where | None = None, lacking_price: bool = False
    ) -> Iterator[TaskCompletionEvent]:
        """Yield the finished calls that started in *window*, in the file's order; see `Store.events`.

        Raises:
            ConfigurationError: A name that is no dimension.
            StoreError: The file, or the rest of it, cannot be read.
        """
        chosen = self._chosen(where or {}, window)
        return (event for event in chosen if lacks_price(event)) if lacking_price else chosen

    def _chosen(self, where: Where, window: Window) -> Iterator[TaskCompletionEvent]:
        wanted = read_columns(where)
        read_key = key_reader(wanted, UTC)
        key = tuple(wanted.values())
        return (event for event in self._calls() if event.started_at_us in window and read_key(event) == key)

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
