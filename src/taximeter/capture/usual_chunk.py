"""Usual chunk: what nearly all of a stream consists of, passed on without being decoded."""

from typing import Self

from taximeter.capture.usage_filter import UsageFilter
from taximeter.providers import Likeness

_QUOTE = ord('"')  # a number is found in bytes in a tenth of the time that bytes of length one are
_BACKSLASH = ord("\\")


class UsualChunk:
    """Recognises the chunks of server-sent events that differ from an earlier one in their text alone.

    Where all but the inside of one JSON string is the same, and that has no quote in it, nothing else can be new. Only
    the length of the texts is noted, for the estimate of a stream that is cut.

    Args:
        likeness: What the chunks have in common.
        left: The same of what the application gets of them.
    """

    __slots__ = ("_end", "_head", "_head_bytes", "_left", "_middle", "_tail", "text_bytes")

    def __init__(self, likeness: Likeness, left: Likeness) -> None:
        self._head, self._middle, self._tail = likeness
        self._head_bytes, self._end = len(likeness.head), -len(likeness.tail)
        self._left = None if left == likeness else left
        self.text_bytes = 0
        """How much text has gone by."""

    @classmethod
    def of(cls, likeness: Likeness, usage_filter: UsageFilter | None) -> Self | None:
        """Return the usual chunk of a stream, None where what comes out of it stands before the text."""
        if usage_filter is None:
            return cls(likeness, likeness)
        left = _left_of(likeness, usage_filter.left_of(b"".join(likeness)))
        return left and cls(likeness, left)

    def left_of(self, chunk: bytes) -> bytes | None:
        """Return what the application gets of *chunk*, None where it is another one.

        The one before has to have ended with an event. This is what each chunk of a stream costs.
        """
        if not (chunk.startswith(self._head) and chunk.endswith(self._tail)):
            return None
        text = chunk[self._head_bytes : self._end]
        if self._middle:
            return self._left_of_noisy(chunk, text)
        if _QUOTE in text or (_BACKSLASH in text and text[-1] == _BACKSLASH):
            return None
        self.text_bytes += len(text)
        return chunk if self._left is None else chunk[: self._end] + self._left.tail

    def _left_of_noisy(self, chunk: bytes, inside: bytes) -> bytes | None:
        text, middle, noise = inside.partition(self._middle)
        if not middle or _QUOTE in text or _QUOTE in noise or _BACKSLASH in noise:
            return None
        if _BACKSLASH in text and text[-1] == _BACKSLASH:
            return None
        self.text_bytes += len(text)
        left = self._left
        return chunk if left is None else b"".join((left.head, text, left.middle, noise, left.tail))


def _left_of(likeness: Likeness, left: bytes) -> Likeness | None:
    """Return *left*, a chunk without text of which something was taken out, in its parts."""
    head, middle, tail = likeness
    removed = len(head) + len(middle) + len(tail) - len(left)
    middle_end = len(head) + len(middle)
    for parts in (
        Likeness(head, middle, left[middle_end:]),
        Likeness(head, left[len(head) : middle_end - removed], tail),
    ):
        if removed >= 0 and b"".join(parts) == left:
            return parts
    return None
