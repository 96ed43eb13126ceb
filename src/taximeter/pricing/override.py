"""Override: a price of the user's own, stronger than any list."""

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from decimal import Decimal, InvalidOperation
from fnmatch import fnmatchcase
from fractions import Fraction
from typing import Any

import msgspec

from taximeter.errors import ConfigurationError
from taximeter.pricing.condition import Conditions, meets
from taximeter.pricing.instant import instant_us
from taximeter.pricing.kind import PIECE_KINDS, PIECES, TOKEN_KINDS
from taximeter.pricing.money import femtos
from taximeter.pricing.spelling import table_name

Price = str | int | float | Decimal
_PRICE_SUFFIX = re.compile(r"_(?:usd_per_)?(?:mtok|1k)$")
_PRICE_TABLES = ("price", "prices", "rates")
_REMARKS = frozenset({"id", "name", "note", "source", *_PRICE_TABLES})
_FIELDS = {
    "from": "valid_from",
    "to": "valid_to",
    "glob": "model",
    "match": "model",
    "model_glob": "model",
    "model_pattern": "model",
    "provider_glob": "provider",
    "factor": "multiplier",
}
"""Other words for the fields, as people write them in a file."""

_KINDS = {"cache_write": "cache_write_5m", "cached_input": "cache_read"}
_TABLES = frozenset({"usd_per_mtok", "usd_per_1k", "when"})
_WHOSE = frozenset({"credential", "deployment", "service_tier", "region", "processing"})
"""Contexts that may stand among the settings instead of in `when`."""

_LIMIT = Decimal(10**9)  # USD; what is dearer is a slip of the keyboard


class Override(msgspec.Struct, frozen=True, kw_only=True):
    """A price for the calls it matches: either a `multiplier` on the price they have, or prices by kind.

    Of several that match a call one holds: exact provider and model before a pattern, that before a provider, that
    before `*`; among equals the longer pattern, then the later one. Prices replace only the kinds they name.

    Args:
        provider: A name or a glob pattern; `xai` and `x-ai` mean the same.
        model: A name or a glob pattern, compared with the served and the requested model.
        multiplier: A factor on every rate: "0.8" is a discount of 20 %.
        usd_per_mtok: USD per million tokens by kind: {"input": "2.5", "cache_read": "0.25", "output": "10"}.
        usd_per_1k: USD per thousand pieces by kind: {"web_search": "10"}.
        valid_from: The first day (UTC) or instant; None means always.
        valid_to: The last day, whole, or the instant at which it ends; None means for ever.
        when: Context it is for, such as {"credential": "team-a"}; values may be patterns.

    Raises:
        ConfigurationError: A value that cannot be; names the key, the value and what is allowed.
    """

    provider: str = "*"
    model: str = "*"
    multiplier: Price | None = None
    usd_per_mtok: Mapping[str, Price] = {}
    usd_per_1k: Mapping[str, Price] = {}
    valid_from: str | date | None = None
    valid_to: str | date | None = None
    when: Mapping[str, str] = {}

    def __post_init__(self) -> None:
        for key in sorted(_TABLES):
            if not isinstance(getattr(self, key), Mapping):
                raise ConfigurationError(key, getattr(self, key), "a table")
        if (self.multiplier is None) == (not self.rates()):
            raise ConfigurationError("multiplier", self.multiplier, "given, or else prices, but not both")
        if self.multiplier is not None:
            _amount("multiplier", self.multiplier)
        _check_names(self.provider, self.model)
        start, end = self.span_us()
        if start is not None and end is not None and start >= end:
            raise ConfigurationError("valid_to", self.valid_to, f"later than valid_from={self.valid_from}")

    def rates(self) -> dict[str, int]:
        """Return the prices as femtodollars a piece, by kind."""
        tokens = {
            kind: femtos(_price(kind, usd, TOKEN_KINDS), 10**6) for kind, usd in self.usd_per_mtok.items()
        }
        pieces = {
            kind: femtos(_price(kind, usd, PIECE_KINDS) * PIECES.get(kind, 1), 1000)
            for kind, usd in self.usd_per_1k.items()
        }
        return tokens | pieces

    def factor(self) -> Fraction:
        """Return the multiplier exactly; 1 where prices are given instead."""
        return Fraction(1) if self.multiplier is None else Fraction(_amount("multiplier", self.multiplier))

    def span_us(self) -> tuple[int | None, int | None]:
        """Return when it holds, from and until; None means no bound."""
        return (
            instant_us(self.valid_from, "valid_from"),
            instant_us(self.valid_to, "valid_to", whole_day=True),
        )

    def matches(self, provider: str, models: Iterable[str], found: Conditions) -> bool:
        """Whether it is for calls of this provider and any of these names of the model."""
        wanted, pattern = self.provider.lower(), self.model.lower()
        named = {provider.lower(), table_name(provider)}
        if table_name(wanted) not in named and not any(fnmatchcase(name, wanted) for name in named):
            return False
        known = pattern == "*" or any(_same_or_like(model.lower(), pattern) for model in models)
        return known and meets(self.when, found)

    def rank(self) -> tuple[int, int]:
        """Return how specific it is; the higher one wins."""
        letters = sum(len(pattern.replace("*", "")) for pattern in (self.provider, self.model))
        if self.model == "*":
            return (0 if self.provider == "*" else 1), letters + len(self.when)
        exact = not any(_is_pattern(pattern) for pattern in (self.provider, self.model))
        return (3 if exact else 2), letters + len(self.when)


