"""Scopes: who is calling and why, known to everything below it without being passed along."""

import functools
import inspect
from collections.abc import AsyncGenerator, Callable, Generator, Mapping
from contextlib import suppress
from contextvars import ContextVar, Token
from types import TracebackType
from typing import Any, TypeVar, cast

import msgspec

from taximeter.errors import ConfigurationError
from taximeter.identifier import new_span_id, new_trace_id
from taximeter.vocabulary import Complexity, TaskType

F = TypeVar("F", bound=Callable[..., Any])


class Scope(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the application was doing; None where it did not say.

    `span_id` is the scope's own span: the calls made inside have it as their parent.
    """

    task_type: TaskType | None = None
    complexity: Complexity | None = None
    harness: str | None = None
    service: str | None = None
    run_id: str | None = None
    trace_id: str | None = None
    span_id: str | None = None
    parent_span_id: str | None = None
    call_id: str | None = None
    agent: str | None = None
    user: str | None = None
    session: str | None = None
    tags: dict[str, str] | None = None

    def within(self, **fields: Any) -> "Scope":
        """Return a scope inside this one: what *fields* leave open is inherited, tags are added, a span is opened.

        Raises:
            ConfigurationError: A field that no scope has.
        """
        given = {name: _read_field(name, value) for name, value in fields.items() if value is not None}
        if "tags" in given:
            given["tags"] = {**(self.tags or {}), **given["tags"]}
        given.setdefault("trace_id", self.trace_id or new_trace_id())
        given.setdefault("span_id", new_span_id())
        given.setdefault("parent_span_id", self.span_id)
        return msgspec.structs.replace(self, **given)


def _read_field(name: str, value: Any) -> Any:
    if name not in Scope.__struct_fields__:
        raise ConfigurationError(
            name, value, f"one of the scope's fields: {', '.join(Scope.__struct_fields__)}"
        )
    if name == "tags":
        if not isinstance(value, Mapping):
            raise ConfigurationError(name, value, "a mapping of names to values")
        return {str(tag): str(text) for tag, text in value.items()}
    return _READERS.get(name, str)(value)


_READERS: dict[str, Callable[[Any], Any]] = {"task_type": TaskType, "complexity": Complexity}

NOBODY = Scope()
_current: ContextVar[Scope] = ContextVar("taximeter_scope", default=NOBODY)


def current_scope() -> Scope:
    """Return the innermost scope around the caller; an empty one outside of all."""
    return _current.get()


class scope:  # noqa: N801 - reads as a statement: `with taximeter.scope(agent="reviewer"):`
    """Say who calls models and why, for a block or for every run of a function.

    Works as a context manager and as a decorator of functions, coroutine functions and (async) generator functions.
    Scopes nest; tasks started inside inherit. Fields: see `Scope`; values become strings, `tags` a dict of strings.

    Raises:
        ConfigurationError: A field that no scope has, at construction.
    """

    def __init__(self, **fields: Any) -> None:
        NOBODY.within(**fields)
        self._fields = fields
        self._tokens: list[Token[Scope]] = []

    def __enter__(self) -> Scope:
        inner = current_scope().within(**self._fields)
        self._tokens.append(_current.set(inner))
        return inner

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        _leave(self._tokens.pop())

    async def __aenter__(self) -> Scope:
        return self.__enter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.__exit__(kind, error, trace)

    def __call__(self, function: F) -> F:
        """Run *function* in this scope each time it is called; a generator only while its own body runs.

        Raises:
            TypeError: Something else than a function was decorated.
        """
        if isinstance(function, staticmethod | classmethod):
            return cast("F", type(function)(self(function.__func__)))
        if isinstance(function, type) or not callable(function):
            raise TypeError(f"taximeter.scope decorates functions, not {function!r}")
        wrap = next((wrap for is_kind, wrap in _WRAPPERS if is_kind(function)), _wrap_function)
        return cast(F, wrap(function, self._fields))


class _Active:
    """A ready scope, made current for a moment."""

    def __init__(self, inner: Scope) -> None:
        self._inner = inner

    def __enter__(self) -> None:
        self._token = _current.set(self._inner)

    def __exit__(self, *_: object) -> None:
        _leave(self._token)


def _leave(token: Token[Scope]) -> None:
    with suppress(
        ValueError
    ):  # closed in another context than it was opened in: nothing of it is current there
        _current.reset(token)


def _wrap_function(function: Any, fields: dict[str, Any]) -> Any:
    @functools.wraps(function)
    def in_scope(*args: Any, **kwargs: Any) -> Any:
        with scope(**fields):
            return function(*args, **kwargs)

    return in_scope


def _wrap_coroutine_function(function: Any, fields: dict[str, Any]) -> Any:
    @functools.wraps(function)
    async def in_scope(*args: Any, **kwargs: Any) -> Any:
        with scope(**fields):
            return await function(*args, **kwargs)

    return in_scope


def _wrap_generator_function(function: Any, fields: dict[str, Any]) -> Any:
    @functools.wraps(function)
    def in_scope(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
        return (yield from _Stepped(function(*args, **kwargs), current_scope().within(**fields)))

    return in_scope


class _Stepped(Generator[Any, Any, Any]):
    """A generator whose scope is current only while its body runs, so its consumer keeps its own."""

    def __init__(self, inner: Generator[Any, Any, Any], around: Scope) -> None:
        self._inner = inner
        self._around = around

    def send(self, value: Any) -> Any:
        with _Active(self._around):
            return self._inner.send(value)

    def throw(self, *error: Any) -> Any:
        with _Active(self._around):
            return self._inner.throw(*error)

    def close(self) -> None:
        with _Active(self._around):
            self._inner.close()


def _wrap_async_generator_function(function: Any, fields: dict[str, Any]) -> Any:
    @functools.wraps(function)
    def in_scope(*args: Any, **kwargs: Any) -> AsyncGenerator[Any, Any]:
        return _AsyncStepped(function(*args, **kwargs), current_scope().within(**fields))

    return in_scope


class _AsyncStepped(AsyncGenerator[Any, Any]):
    """The same for an async generator."""

    def __init__(self, inner: AsyncGenerator[Any, Any], around: Scope) -> None:
        self._inner = inner
        self._around = around

    async def asend(self, value: Any) -> Any:
        with _Active(self._around):
            return await self._inner.asend(value)

    async def athrow(self, *error: Any) -> Any:
        with _Active(self._around):
            return await self._inner.athrow(*error)

    async def aclose(self) -> None:
        with _Active(self._around):
            await self._inner.aclose()


_WRAPPERS: tuple[tuple[Callable[[Any], bool], Callable[[Any, dict[str, Any]], Any]], ...] = (
    (inspect.isasyncgenfunction, _wrap_async_generator_function),
    (inspect.isgeneratorfunction, _wrap_generator_function),
    (inspect.iscoroutinefunction, _wrap_coroutine_function),
)
