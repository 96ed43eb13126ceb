"""Items: what those of a stream tell of the call, while they pass."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from taximeter.middleware.adapter import Adapter
from taximeter.middleware.answer import Read, is_counted, labelled, read_answer
from taximeter.providers import Facts, RequestFacts
from taximeter.providers.chunks import ChunkReading


class Items:
    """Reads a provider's chunks, texts, or the item of a library's own that has the usage of the whole.

    Args:
        messages: What was asked, for an estimate of the input where nobody counts; it is not kept in any event.
        read: The application's own way to read a response, which is given the last item.
    """

    def __init__(self, messages: Any, read: Read | None) -> None:
        self._reading = ChunkReading(request=_request(messages))
        self._read = read
        self._last: Any = None
        self._is_counted = False

    @property
    def complete(self) -> bool:
        """Whether the provider's own end mark has been seen, or the usage of the whole."""
        return self._is_counted or self._reading.complete

    def add(self, item: Any) -> None:
        """Take the next item."""
        with suppress(Exception):  # an item's own attributes may do anything
            if self._read is not None or is_counted(item):
                self._last, self._is_counted = item, True
            else:
                self._reading.add(item)

    def facts(self, adapters: Sequence[Adapter], request: RequestFacts, *, whole: bool) -> Facts:
        """Return the facts of the call, labelled by who has answered it; *whole* says that the stream ended by itself."""
        if not self._is_counted:
            return labelled(self._reading.finish(whole=whole), adapters, request)
        facts = read_answer(self._last, adapters, request, self._read)
        facts.streaming = True
        return facts


def _request(messages: Any) -> Mapping[str, Any] | None:
    return {"messages": messages} if isinstance(messages, list | tuple | str) else None
