"""Stream: the body of a response, forwarded before it is looked at."""

from collections.abc import AsyncIterator, Iterator
from functools import cache
from typing import Any, Self

from taximeter.capture.call import Call


def metered_stream(stream: Any, call: Call) -> Any:
    """Return a stream that passes on what *stream* gives and lets *call* see it.

    The clients of both libraries insist on streams of their own classes, so the wrapper inherits from the same one.
    """
    stream_class: type = type(stream)
    return _wrapper_class(stream_class)(stream, call)


@cache
def _wrapper_class(stream_class: type) -> type:
    names = {base.__name__: base for base in stream_class.__mro__}
    bases = [
        base
        for name, wrapper in (("SyncByteStream", _SyncStream), ("AsyncByteStream", _AsyncStream))
        if name in names
        for base in (wrapper, names[name])
    ]
    return type("MeteredStream", tuple(bases), {})


class _Wrapper:
    def __init__(self, stream: Any, call: Call) -> None:
        self._stream = stream
        self._call = call


class _SyncStream(_Wrapper):
    def __iter__(self) -> Iterator[bytes]:
        call = self._call
        try:  # nothing of ours but `arrive` runs for each chunk
            yield from filter(None, map(call.arrive, self._stream))
        except GeneratorExit:
            call.leave()
            raise
        except BaseException as error:
            if isinstance(error, Exception) and (rest := call.rest()):
                yield rest
            call.fail(error)
            raise
        if rest := call.rest():
            yield rest
        call.end()

    def close(self) -> None:
        try:
            self._stream.close()
        finally:
            self._call.leave()


class _AsyncStream(_Wrapper):
    def __aiter__(self) -> AsyncIterator[bytes]:
        return _AsyncChunks(self._stream.__aiter__(), self._call)

    async def aclose(self) -> None:
        try:
            await self._stream.aclose()
        finally:
            self._call.leave()


class _AsyncChunks:
    """The chunks of an async stream; no generator, because a loop ends each of those that is left in a task of its own."""

    def __init__(self, chunks: AsyncIterator[bytes], call: Call) -> None:
        self._next = chunks.__anext__
        self._call = call
        self._error: Exception | None = None

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        if self._error is not None:
            self._call.fail(self._error)
            raise self._error
        try:
            while not (forwarded := self._call.arrive(await self._next())):
                pass
        except StopAsyncIteration:
            if rest := self._call.rest():
                return rest
            self._call.end()
            raise
        except BaseException as error:
            if isinstance(error, Exception) and (rest := self._call.rest()):
                self._error = error
                return rest
            self._call.fail(error)
            raise
        return forwarded

    def __del__(self) -> None:
        self._call.leave()
