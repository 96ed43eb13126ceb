"""Server-sent events, by the rules of the WHATWG (https://html.spec.whatwg.org/multipage/server-sent-events.html)."""

from collections.abc import Sequence

from taximeter.framing.document import DOCUMENT_LIMIT_BYTES, Document
from taximeter.framing.lines import Lines

_BLANK = (b"\n\n", b"\r\n\r\n")
_BOM = b"\xef\xbb\xbf"


class ServerSentEvents:
    """Cuts an event stream into events; `id` and `retry` are of no interest here.

    Unlike a browser it also hands out a last event that no blank line ended, because servers forget it.

    Args:
        limit_bytes: A longer event is passed over and counted as unparsed.
    """

    __slots__ = (
        "_between",
        "_data",
        "_fresh",
        "_limit_bytes",
        "_lines",
        "_name",
        "_size_bytes",
        "_too_long",
        "unparsed",
    )

    def __init__(self, limit_bytes: int = DOCUMENT_LIMIT_BYTES) -> None:
        self.unparsed = 0
        self._limit_bytes = limit_bytes
        self._lines = Lines(limit_bytes)
        self._fresh = True
        self._between = False  # nothing of an event or a line is held
        self._reset()

    def feed(self, data: bytes, /) -> Sequence[Document]:
        """Take the next bytes and return the events that they complete."""
        if self._between and len(data) <= self._limit_bytes and (document := _only_event(data)) is not None:
            return (document,)
        documents: list[Document] = []
        for line in self._lines.feed(data):
            if line == b"":
                self._fresh = False
                if self._data or self._too_long:
                    self._dispatch(documents)
                self._reset()
            else:
                self._take(line)
        self._between = data.endswith(_BLANK) and not self._fresh
        return documents

    def finish(self) -> Sequence[Document]:
        """Return the event that the end of the body cut off, if any."""
        documents: list[Document] = []
        line = self._lines.finish()
        if line != b"":
            self._take(line)
        if self._data or self._too_long:
            self._dispatch(documents)
        self._reset()
        return documents

    def _take(self, line: bytes | None) -> None:
        if line is None:
            self._too_long = True
            return
        if self._fresh:
            line = line.removeprefix(_BOM)
            self._fresh = False
        field, _, value = line.partition(b":")
        if field == b"data":
            self._add(value.removeprefix(b" "))
        elif field == b"event":
            self._name = value.removeprefix(b" ")

    def _add(self, value: bytes) -> None:
        self._size_bytes += len(value)
        if self._size_bytes > self._limit_bytes:
            self._too_long = True
            self._data.clear()
        else:
            self._data.append(value)

    def _dispatch(self, documents: list[Document]) -> None:
        if self._too_long:
            self.unparsed += 1
        else:
            documents.append((self._name, self._data[0] if len(self._data) == 1 else b"\n".join(self._data)))

    def _reset(self) -> None:
        self._data: list[bytes] = []
        self._name = b""
        self._size_bytes = 0
        self._too_long = False


def _only_event(data: bytes) -> Document | None:
    """Return the event of a chunk that is exactly one, as servers mostly send them; None leaves it to the rules."""
    if data.endswith(b"\n\n"):
        end, returns = -2, 0
    elif data.endswith(b"\r\n\r\n"):
        end, returns = -4, 2
    else:
        return None
    lines = data.count(b"\n")
    if lines == 2 and data.startswith(b"data: ") and data.count(b"\r") == returns:
        return b"", data[6:end]
    if lines == 3 and returns == 0 and data.startswith(b"event: ") and b"\r" not in data:
        name_end = data.index(b"\n")
        if data.startswith(b"data: ", name_end + 1):
            return data[7:name_end], data[name_end + 7 : end]
    return None
