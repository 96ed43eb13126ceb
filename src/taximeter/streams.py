"""Streams: any iterator of a provider's chunks, metered while the application reads it."""

import inspect
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from functools import cache
from typing import Any, TypeVar

from taximeter.builder import EventFields
from taximeter.capture.recorder import Tracks
from taximeter.errors import ConfigurationError
from taximeter.providers.chunks import ChunkReading
from taximeter.providers.directory import FORMATS
from taximeter.said import AnswerText, content_limit_of
from taximeter.stream_call import StreamCall

StreamT = TypeVar("StreamT")

_ALLOWED = "an iterator, plain or async, or a context manager that gives one"
_LAYERS = 4  # of wrappers that HTTP libraries put around a response's stream; there is one
_GIVES_ITEMS = {"__iter__", "__next__", "__aiter__", "__anext__", "__enter__", "__aenter__"}
_FIELDS = frozenset(EventFields.__annotations__) - {"model", "requested_model", "wire_format", "streaming"}


def wrap_stream(
    stream: StreamT,
    tracker: Tracks,
    *,
    provider: str | None = None,
    wire_format: str | None = None,
    model: str | None = None,
    request: Mapping[str, Any] | None = None,
    started_s: float | None = None,
    **fields: Any,
) -> StreamT:
    """Return a stream that gives the very items of *stream*, raises its exceptions, and makes one event of it.

    It is iterated, closed and entered as *stream* is, has all its other attributes, and passes for its class. Where a
    client that this tracker meters is seen below, the event is the wire's, which tells more than the items do.

    Args:
        stream: Items of an SDK, decoded dicts, bytes or lines of the wire, or texts.
        tracker: Where the event goes.
        provider: Who answers; None takes the one whose format the items are in.
        wire_format: The format's name; None looks at the first item.
        model: The model asked for.
        request: The request's body, for the task type and, where nobody counts, an estimate of the input; only the privacy level
            `full` keeps what it says.
        started_s: `time.perf_counter()` of when the request went out; None means now.
        **fields: Fields of the event.

    Raises:
        ConfigurationError: Something that is no stream or no time, a format or a field that there is not.
    """
    _check(stream, wire_format, started_s, fields)
    if _is_metered(stream, tracker):
        return stream
    answer = AnswerText(limit) if (limit := content_limit_of(tracker)) else None
    reading = ChunkReading(
        provider=provider,
        wire_format=wire_format,
        model=model,
        request=request,
        hear=None if answer is None else answer.add,
    )
    call = StreamCall(tracker, reading, started_s=started_s, fields=fields)
    if answer is not None:
        call.keep_said(answer, request)
    metered: StreamT = _wrapped(stream, call)
    return metered


def _check(stream: Any, wire_format: str | None, started_s: Any, fields: Mapping[str, Any]) -> None:
    if not _GIVES_ITEMS.intersection(_features(type(stream))):
        raise ConfigurationError("stream", type(stream).__qualname__, _ALLOWED)
    if wire_format is not None and wire_format not in FORMATS:
        raise ConfigurationError("wire_format", wire_format, f"one of {', '.join(FORMATS)}")
    if started_s is not None and not isinstance(started_s, int | float):
        raise ConfigurationError("started_s", started_s, "what `time.perf_counter()` returned, or None")
    for name, value in fields.items():
        if name not in _FIELDS:
            raise ConfigurationError(name, value, f"one of {', '.join(sorted(_FIELDS))}")


def _is_metered(stream: Any, tracker: Tracks) -> bool:
    """Whether the transport below an SDK's stream records the same call for the same tracker."""
    with suppress(Exception):  # attributes of a foreign object may do anything
        body = stream.response.stream
        for _ in range(_LAYERS):
            if recorder := getattr(getattr(body, "_call", None), "recorder", None):
                return bool(recorder.tracker is tracker)
            body = body._stream  # noqa: SLF001 - the library's own wrapper around the transport's
    return False


def _wrapped(stream: Any, call: StreamCall) -> Any:
    features = _features(type(stream))
    return _wrapper_class(features)(stream, call) if features else stream


