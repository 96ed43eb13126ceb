"""JSON array: one long array whose elements arrive one by one, as Gemini streams without `alt=sse`."""

import re
from collections.abc import Sequence

from taximeter.framing.document import DOCUMENT_LIMIT_BYTES, Document

_SIGN = re.compile(rb'["\\{}\[\]]')
_QUOTE, _ESCAPE = b'"', b"\\"
_OPENING, _CLOSING = b"{[", b"}]"


class JsonArray:
    """Cuts the objects and arrays out of the outermost array; plain values between them are of no interest here.

    Args:
        limit_bytes: A longer element is passed over and counted as unparsed.
    """

    __slots__ = (
        "_depth",
        "_escaped",
        "_held_bytes",
        "_in_text",
        "_limit_bytes",
        "_parts",
        "closed",
        "unparsed",
    )

    def __init__(self, limit_bytes: int = DOCUMENT_LIMIT_BYTES) -> None:
        self.unparsed = 0
        self.closed = False
        self._limit_bytes = limit_bytes
        self._depth = 0
        self._in_text = self._escaped = False
        self._parts: list[bytes] = []
        self._held_bytes = 0

    def feed(self, data: bytes, /) -> Sequence[Document]:
        """Take the next bytes and return the elements that they complete."""
        documents: list[Document] = []
        start = 0  # of the element in these bytes
        passed_over = 0 if self._escaped else -1  # where an escaped character stands
        self._escaped = False
        for match in _SIGN.finditer(data):
            at, sign = match.start(), match[0]
            if at == passed_over:
                continue
            if sign == _ESCAPE:
                passed_over = at + 1 if self._in_text else -1
            elif sign == _QUOTE:
                self._in_text = not self._in_text
            elif not self._in_text and sign in _OPENING:
                self._depth += 1
                start = at if self._depth == 2 else start
            elif not self._in_text:
                self._depth -= 1
                if self._depth == 1:
                    self._cut(data[start : at + 1], documents)
                self.closed = self.closed or self._depth <= 0
        self._escaped = passed_over == len(data)
        if self._depth > 1:
            self._hold(data[start:])
        return documents

    def finish(self) -> Sequence[Document]:
        """Return nothing: an element without its end is no document."""
        return ()

    def _hold(self, part: bytes) -> None:
        self._held_bytes += len(part)
        if self._held_bytes <= self._limit_bytes:
            self._parts.append(part)
        else:
            self._parts.clear()

    def _cut(self, end: bytes, documents: list[Document]) -> None:
        self._hold(end)
        if self._held_bytes <= self._limit_bytes:
            documents.append((b"", b"".join(self._parts)))
        else:
            self.unparsed += 1
        self._parts.clear()
        self._held_bytes = 0
