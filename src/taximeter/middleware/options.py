"""Options: how an object is metered, as arguments or as a section of a configuration file."""

import logging
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, TypedDict, cast

from taximeter.errors import ConfigurationError, one_of
from taximeter.middleware.adapter import Adapter
from taximeter.middleware.answer import Read
from taximeter.prices import from_table, from_toml, laid_over
from taximeter.pricing import Override

Prices = Override | Mapping[str, Any] | str | os.PathLike[str]
"""A price, a table of prices by kind, or the path of a provider's TOML file."""


class MeteredOptions(TypedDict, total=False):
    """What `Metered` can be told; see there."""

    methods: Sequence[str]
    provider: str | None
    model: str | None
    prices: Prices | Sequence[Prices]
    level: str | None
    logger_name: str
    read: Read | None


_IN_FILES = ("enabled", "methods", "provider", "model", "prices", "level", "logger_name")


def check_options(
    options: Mapping[str, Any], allowed: Iterable[str] = MeteredOptions.__annotations__
) -> None:
    """Refuse options that do not exist.

    Raises:
        ConfigurationError: One of them; names the nearest that there is.
    """
    for key, value in options.items():
        if key not in allowed:
            raise ConfigurationError(key, value, one_of(key, allowed))


def choose_options(settings: Any, options: MeteredOptions) -> MeteredOptions | None:
    """Return the options where settings stand before arguments, but prices beside each other; None for none at all.

    Raises:
        ConfigurationError: Settings that are neither a switch nor a table, or that do not exist.
    """
    if settings is None or isinstance(settings, bool):
        return options if settings else None
    if not isinstance(settings, Mapping):
        raise ConfigurationError("settings", settings, "true, false or a table of options")
    check_options(settings, _IN_FILES)
    enabled = settings.get("enabled", True)
    if not isinstance(enabled, bool):
        raise ConfigurationError("enabled", enabled, "true or false")
    given: Any = {key: value for key, value in settings.items() if key != "enabled"}
    if "prices" in given:
        given["prices"] = [*_as_list(options.get("prices", ())), *_as_list(given["prices"])]
    chosen: MeteredOptions = {**options, **given}
    return chosen if enabled else None


def read_methods(methods: Any) -> tuple[str, ...]:
    """Return the names of the methods to meter.

    Raises:
        ConfigurationError: They are no names.
    """
    names = (methods,) if isinstance(methods, str) else methods
    found = tuple(names) if isinstance(names, Iterable) else ()
    if not found or not all(isinstance(name, str) and name for name in found):
        raise ConfigurationError("methods", methods, "names of methods")
    return found


def read_name(key: str, name: Any) -> str | None:
    """Return a name, or None.

    Raises:
        ConfigurationError: It is something else.
    """
    if name is not None and (not isinstance(name, str) or not name):
        raise ConfigurationError(key, name, "a name, or None")
    return name


def read_logger(name: Any) -> logging.Logger:
    """Return the logger of that name.

    Raises:
        ConfigurationError: It is no name.
    """
    if not isinstance(name, str) or not name:
        raise ConfigurationError("logger_name", name, "the name of a logger")
    return logging.getLogger(name)


def read_reader(read: Any) -> Read | None:
    """Return the application's own way to read a response, or None.

    Raises:
        ConfigurationError: It is no function.
    """
    if read is not None and not callable(read):
        raise ConfigurationError("read", read, "a function from a response to its usage, or None")
    return cast("Read | None", read)


def read_prices(prices: Any, primary: Adapter) -> tuple[Override, ...]:
    """Return the prices in force, weakest first; a table is for the primary model, and wins key by key.

    Raises:
        ConfigurationError: Something that is no price.
    """
    found: list[Override] = []
    for each in _as_list(prices):
        found.extend(_read_each(each, primary, found))
    return tuple(found)


def _read_each(prices: Any, primary: Adapter, weaker: Sequence[Override]) -> Iterator[Override]:
    if isinstance(prices, Override):
        yield prices
    elif isinstance(prices, str | os.PathLike):
        yield from from_toml(prices)
    elif isinstance(prices, Mapping):
        if prices:
            whose = {"provider": primary.provider or "*", "model": primary.model or "*"}
            yield laid_over(from_table(prices, **whose), weaker)
    else:
        raise ConfigurationError(
            "prices", prices, "an Override, a table of prices, or the path of a TOML file"
        )


def _as_list(prices: Any) -> Sequence[Any]:
    return prices if isinstance(prices, list | tuple) else (prices,)
