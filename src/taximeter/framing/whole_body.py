"""Whole body: one document, known when it has ended."""

from collections.abc import Sequence

from taximeter.framing.document import BODY_LIMIT_BYTES, Document


class WholeBody:
    """Keeps a body until it has ended.

    Args:
        limit_bytes: A longer body is dropped and counted as unparsed.
    """

    __slots__ = ("_limit_bytes", "_parts", "held_bytes", "unparsed")

    def __init__(self, limit_bytes: int = BODY_LIMIT_BYTES) -> None:
        self.unparsed = 0
        self.held_bytes = 0
        self._limit_bytes = limit_bytes
        self._parts: list[bytes] = []

    def feed(self, data: bytes, /) -> Sequence[Document]:
        """Keep the next bytes; nothing is complete before the end."""
        self.held_bytes += len(data)
        if self.held_bytes <= self._limit_bytes:
            self._parts.append(data)
        else:
            self._parts.clear()
        return ()

    def finish(self) -> Sequence[Document]:
        """Return the body."""
        if self.held_bytes > self._limit_bytes:
            self.unparsed += 1
            return ()
        body = b"".join(self._parts)
        self._parts.clear()
        return ((b"", body),) if body else ()
