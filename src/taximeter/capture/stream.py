"""Stream: the body of a response, forwarded before it is looked at."""

from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from functools import cache
from typing import Any

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
    async def __aiter__(self) -> AsyncIterator[bytes]:
        call = self._call
        arrive = call.arrive
        chunks = self._stream.__aiter__()
        try:
            async for chunk in chunks:
                if forwarded := arrive(chunk):
                    yield forwarded
        except GeneratorExit:
            call.leave()
            raise
        except BaseException as error:
            if isinstance(error, Exception) and (rest := call.rest()):
                yield rest
            call.fail(error)
            raise
        finally:
            if isinstance(chunks, AsyncGenerator):
                await chunks.aclose()
        if rest := call.rest():
            yield rest
        call.end()

    async def aclose(self) -> None:
        try:
            await self._stream.aclose()
        finally:
            self._call.leave()
