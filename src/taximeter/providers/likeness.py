"""Likeness: knows chunks that differ from an earlier one in their text alone, so that nobody has to decode them."""

import re

_TEXT = re.compile(rb'"(?:content|text|reasoning_content|thinking)":\s?"((?:[^"\\]|\\.)*)"')
_BLANK = b"\n\n"
_BACKSLASH = 0x5C
_TRIES = (
    16  # a stream whose chunks differ in more than their text, as by an obfuscation, is not tried for ever
)


class Likeness:
    """Compares chunks of server-sent events with one that held nothing but text.

    Where all but the inside of one JSON string is the same, and that has no quote in it, the chunk is as plain.
    """

    __slots__ = ("_head", "_is_between", "_tail", "_tries", "frame_bytes")

    def __init__(self) -> None:
        self.frame_bytes = 0
        """What of such a chunk is framing and no document."""
        self._head = b""
        self._tail = b""
        self._tries = _TRIES
        self._is_between = False  # what came last has ended an event

    def holds(self, chunk: bytes) -> bool:
        """Whether *chunk* is like the one learnt; only True leaves it out of what is noted here."""
        head, tail = self._head, self._tail
        if (
            self._is_between
            and head
            and chunk.startswith(head)
            and chunk.endswith(tail)
            and chunk.find(b'"', len(head), -len(tail)) < 0
            and len(chunk) >= len(head) + len(tail)
            and chunk[-len(tail) - 1] != _BACKSLASH
        ):
            return True
        self._is_between = chunk.endswith(_BLANK)
        return False

    def learn(self, chunk: bytes, document: bytes) -> None:
        """Take a chunk that was one event, and its document, which was plain."""
        if not self._tries or not chunk.endswith(_BLANK):
            return
        self._tries -= 1
        found = _TEXT.search(chunk)
        if found is not None and _TEXT.search(chunk, found.end()) is None:
            self._head, self._tail = chunk[: found.start(1)], chunk[found.end(1) :]
            self.frame_bytes = len(chunk) - len(document)
