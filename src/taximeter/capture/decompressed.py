"""Decompressed: an answer that came compressed against our wish, as it would have come had the server complied."""

from collections.abc import AsyncIterator, Iterator
from functools import cache
from typing import Any


def is_read_by(request: Any, encoding: str) -> bool:
    """Whether the application's own *request* says that its client reads all of a `content-encoding`."""
    accepted = request.headers.get("accept-encoding", "").lower()
    return _words(encoding.lower()) <= _words(accepted)


def _words(header: str) -> set[str]:
    return {word.partition(";")[0].strip() for word in header.split(",")}


def decompressed(response: Any) -> Any:
    """Return *response* with plain bytes, and without the headers that speak of others.

    The library decompresses them itself, so that bytes that cannot be are its own error.
    """
    headers = response.headers.copy()
    for name in ("content-encoding", "content-length"):
        headers.pop(name, None)
    stream_class: type = type(response.stream)
    if response.is_closed:  # made in memory, where it is decompressed already
        body: dict[str, Any] = {"content": response.content}
    else:
        body = {"stream": _stream_class(stream_class)(response)}
    return type(response)(response.status_code, headers=headers, extensions=response.extensions, **body)


@cache
def _stream_class(stream_class: type) -> type:
    """Return a class of streams that the library takes for the same kind as *stream_class*."""
    names = {base.__name__: base for base in stream_class.__mro__}
    bases = [names[name] for name in ("SyncByteStream", "AsyncByteStream") if name in names]
    return type("DecompressedStream", (_DecompressedStream, *bases), {})


class _DecompressedStream:
    def __init__(self, response: Any) -> None:
        self._response = response

    def __iter__(self) -> Iterator[bytes]:
        chunks: Iterator[bytes] = self._response.iter_bytes()
        return chunks

    def close(self) -> None:
        self._response.close()

    def __aiter__(self) -> AsyncIterator[bytes]:
        chunks: AsyncIterator[bytes] = self._response.aiter_bytes()
        return chunks

    async def aclose(self) -> None:
        await self._response.aclose()
