"""Arrivals: the calls in a store in the order in which they came, and those that have come since."""

import os
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Iterator
from datetime import UTC
from pathlib import Path
from types import TracebackType
from typing import Self

from taximeter.errors import ConfigurationError, UnreadableEventError
from taximeter.event import TaskCompletionEvent, decode_event
from taximeter.report.dimension import key_reader, read_columns
from taximeter.store.answers import Where
from taximeter.store.event_file import EventFile
from taximeter.store.line_file import GZIP_MAGIC
from taximeter.store.opening import open_store
from taximeter.store.store import Store

_AT_ONCE = 1_000


class Arrivals(ABC):
    """Where the reading of a store has come to, in the order of arrival."""

    @abstractmethod
    def newest(self, count: int) -> list[TaskCompletionEvent]:
        """Return the calls that came last, the newest at the end; what comes later is `fresh`."""

    @abstractmethod
    def fresh(self) -> Iterator[TaskCompletionEvent]:
        """Yield the calls that have come since this was last asked, or since `newest`."""

    @abstractmethod
    def close(self) -> None:
        """Let the file go."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def open_arrivals(path: str | os.PathLike[str], where: Where) -> Arrivals:
    """Open a store, of either kind, at its end.

    Args:
        path: The file.
        where: Values that calls must have, by dimension; None means not known.

    Raises:
        ConfigurationError: There is no such file, a name is no dimension, or the file is compressed, so that nothing
            can be added to it.
        StoreError: The file is no store.
    """
    read_columns(where)
    store = open_store(path)
    if isinstance(store, EventFile):
        return _LineArrivals(Path(path), where)
    return _StoreArrivals(store, where)


class _StoreArrivals(Arrivals):
    def __init__(self, store: Store, where: Where) -> None:
        self._store = store
        self._where = where
        self._read_key = key_reader(where, UTC)
        self._key = tuple(where.values())
        self._position, _ = store.last()

    def newest(self, count: int) -> list[TaskCompletionEvent]:
        before, _ = self._store.last()
        found = self._store.last_arrived(count, where=self._where)
        came = self._store.position(found[-1].event_id) if found else None
        self._position = max(before, came or 0)  # one may have come between the two questions
        return found

    def fresh(self) -> Iterator[TaskCompletionEvent]:
        newest, _ = self._store.last()
        self._position = min(self._position, newest)  # it is less where calls were pruned
        while came := list(self._store.arrived(self._position, _AT_ONCE)):
            self._position = self._store.position(came[-1].event_id) or newest
            yield from (event for event in came if self._read_key(event) == self._key)

    def close(self) -> None:
        self._store.close()


class _LineArrivals(Arrivals):
    def __init__(self, path: Path, where: Where) -> None:
        self._read_key = key_reader(where, UTC)
        self._key = tuple(where.values())
        self._seen: set[str] = set()
        self._begun = b""
        self._path = path
        self._file = path.open("rb")
        if self._file.peek(2)[:2] == GZIP_MAGIC:
            self._file.close()
            raise ConfigurationError("file", os.fspath(path), "a file that is not compressed")

    def newest(self, count: int) -> list[TaskCompletionEvent]:
        return list(deque(self.fresh(), maxlen=count))

    def fresh(self) -> Iterator[TaskCompletionEvent]:
        if os.fstat(self._file.fileno()).st_size < self._file.tell():  # somebody has emptied it
            self._file.seek(0)
            self._begun = b""
        for line in self._file:
            whole = self._begun + line
            self._begun = b"" if line.endswith(b"\n") else whole
            if not self._begun and (event := self._read(whole)) is not None:
                yield event

    def _read(self, line: bytes) -> TaskCompletionEvent | None:
        try:
            event = decode_event(line)
        except UnreadableEventError:
            return None
        if not isinstance(event, TaskCompletionEvent) or event.event_id in self._seen:
            return None
        self._seen.add(event.event_id)
        return event if self._read_key(event) == self._key else None

    def close(self) -> None:
        self._file.close()
