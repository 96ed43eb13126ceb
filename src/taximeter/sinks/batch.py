"""Batch: what is written together, frozen before the first attempt."""

import msgspec

from taximeter.event import Event, decode_event


class Batch(msgspec.Struct, frozen=True, eq=False):
    """Events in the order they were tracked, each as one line of JSON without the line's end."""

    lines: tuple[bytes, ...]
    size_bytes: int
    """Length of all lines together."""

    @property
    def events(self) -> tuple[Event, ...]:
        """The events, read from their lines each time this is asked for."""
        return tuple(map(decode_event, self.lines))

    def __len__(self) -> int:
        return len(self.lines)


def batch_of(lines: list[bytes]) -> Batch:
    """Return the lines as a batch."""
    return Batch(tuple(lines), sum(map(len, lines)))