def _features(kind: type) -> tuple[str, ...]:
    return tuple(name for name in _METHODS if hasattr(kind, name))


@cache
def _wrapper_class(features: tuple[str, ...]) -> type:
    """Return a class with exactly those methods, so that the wrapper is as much of an iterator as what it wraps."""
    return type("MeteredStream", (_Wrapper,), {name: _METHODS[name] for name in features})


class _Wrapper:
    def __init__(self, stream: Any, call: StreamCall) -> None:
        self._taximeter_stream = stream
        self._taximeter_call = call

    @property
    def __class__(self) -> Any:  # `isinstance` asks for it
        return type(self._taximeter_stream)

    @__class__.setter
    def __class__(self, kind: Any) -> None:
        raise TypeError(kind)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_taximeter_"):  # not there yet, while being copied
            raise AttributeError(name)
        return getattr(self._taximeter_stream, name)


def _iter(self: Any) -> Any:
    iterator = iter(self._taximeter_stream)
    return self if iterator is self._taximeter_stream else _wrapped(iterator, self._taximeter_call)


def _aiter(self: Any) -> Any:
    iterator = aiter(self._taximeter_stream)
    return self if iterator is self._taximeter_stream else _wrapped(iterator, self._taximeter_call)


def _stepping(name: str) -> Callable[..., Any]:
    """Return a method that takes the next item."""

    def step(self: Any, *args: Any) -> Any:
        call: StreamCall = self._taximeter_call
        call.look()
        try:
            with call.seen:
                chunk = getattr(self._taximeter_stream, name)(*args)
        except StopIteration:
            call.end()
            raise
        except BaseException as error:
            call.fail(error)
            raise
        call.arrive(chunk)
        return chunk

    return step


def _async_stepping(name: str) -> Callable[..., Any]:
    async def step(self: Any, *args: Any) -> Any:
        call: StreamCall = self._taximeter_call
        call.look()
        try:
            with call.seen:
                chunk = await getattr(self._taximeter_stream, name)(*args)
        except StopAsyncIteration:
            call.end()
            raise
        except BaseException as error:
            call.fail(error)
            raise
        call.arrive(chunk)
        return chunk

    return step


def _leaving(name: str) -> Callable[..., Any]:
    """Return a method that lets go of the stream; where it gives an awaitable, the call is left after that."""

    def leave(self: Any, *args: Any) -> Any:
        call: StreamCall = self._taximeter_call
        try:
            with call.seen:
                result = getattr(self._taximeter_stream, name)(*args)
        except BaseException:
            call.leave()
            raise
        if inspect.isawaitable(result):
            return _left_after(result, call)
        call.leave()
        return result

    return leave


async def _left_after(result: Awaitable[Any], call: StreamCall) -> Any:
    try:
        with call.seen:
            return await result
    finally:
        call.leave()


def _enter(self: Any) -> Any:
    call: StreamCall = self._taximeter_call
    try:
        with call.seen:
            entered = self._taximeter_stream.__enter__()
    except BaseException as error:
        call.fail(error)
        raise
    return self if entered is self._taximeter_stream else _wrapped(entered, call)


async def _aenter(self: Any) -> Any:
    call: StreamCall = self._taximeter_call
    try:
        with call.seen:
            entered = await self._taximeter_stream.__aenter__()
    except BaseException as error:
        call.fail(error)
        raise
    return self if entered is self._taximeter_stream else _wrapped(entered, call)


_METHODS: dict[str, Callable[..., Any]] = {
    "__iter__": _iter,
    "__next__": _stepping("__next__"),
    "__aiter__": _aiter,
    "__anext__": _async_stepping("__anext__"),
    "__enter__": _enter,
    "__exit__": _leaving("__exit__"),
    "__aenter__": _aenter,
    "__aexit__": _leaving("__aexit__"),
    "send": _stepping("send"),
    "throw": _stepping("throw"),
    "asend": _async_stepping("asend"),
    "athrow": _async_stepping("athrow"),
    "close": _leaving("close"),
    "aclose": _leaving("aclose"),
}
"""What a stream may be asked to do that ends it or gives the next item."""
