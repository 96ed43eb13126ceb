"""Streams that a wrapped method returned: the items go on as they come, the end of them ends the call."""

from collections.abc import AsyncIterator, Iterator
from typing import Any, Self

from taximeter.capture.call import leave_at_exit
from taximeter.middleware.invocation import Invocation


def followed_stream(stream: Any, invocation: Invocation) -> Any:
    """Return *stream* metered if it is one, else None."""
    if isinstance(stream, AsyncIterator):
        return AsyncStream(stream, invocation)
    return Stream(stream, invocation) if isinstance(stream, Iterator) else None


class _Followed:
    """Passes everything on to the stream inside; what is left unread and thrown away is a call that was cancelled."""

    def __init__(self, stream: Any, invocation: Invocation) -> None:
        self._stream = stream
        self._invocation = invocation
        leave_at_exit(invocation)

    def __getattr__(self, name: str) -> Any:
        if name in {"_stream", "_invocation"}:  # not there yet, while being copied
            raise AttributeError(name)
        return getattr(self._stream, name)

    def __del__(self) -> None:
        self._invocation.leave()


class Stream(_Followed):
    """A plain iterator."""

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Any:
        with self._invocation:
            return self._invocation.passing(next(self._stream))

    def close(self) -> None:
        """Stop reading."""
        with self._invocation:
            self._stream.close()
        self._invocation.leave()

    def __enter__(self) -> Self:
        self._stream.__enter__()
        return self

    def __exit__(self, *error: object) -> Any:
        with self._invocation:
            result = self._stream.__exit__(*error)
        self._invocation.leave()
        return result


class AsyncStream(_Followed):
    """An async iterator."""

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Any:
        with self._invocation:
            return self._invocation.passing(await anext(self._stream))

    async def aclose(self) -> None:
        """Stop reading."""
        with self._invocation:
            await self._stream.aclose()
        self._invocation.leave()

    async def __aenter__(self) -> Self:
        await self._stream.__aenter__()
        return self

    async def __aexit__(self, *error: object) -> Any:
        with self._invocation:
            result = await self._stream.__aexit__(*error)
        self._invocation.leave()
        return result
