"""Lines: bytes to lines, ended by CR, LF or CRLF, whatever the chunking."""

from collections.abc import Sequence


class Lines:
    """Collects chunks until a line is whole.

    Args:
        limit_bytes: A longer line is not kept; None stands in its place.
    """

    __slots__ = ("_after_cr", "_held_bytes", "_limit_bytes", "_parts")

    def __init__(self, limit_bytes: int) -> None:
        self._limit_bytes = limit_bytes
        self._parts: list[bytes] = []
        self._held_bytes = 0
        self._after_cr = False

    def feed(self, data: bytes) -> Sequence[bytes | None]:
        """Return the lines that *data* completes, without their ends."""
        if self._after_cr and data.startswith(b"\n"):
            data = data[1:]
            self._after_cr = False
        if not data:
            return ()
        self._after_cr = data.endswith(b"\r")
        lines: list[bytes | None] = [*data.splitlines()]
        rest = None if data.endswith((b"\n", b"\r")) else lines.pop()
        if lines and self._held_bytes:
            lines[0] = self._join(lines[0] or b"")
        if rest:
            self._hold(rest)
        if len(data) > self._limit_bytes:
            return [line if line is None or len(line) <= self._limit_bytes else None for line in lines]
        return lines

    def finish(self) -> bytes | None:
        """Return the last line, which nothing ended; empty when there is none, None when it was too long."""
        return self._join(b"")

    def _hold(self, part: bytes) -> None:
        self._held_bytes += len(part)
        if self._held_bytes <= self._limit_bytes:
            self._parts.append(part)
        else:
            self._parts.clear()

    def _join(self, end: bytes) -> bytes | None:
        self._hold(end)
        line = b"".join(self._parts) if self._held_bytes <= self._limit_bytes else None
        self._parts.clear()
        self._held_bytes = 0
        return line