def _check_names(provider: Any, model: Any) -> None:
    for key, name in (("provider", provider), ("model", model)):
        if not isinstance(name, str) or not name:
            raise ConfigurationError(key, name, "a name or a glob pattern")


def _is_pattern(text: str) -> bool:
    return any(mark in text for mark in "*?[")


def _same_or_like(name: str, pattern: str) -> bool:
    return name == pattern or fnmatchcase(name, pattern)


def _price(kind: str, usd: Price, allowed: Iterable[str]) -> Decimal:
    if kind not in allowed:
        raise ConfigurationError("kind", kind, "one of " + ", ".join(allowed))
    return _amount(kind, usd)


def _amount(key: str, value: Price) -> Decimal:
    try:
        amount = Decimal(str(value)) if not isinstance(value, bool) else Decimal("NaN")
    except InvalidOperation:
        amount = Decimal("NaN")
    if not amount.is_finite() or not 0 <= amount <= _LIMIT:
        raise ConfigurationError(key, value, "a number of at least 0, written as text to keep it exact")
    return amount


def strongest(
    overrides: Sequence[Override], provider: str, models: Sequence[str], found: Conditions, at_us: int
) -> Override | None:
    """Return the override that holds for a call; None when none does."""
    best: Override | None = None
    for override in overrides:
        stronger = best is None or override.rank() >= best.rank()
        if stronger and _holds(override, at_us) and override.matches(provider, models, found):
            best = override
    return best


def _holds(override: Override, at_us: int) -> bool:
    start, end = override.span_us()
    return (start is None or at_us >= start) and (end is None or at_us < end)


def _as_table(value: Any, key: str) -> Mapping[str, Any]:
    if value is not None and not isinstance(value, Mapping):
        raise ConfigurationError(key, value, "a table")
    return value or {}


def override_from(settings: Mapping[str, Any]) -> Override:
    """Read an override from a table of a configuration file.

    `from` and `to` stand for the dates, `match` and `glob` for the model, and prices may stand under their kind, among
    the settings or in a table `prices`, in USD per million tokens or per thousand pieces: {"model": "gpt-4o", "input":
    "2", "output": "8"}. `credential`, `deployment`, `region`, `service_tier` and `processing` say what calls it is for,
    as `when` does. What stands under `id`, `name`, `note` or `source` is a remark.

    Raises:
        ConfigurationError: A key or value that cannot be.
    """
    values: dict[str, Any] = {"usd_per_mtok": {}, "usd_per_1k": {}}
    if isinstance(found := settings.get("match"), Mapping):  # provider and model together
        settings = {**{key: value for key, value in settings.items() if key != "match"}, **found}
    tables = [_as_table(settings.get(name), name) for name in _PRICE_TABLES]
    for key, value in [*settings.items(), *(pair for table in tables for pair in table.items())]:
        field = _FIELDS.get(key, key)
        kind = _PRICE_SUFFIX.sub("", key)
        kind = _KINDS.get(kind, kind)
        if field in _TABLES:
            values[field] = {**values.get(field, {}), **_as_table(value, field)}
        elif field in Override.__struct_fields__:
            values[field] = value
        elif kind in TOKEN_KINDS:
            values["usd_per_mtok"] = {**values["usd_per_mtok"], kind: value}
        elif kind in PIECE_KINDS:
            values["usd_per_1k"] = {**values["usd_per_1k"], kind: value}
        elif key in _WHOSE:
            values["when"] = {**values.get("when", {}), key: value}
        elif key not in _REMARKS:
            allowed = ", ".join((*Override.__struct_fields__, *TOKEN_KINDS, *PIECE_KINDS))
            raise ConfigurationError(key, value, f"one of {allowed}")
    return Override(**values)
