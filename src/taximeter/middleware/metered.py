"""Metered: an object whose calls of models become events, and that is otherwise the object it wraps."""

import copy
import functools
import inspect
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeVar, Unpack, cast

from taximeter.builder import EventBuilder
from taximeter.capture.recorder import check_tracker
from taximeter.errors import ConfigurationError
from taximeter.middleware.adapter import Adapter, adapters_of
from taximeter.middleware.invocation import Invocation
from taximeter.middleware.meter import Meter
from taximeter.middleware.options import (
    MeteredOptions,
    check_options,
    choose_options,
    read_logger,
    read_methods,
    read_name,
    read_prices,
    read_reader,
)
from taximeter.middleware.stream import followed_stream
from taximeter.pricing import Override
from taximeter.sinks.log import read_level

ModelT = TypeVar("ModelT")

_OWN = frozenset({"_inner", "_methods", "_meter"})


class Metered:
    """Wraps an object with `async invoke(messages, tools=None, **kwargs)`, or with other methods that call a model.

    Each call becomes one event, however it ends, with the time that the object's own retries, fallbacks and waiting
    took, so wrap it outermost; and one line in the log. The caller gets the very object that the method returned, and
    all other attributes are the wrapped object's. What a metered client, or another `Metered` inside, sees of the same
    call goes into the same event. Plain methods work like coroutine methods; what they stream is passed on as it comes.

    The event is priced and labelled by who answered: as the wire says where the client inside is metered, else as the
    response says (`provider`, `model`, `usage`), else as the adapters inside say (`name`, `model_name`) if that leaves
    no choice. What nothing tells is `unknown` and has no price.

    Args:
        inner: The object.
        tracker: Where the events go; None means that there is only the log.
        **options:
            methods: The names of the methods that call a model; `("invoke",)`.
            provider: Who is meant to answer; None means the `name` of the first adapter inside.
            model: The model that is meant to; None means its `model_name`.
            prices: An `Override`, a provider's TOML file, a table such as {"input_usd_per_mtok": "2.5"} for the model
                that is meant to answer, or several of these; a table wins key by key, whatever stands before it.
            level: The level of the log line, `INFO`; None writes none.
            logger_name: Whose handlers write it, `taximeter.calls`.
            read: How to read a response whose usage stands elsewhere: a function that returns a `Usage`, a payload of
                the provider's, or an object with `usage`, `provider` and `model`.

    Raises:
        ConfigurationError: An option that does not exist or cannot work; names the key, the value and what is allowed.
    """

    _inner: Any
    _methods: tuple[str, ...]
    _meter: Meter

    if TYPE_CHECKING:  # what a type checker may rely on; the methods themselves are the wrapped object's
        invoke: Callable[..., Any]

    def __init__(self, inner: Any, tracker: Any = None, **options: Unpack[MeteredOptions]) -> None:
        check_options(options)
        if tracker is not None:
            check_tracker(tracker)
        methods = read_methods(options.get("methods", ("invoke",)))
        for method in methods:
            if not callable(getattr(inner, method, None)):
                raise ConfigurationError(
                    "inner", type(inner).__qualname__, f"an object with a method {method}"
                )
        vars(self).update(_inner=inner, _methods=methods, _meter=_meter(inner, tracker, methods, options))

    @classmethod
    def configured(
        cls,
        inner: ModelT,
        settings: bool | Mapping[str, Any] | None,
        tracker: Any = None,
        *,
        section: str = "",
        **options: Unpack[MeteredOptions],
    ) -> ModelT:
        """Return the object metered as a configuration says, or as it is where that switches it off.

        Args:
            inner: The object.
            settings: True, False, None (off), or the options that stand in a section of a configuration file, where
                `enabled = false` switches it off.
            tracker: Where the events go.
            section: The section's name, which errors put before the setting's: `modules.telemetry`.
            **options: What holds where the settings say nothing; their `prices` are weaker than those of the settings.

        Raises:
            ConfigurationError: As the constructor, and for settings that are neither a switch nor a table.
        """
        try:
            chosen = choose_options(settings, options)
            wrapped: Any = inner if chosen is None else cls(inner, tracker, **chosen)
        except ConfigurationError as error:
            raise _placed(error, settings, section) from error
        return cast("ModelT", wrapped)  # for type checkers it is what it wraps

    def __getattr__(self, name: str) -> Any:
        if name in _OWN:  # not there yet, while being copied
            raise AttributeError(name)
        value = getattr(self._inner, name)
        return _metered(value, self._meter) if name in self._methods else value

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self._inner, name, value)

    def __delattr__(self, name: str) -> None:
        delattr(self._inner, name)

    def __copy__(self) -> "Metered":
        return self._around(copy.copy(self._inner))

    def __deepcopy__(self, memo: dict[int, Any]) -> "Metered":
        return self._around(copy.deepcopy(self._inner, memo))

    def _around(self, inner: Any) -> "Metered":
        """Return *inner* metered in the same way, for the same tracker."""
        other = object.__new__(type(self))
        vars(other).update(vars(self), _inner=inner)
        return other

    def __reduce_ex__(self, protocol: object) -> Any:
        raise TypeError(
            "a Metered cannot be pickled: its tracker belongs to this process. Pickle the object inside, and meter it "
            "again where it arrives"
        )

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *dir(self._inner)})

    def __repr__(self) -> str:
        return f"Metered({self._inner!r})"


