"""Prices of the user's own, read from a table or from the TOML file that describes a provider."""

import os
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from time import time_ns
from typing import Any

import msgspec

from taximeter.errors import ConfigurationError, one_of
from taximeter.pricing import Catalog, Override
from taximeter.pricing.kind import PIECE_KINDS, TOKEN_KINDS
from taximeter.pricing.override import override_from, strongest

_UNITS = {"usd_per_mtok": "usd_per_mtok", "usd_per_1m": "usd_per_mtok", "per_1m": "usd_per_mtok"} | {
    "per_mtok": "usd_per_mtok",
    "usd_per_1k": "usd_per_1k",
}
"""Ways to write a unit, and the field of `Override` it is: USD for a million tokens, or for a thousand pieces."""
_KEY = re.compile(rf"(\w+?)_({'|'.join(_UNITS)})")
_UNIT = "unit"
_KINDS = {
    **{kind: (kind, "usd_per_mtok") for kind in TOKEN_KINDS},
    "cache_write": ("cache_write_5m", "usd_per_mtok"),
    **{kind: (kind, "usd_per_1k") for kind in PIECE_KINDS},
}
"""Names of what has a price, each with the kind and the unit that it has here."""


def from_toml(path: str | os.PathLike[str]) -> tuple[Override, ...]:
    """Read the prices of a provider, for `Metered(prices=...)` or `Catalog.with_overrides(*prices)`.

    The file's `provider` says whose they are, else its name does (`anthropic.toml`). `[prices]` holds for all models,
    `[models.NAME.prices]` for one, on top of these; what neither names keeps the price list's. Everything else in the
    file is the application's own and is left alone. A key says its unit: `input_usd_per_mtok = 3.0`,
    `cache_read_usd_per_mtok`, `web_search_usd_per_1k`; or the table says it once, `unit = "usd_per_mtok"`, and the keys
    are `input`, `output`, `cache_read`, `cache_write` ... (docs/reference/prices.md). Numbers are read exactly.

    Args:
        path: The file.

    Raises:
        ConfigurationError: There is no such file, it is no TOML or has no prices, or one of them cannot be; names the
            file, the key, the value and what is allowed.
    """
    if not isinstance(path, str | os.PathLike):
        raise ConfigurationError("path", path, "the path of a TOML file")
    file = os.fspath(path)
    content = _read(Path(path), file)
    provider = content.get("provider", Path(path).stem)
    if not isinstance(provider, str) or not provider:
        raise ConfigurationError(f"{file}: provider", provider, "the name of a provider")
    found = tuple(_overrides(content, provider, file))
    if not found:
        raise ConfigurationError(f"{file}: prices", None, "a table [prices] or [models.NAME.prices]")
    return found


def from_file(path: str | os.PathLike[str]) -> tuple[Override, ...]:
    """Read a contract: overrides in the words of `override_from`, under `[[overrides]]`, and a provider's prices too.

    ```toml
    [[overrides]]
    provider = "anthropic"
    multiplier = "0.8"
    from = "2026-01-01"
    ```

    Args:
        path: A TOML file; without `[[overrides]]` it is read as `from_toml` does.

    Raises:
        ConfigurationError: There is no such file, it is no TOML, or something in it cannot be; names the file and the key.
    """
    file = os.fspath(path)
    content = _read(Path(path), file)
    stated = content.get("overrides")
    if stated is None:
        return from_toml(path)
    if not isinstance(stated, list) or not stated:
        raise ConfigurationError(f"{file}: overrides", stated, "tables [[overrides]]")
    found = tuple(_stated(settings, f"{file}: overrides[{at}]") for at, settings in enumerate(stated))
    return (*from_toml(path), *found) if content.keys() & {"prices", "models"} else found


def _stated(settings: Any, source: str) -> Override:
    try:
        return override_from(_table(settings, source))
    except ConfigurationError as error:
        raise ConfigurationError(f"{source}.{error.key}", error.value, error.allowed) from error


def catalog_with(
    prices: str | os.PathLike[str] | Sequence[str | os.PathLike[str]], catalog: Catalog | None = None
) -> Catalog:
    """Return a catalog with the prices of TOML files over it.

    Args:
        prices: The files, see `from_file`; the strongest last.
        catalog: What they lie over; None means the compiled table.

    Raises:
        ConfigurationError: A file that `from_file` cannot read, or something that is no catalog.
    """
    if catalog is not None and not isinstance(catalog, Catalog):
        raise ConfigurationError("catalog", catalog, "a Catalog, or None for the compiled table")
    files = [prices] if isinstance(prices, str | os.PathLike) else prices
    overrides = [override for file in files for override in from_file(file)]
    return (catalog or Catalog.default()).with_overrides(*overrides)


