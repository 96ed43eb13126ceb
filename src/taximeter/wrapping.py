"""Wrapping: functions of every kind run inside a context, generators only while their own body runs."""

import functools
import inspect
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import AbstractContextManager
from typing import Any, TypeVar, cast

F = TypeVar("F", bound=Callable[..., Any])

Enter = Callable[[], AbstractContextManager[Any]]
"""Makes the context anew each time it is entered."""

Begin = Callable[[], Enter]
"""Asked at each call of the function: what this call runs in."""


def wrapped(function: F, begin: Begin) -> F:
    """Return *function*, each call of which runs in what *begin* says; static and class methods stay such."""
    if isinstance(function, staticmethod | classmethod):
        return cast("F", type(function)(wrapped(function.__func__, begin)))
    wrap = next((wrap for is_kind, wrap in _WRAPPERS if is_kind(function)), _wrap_function)
    return cast("F", wrap(function, begin))


def is_plain_function(function: Any) -> bool:
    """Whether *function* does its work while it is called, and not later as a coroutine or generator."""
    return not any(is_kind(function) for is_kind, _ in _WRAPPERS)


def _wrap_function(function: Any, begin: Begin) -> Any:
    @functools.wraps(function)
    def in_context(*args: Any, **kwargs: Any) -> Any:
        with begin()():
            return function(*args, **kwargs)

    return in_context


def _wrap_coroutine_function(function: Any, begin: Begin) -> Any:
    @functools.wraps(function)
    async def in_context(*args: Any, **kwargs: Any) -> Any:
        with begin()():
            return await function(*args, **kwargs)

    return in_context


def _wrap_generator_function(function: Any, begin: Begin) -> Any:
    @functools.wraps(function)
    def in_context(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
        return (yield from _Stepped(function(*args, **kwargs), begin()))

    return in_context


class _Stepped(Generator[Any, Any, Any]):
    """A generator whose context is entered only while its body runs, so its consumer keeps its own."""

    def __init__(self, inner: Generator[Any, Any, Any], enter: Enter) -> None:
        self._inner = inner
        self._enter = enter

    def send(self, value: Any) -> Any:
        with self._enter():
            return self._inner.send(value)

    def throw(self, *error: Any) -> Any:
        with self._enter():
            return self._inner.throw(*error)

    def close(self) -> None:
        with self._enter():
            self._inner.close()


def _wrap_async_generator_function(function: Any, begin: Begin) -> Any:
    @functools.wraps(function)
    async def in_context(*args: Any, **kwargs: Any) -> AsyncGenerator[Any, Any]:
        # All is passed on as `yield from` would. An event loop closes a generator that was left half way, and knows
        # only those of the language: of the body alone, it would run the end outside of the context.
        stepped = _AsyncStepped(function(*args, **kwargs), begin())
        try:
            item = await stepped.asend(None)
            while True:
                thrown: BaseException | None = None
                try:
                    sent = yield item
                except GeneratorExit:
                    await stepped.aclose()
                    raise
                except BaseException as error:  # what the consumer throws in is the body's to handle
                    thrown = error
                item = await (stepped.asend(sent) if thrown is None else stepped.athrow(thrown))
        except StopAsyncIteration:
            return

    return in_context


class _AsyncStepped(AsyncGenerator[Any, Any]):
    """The same for an async generator."""

    def __init__(self, inner: AsyncGenerator[Any, Any], enter: Enter) -> None:
        self._inner = inner
        self._enter = enter

    async def asend(self, value: Any) -> Any:
        with self._enter():
            return await self._inner.asend(value)

    async def athrow(self, *error: Any) -> Any:
        with self._enter():
            return await self._inner.athrow(*error)

    async def aclose(self) -> None:
        with self._enter():
            await self._inner.aclose()


_WRAPPERS: tuple[tuple[Callable[[Any], bool], Callable[[Any, Begin], Any]], ...] = (
    (inspect.isasyncgenfunction, _wrap_async_generator_function),
    (inspect.isgeneratorfunction, _wrap_generator_function),
    (inspect.iscoroutinefunction, _wrap_coroutine_function),
)