def _meter(inner: Any, tracker: Any, methods: tuple[str, ...], options: MeteredOptions) -> Meter:
    found = adapters_of(inner, methods)
    primary = Adapter(
        read_name("provider", options.get("provider")) or found[0].provider,
        read_name("model", options.get("model")) or found[0].model,
    )
    prices = read_prices(options.get("prices", ()), primary)
    level = options.get("level", "INFO")
    builder = functools.cache(lambda: _builder(tracker, prices))
    # The price table is loaded now and not during the first call, which will notice what is wrong here.
    with suppress(Exception):
        builder()
    return Meter(
        tracker=tracker,
        builder=builder,
        prices=prices,
        adapters=(primary, *found[1:]),
        read=read_reader(options.get("read")),
        level=None if level is None else read_level(level),
        logger=read_logger(options.get("logger_name", "taximeter.calls")),
    )


def _placed(error: ConfigurationError, settings: Any, section: str) -> ConfigurationError:
    """Return the error with the place of the setting that is wrong; an argument has none."""
    if not section:
        return error
    if error.key == "settings":
        return ConfigurationError(section, error.value, error.allowed)
    is_setting = isinstance(settings, Mapping) and error.key.partition(".")[0] in settings
    return ConfigurationError(f"{section}.{error.key}", error.value, error.allowed) if is_setting else error


def _builder(tracker: Any, prices: tuple[Override, ...]) -> EventBuilder:
    builder: EventBuilder = EventBuilder() if tracker is None else tracker.events
    return builder.with_prices(*prices) if prices else builder


def _metered(function: Callable[..., Any], meter: Meter) -> Callable[..., Any]:
    """Return the function metered, of the same kind and signature."""
    if inspect.iscoroutinefunction(function):

        @functools.wraps(function)
        async def invoke_async(*args: Any, **kwargs: Any) -> Any:
            invocation = Invocation(meter, args, kwargs)
            await invocation.areserve()
            with invocation:
                response = await function(*args, **kwargs)
            return _passed(invocation, response)

        return invoke_async

    @functools.wraps(function)
    def invoke(*args: Any, **kwargs: Any) -> Any:
        invocation = Invocation(meter, args, kwargs)
        invocation.reserve()
        with invocation:
            response = function(*args, **kwargs)
        follow = _followed if inspect.isawaitable(response) else _passed
        return follow(invocation, response)

    return invoke


async def _followed(invocation: Invocation, response: Awaitable[Any]) -> Any:
    with invocation:
        answer = await response
    return _passed(invocation, answer)


def _passed(invocation: Invocation, response: Any) -> Any:
    """Return what the caller gets: the very response, or a stream that is followed to its end."""
    stream = followed_stream(response, invocation)
    if stream is None:
        invocation.answered(response)
    return response if stream is None else stream