def from_table(
    prices: Mapping[str, Any], *, provider: str = "*", model: str = "*", source: str = "prices"
) -> Override:
    """Read prices by kind, with the keys that `from_toml` describes.

    Args:
        prices: A table such as {"input_usd_per_mtok": "2.5", "output_usd_per_mtok": 10}.
        provider: Whose prices they are; `*` is everybody's.
        model: What they are for; `*` is every model.
        source: Where the table stands, for errors.

    Raises:
        ConfigurationError: A key or value that cannot be.
    """
    return _override(_amounts(prices, source), provider, model, source)


def laid_over(own: Override, weaker: Sequence[Override]) -> Override:
    """Return *own* with the prices that it leaves open as the strongest of *weaker* has them for the same model."""
    base = strongest(weaker, own.provider, (own.model,), {}, time_ns() // 1000)
    if base is None:
        return own
    return msgspec.structs.replace(
        own,
        usd_per_mtok={**base.usd_per_mtok, **own.usd_per_mtok},
        usd_per_1k={**base.usd_per_1k, **own.usd_per_1k},
    )


def _read(path: Path, file: str) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text("utf-8"), parse_float=Decimal)
    except OSError as error:
        raise ConfigurationError("prices", file, f"a file that can be read ({error.strerror})") from error
    except ValueError as error:  # no TOML, or no UTF-8
        raise ConfigurationError("prices", file, f"a TOML file ({error})") from error


Amounts = dict[tuple[str, str], tuple[str, Any]]
"""Kind and unit to the key it was given under and the amount."""


def _overrides(content: Mapping[str, Any], provider: str, file: str) -> Iterator[Override]:
    shared = _amounts(content["prices"], f"{file}: prices") if "prices" in content else {}
    if shared:
        yield _override(shared, provider, "*", f"{file}: prices")
    models = content.get("models")
    for model, settings in models.items() if isinstance(models, Mapping) else ():
        _refuse_dots(settings, f"models.{model}", file)
        if isinstance(settings, Mapping) and "prices" in settings:
            source = f"{file}: models.{model}.prices"
            yield _override({**shared, **_amounts(settings["prices"], source)}, provider, model, source)


def _refuse_dots(settings: Any, path: str, file: str) -> None:
    """Refuse `[models.gpt-4.1.prices]`, which to TOML is a table `1` of the model `gpt-4`, and would go unread.

    Raises:
        ConfigurationError: That is what stands there.
    """
    for key, value in settings.items() if isinstance(settings, Mapping) else ():
        if key == "prices" or not isinstance(value, Mapping):
            continue
        inner = f"{path}.{key}"
        if isinstance(value.get("prices"), Mapping):
            name = inner.removeprefix("models.")
            raise ConfigurationError(
                f"{file}: {inner}.prices", value["prices"], f'written as [models."{name}".prices]'
            )
        _refuse_dots(value, inner, file)


def _override(amounts: Amounts, provider: str, model: str, source: str) -> Override:
    fields: dict[str, Any] = {"usd_per_mtok": {}, "usd_per_1k": {}}
    for (kind, unit), (key, amount) in amounts.items():
        fields[unit][kind] = _checked(amount, f"{source}.{key}", kind, unit)
    if not amounts:
        raise ConfigurationError(source, {}, "a table with at least one price")
    return Override(provider=provider, model=model, **fields)


def _checked(amount: Any, key: str, kind: str, unit: str) -> Any:
    fields: dict[str, Any] = {unit: {kind: amount}}
    try:
        Override(**fields)
    except ConfigurationError as error:
        raise ConfigurationError(key, amount, error.allowed) from error
    return amount


def _amounts(prices: Any, source: str) -> Amounts:
    table = _table(prices, source)
    stated = table.get(_UNIT)
    if stated is not None and stated not in _UNITS:
        raise ConfigurationError(f"{source}.{_UNIT}", stated, one_of(stated, _UNITS))
    return {_kind(key, value, stated, source): (key, value) for key, value in table.items() if key != _UNIT}


def _table(value: Any, source: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise ConfigurationError(source, value, "a table")
    return value


def _kind(key: str, value: Any, stated: str | None, source: str) -> tuple[str, str]:
    """Return what a key gives the price of, and in which unit.

    Raises:
        ConfigurationError: Nothing has that name, or the unit is missing or is not the one it is counted in.
    """
    parts = _KEY.fullmatch(key)
    name, written = parts.groups() if parts else (key, stated)
    if name not in _KINDS:
        raise ConfigurationError(f"{source}.{key}", value, one_of(key, map(_spelled, _KINDS)))
    kind, unit = _KINDS[name]
    if written is None or _UNITS[written] != unit:
        raise ConfigurationError(f"{source}.{key}", value, f"named with its unit: {_spelled(name)}")
    return kind, unit


def _spelled(name: str) -> str:
    return f"{name}_{_KINDS[name][1]}"
