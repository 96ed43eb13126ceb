"""Scopes: who is calling and why, known to everything below it without being passed along."""

import functools
import os
from collections.abc import Callable, Iterable, Mapping
from contextvars import ContextVar
from functools import partial
from types import TracebackType
from typing import Any, Self, TypeVar, cast
from urllib.parse import quote, unquote

import msgspec

from taximeter.ambient_span import ambient_span
from taximeter.errors import ConfigurationError
from taximeter.identifier import new_span_id, new_trace_id
from taximeter.trace_context import (
    SAMPLED,
    SpanContext,
    read_baggage,
    read_traceparent,
    write_baggage,
    write_traceparent,
)
from taximeter.vocabulary import Complexity, TaskType
from taximeter.wrapping import is_plain_function, wrapped

F = TypeVar("F", bound=Callable[..., Any])

Headers = Mapping[Any, Any] | Iterable[tuple[Any, Any]]
"""Names and values of a request, as text or bytes, as a mapping or as pairs (ASGI)."""

_CARRIED = ("run_id", "call_id", "task_type", "complexity", "harness", "agent", "user", "session")
"""Fields that travel in baggage, most wanted first."""
_PREFIX = "taximeter."
_TAG_PREFIX = f"{_PREFIX}tag."


class Scope(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the application was doing; None where it did not say.

    `span_id` is the scope's own span: the calls made inside have it as their parent. `trace_flags` are W3C's, two hex
    digits, where another process gave them. `outer_span_id` is OpenTelemetry's span that was current when the scope
    was opened.
    """

    task_type: TaskType | None = None
    complexity: Complexity | None = None
    harness: str | None = None
    service: str | None = None
    run_id: str | None = None
    trace_id: str | None = None
    span_id: str | None = None
    parent_span_id: str | None = None
    trace_flags: str | None = None
    call_id: str | None = None
    agent: str | None = None
    user: str | None = None
    session: str | None = None
    tags: dict[str, str] | None = None
    outer_span_id: str | None = None

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

    def bind(self, function: F) -> F:
        """Return *function*, to be run in this scope by whatever thread, task or process calls it.

        A plain function that can be pickled still can when it is bound.

        Raises:
            ConfigurationError: Something that cannot be called.
        """
        if not callable(function):
            raise ConfigurationError("function", function, "something that can be called")
        if is_plain_function(function):
            return cast("F", _Bound(function, self))
        return wrapped(function, lambda: partial(Active, self))

    def headers(self) -> dict[str, str]:
        """Return the headers that tell another service who calls: `traceparent` and `baggage`.

        Run, call, agent, task type, complexity, harness, user, session and tags travel in the baggage. Both are for
        services of your own: do not send them to a provider.
        """
        carried = {"traceparent": self._traceparent(), "baggage": write_baggage(self._baggage())}
        return {name: value for name, value in carried.items() if value}

    def environment(self) -> dict[str, str]:
        """Return the same as environment variables for a process to be started: `TRACEPARENT` and `BAGGAGE`."""
        return {name.upper(): value for name, value in self.headers().items()}

    def _traceparent(self) -> str | None:
        if self.trace_id is None or self.span_id is None:
            return None
        return write_traceparent(SpanContext(self.trace_id, self.span_id, self.trace_flags or SAMPLED))

    def _baggage(self) -> dict[str, str]:
        fields = {f"{_PREFIX}{name}": text for name in _CARRIED if (text := getattr(self, name)) is not None}
        tags = {
            f"{_TAG_PREFIX}{quote(tag, safe='', errors='replace')}": text
            for tag, text in (self.tags or {}).items()
        }
        return fields | tags


SCOPE_FIELDS = frozenset(Scope.__struct_fields__) - {"outer_span_id"}
"""What can be said of a scope."""


def _read_field(name: str, value: Any) -> Any:
    if name not in SCOPE_FIELDS:
        allowed = filter(SCOPE_FIELDS.__contains__, Scope.__struct_fields__)
        raise ConfigurationError(name, value, f"one of the scope's fields: {', '.join(allowed)}")
    if name == "tags":
        if not isinstance(value, Mapping):
            raise ConfigurationError(name, value, "a mapping of names to values")
        return {str(tag): str(text) for tag, text in value.items()}
    return _READERS.get(name, str)(value)


_READERS: dict[str, Callable[[Any], Any]] = {"task_type": TaskType, "complexity": Complexity}

NOBODY = Scope()
_open: ContextVar[tuple[Scope, ...]] = ContextVar("taximeter_scopes", default=())
_of_process = NOBODY


def current_scope() -> Scope:
    """Return the innermost scope around the caller; outside of all the process's, which as a rule is an empty one.

    Where OpenTelemetry's current span was started after the scope was opened, it stands in for the scope's own span.
    """
    scopes = _open.get()
    found = scopes[-1] if scopes else _of_process
    span = ambient_span()
    if span is None or span.span_id == found.outer_span_id:
        return found
    return msgspec.structs.replace(
        found,
        trace_id=span.trace_id,
        span_id=span.span_id,
        parent_span_id=None,
        trace_flags=span.flags,
        outer_span_id=span.span_id,
    )


def adopt_environment(environment: Mapping[str, str]) -> Scope:
    """Make what a caller has put into the environment the scope of all in this process that has no other; return it.

    An environment without `Scope.environment()` in it changes nothing.
    """
    global _of_process  # noqa: PLW0603 - threads that are yet to start have no context to set it in
    if fields := _carried_fields(environment):
        _of_process = NOBODY.within(**fields)
    return _of_process


def bind(function: F) -> F:
    """Return *function*, to be run in the scope that is current now: `taximeter.scope.bind`."""
    return current_scope().bind(function)


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
        self._entered: list[Scope] = []

    def __enter__(self) -> Scope:
        inner = current_scope().within(**self._fields)
        self._entered.append(inner)
        _enter(inner)
        return inner

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._entered:
            _leave(self._entered.pop())

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
        is_method = isinstance(function, staticmethod | classmethod)
        if not is_method and (isinstance(function, type) or not callable(function)):
            raise TypeError(f"taximeter.scope decorates functions, not {function!r}")
        return wrapped(function, lambda: partial(Active, current_scope().within(**self._fields)))

    @classmethod
    def from_headers(cls, headers: Headers, **fields: Any) -> Self:
        """Return the scope of a request whose caller sent `Scope.headers()`, or any `traceparent`.

        Headers are a caller's word: read those of callers you trust. What is malformed is passed over.

        Args:
            headers: The request's headers.
            **fields: Fields of the scope; they win over what the headers say.

        Raises:
            ConfigurationError: A field that no scope has.
        """
        return cls(**{**_carried_fields(headers), **fields})

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None, **fields: Any) -> Self:
        """Return the scope of a process that was started with `Scope.environment()`.

        Args:
            environment: None means that of this process.
            **fields: As in `from_headers`.
        """
        return cls.from_headers(os.environ if environment is None else environment, **fields)

    bind = staticmethod(bind)


def _carried_fields(headers: Headers) -> dict[str, Any]:
    """Return what the headers say, as fields of a scope."""
    try:
        pairs = [(_text(name).lower(), _text(value)) for name, value in _pairs(headers)]
    except Exception:  # headers of a kind that nobody has thought of say nothing
        return {}
    parents = [value for name, value in pairs if name == "traceparent"]
    parent = read_traceparent(parents[0]) if len(parents) == 1 else None
    fields = _fields_of(read_baggage(",".join(value for name, value in pairs if name == "baggage")))
    if parent is not None:
        fields |= {"trace_id": parent.trace_id, "parent_span_id": parent.span_id, "trace_flags": parent.flags}
    return fields


def _pairs(headers: Headers) -> Iterable[tuple[Any, Any]]:
    return headers.items() if isinstance(headers, Mapping) else headers


def _text(value: Any) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)


def _fields_of(baggage: Mapping[str, str]) -> dict[str, Any]:
    fields: dict[str, Any] = {
        name: baggage[key] for name in _CARRIED if baggage.get(key := f"{_PREFIX}{name}")
    }
    if tags := {
        unquote(key.removeprefix(_TAG_PREFIX)): text
        for key, text in baggage.items()
        if key.startswith(_TAG_PREFIX)
    }:
        fields["tags"] = tags
    return fields


class Active:
    """A ready scope, made current for a moment."""

    def __init__(self, inner: Scope) -> None:
        self._inner = inner

    def __enter__(self) -> None:
        _enter(self._inner)

    def __exit__(self, *_: object) -> None:
        _leave(self._inner)


class _Bound:
    """A function and the scope it runs in."""

    def __init__(self, function: Callable[..., Any], around: Scope) -> None:
        self._function = function
        self._around = around
        functools.update_wrapper(self, function)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        with Active(self._around):
            return self._function(*args, **kwargs)


def _enter(inner: Scope) -> None:
    _open.set((*_open.get(), inner))


def _leave(own: Scope) -> None:
    """End a scope in the context it is left in, with those inside it that are still open; one that has ended stays so."""
    scopes = _open.get()
    for place in reversed(range(len(scopes))):
        if scopes[place] is own:
            _open.set(scopes[:place])
            return
