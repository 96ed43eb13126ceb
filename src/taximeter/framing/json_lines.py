"""JSON lines: one document a line (https://github.com/ndjson/ndjson-spec), as Ollama and older Cohere streams are."""

from collections.abc import Iterable, Sequence

from taximeter.framing.document import DOCUMENT_LIMIT_BYTES, Document
from taximeter.framing.lines import Lines


class JsonLines:
    """Cuts a body at its line ends; blank lines are no documents.

    Args:
        limit_bytes: A longer line is passed over and counted as unparsed.
    """

    __slots__ = ("_lines", "unparsed")

    def __init__(self, limit_bytes: int = DOCUMENT_LIMIT_BYTES) -> None:
        self.unparsed = 0
        self._lines = Lines(limit_bytes)

    def feed(self, data: bytes, /) -> Sequence[Document]:
        """Take the next bytes and return the lines that they complete."""
        return self._documents(self._lines.feed(data))

    def finish(self) -> Sequence[Document]:
        """Return the last line, whether or not something ended it."""
        return self._documents((self._lines.finish(),))

    def _documents(self, lines: Iterable[bytes | None]) -> Sequence[Document]:
        documents: list[Document] = []
        for line in lines:
            if line is None:
                self.unparsed += 1
            elif not line.isspace() and line:
                documents.append((b"", line))
        return documents
