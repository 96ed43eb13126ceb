"""Whole body: one document, known when it has ended."""

from collections.abc import Sequence

from taximeter.framing.document import BODY_LIMIT_BYTES, TAIL_BYTES, Document


class WholeBody:
    """Keeps a body until it has ended.

    Args:
        limit_bytes: Of a longer body only the end is kept, and it is counted as unparsed.
    """

    __slots__ = ("_limit_bytes", "_parts", "held_bytes", "tail", "unparsed")

    def __init__(self, limit_bytes: int = BODY_LIMIT_BYTES) -> None:
        self.unparsed = 0
        self.held_bytes = 0
        self.tail = b""
        """The end of a body that was too long; empty while the whole of it is kept."""
        self._limit_bytes = limit_bytes
        self._parts: list[bytes] = []

    def feed(self, data: bytes, /) -> Sequence[Document]:
        """Keep the next bytes; nothing is complete before the end."""
        self.held_bytes += len(data)
        if self.held_bytes <= self._limit_bytes:
            self._parts.append(data)
        else:
            self._keep_tail(data)
        return ()

    def finish(self) -> Sequence[Document]:
        """Return the body."""
        if self.held_bytes > self._limit_bytes:
            self.unparsed += 1
            return ()
        body = b"".join(self._parts)
        self._parts.clear()
        return ((b"", body),) if body else ()

    def _keep_tail(self, data: bytes) -> None:
        if self._parts:
            self.tail = b"".join(self._parts)[-TAIL_BYTES:]
            self._parts.clear()
        self.tail = (self.tail + data[-TAIL_BYTES:])[-TAIL_BYTES:]
