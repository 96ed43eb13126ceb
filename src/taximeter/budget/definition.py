"""Budget: a limit on what calls may cost, for whom, in which window, and what happens at it."""

import re
from collections.abc import Mapping
from datetime import tzinfo
from functools import lru_cache
from typing import Any

import msgspec

from taximeter.budget.amount import read_usd
from taximeter.budget.period import Period, read_period
from taximeter.errors import ConfigurationError, one_of
from taximeter.report.dimension import COLUMNS, tag_of
from taximeter.report.window import read_zone

ESTIMATE = "estimate"
BLOCK = "block"

_POLICIES = ("allow", "block")
_KNOWN_BEFORE = tuple(name for name in COLUMNS if name not in {"outcome", "error", "price", "quality_gate"})
_URL = re.compile(r"https?://\S+")

Alarm = str | tuple[str, ...]
"""Where an alert goes: `log`, the URL of a webhook, or the words of a command."""


class Budget(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A limit in US dollars, as a `[[budgets]]` section or in code.

    Raises:
        ConfigurationError: Something in it cannot work; names the key, the value and what is allowed.
    """

    name: str
    """How reports, alerts and errors call it; the same name means the same budget in every process."""
    limit_usd: Any = None
    """What may be spent in a window: a text such as "2.50", a Decimal or a number."""
    limit_usd_micros: int | None = None
    """The same in whole microdollars; one of the two has to be there."""
    window: str = "month"
    """`hour`, `day`, `week`, `month`, `lifetime`, or a duration that rolls along: `90m`, `24h`, `30d`."""
    tz: str = "UTC"
    """The IANA zone in which hours, days, weeks and months begin."""
    where: dict[str, str] = {}
    """Which calls count, by dimension: {"agent": "reviewer", "model": "gpt-4o*", "tag:team": "search"}; all if empty."""
    each: str | tuple[str, ...] = ()
    """Dimensions of which every value has a budget of its own, such as `user`."""
    hard: bool = True
    """Whether calls that could pass the limit are not made; False only tells."""
    alert_at: tuple[int, ...] = (50, 80, 100)
    """At how many percent of the limit an alert goes out, once in each window."""
    alerts: tuple[Alarm, ...] = ("log",)
    """Where to: `log`, the URL of a webhook, or a command as the list of its words."""
    unpriced: Any = ESTIMATE
    """What a call counts whose price nobody knows: `estimate` (what was reserved for it), `block` (it is not made), or
    an amount in USD."""
    on_failure: str = "allow"
    """What becomes of calls while the budget's file cannot be asked: `allow`, or `block` with `BudgetUnavailable`."""

    def __post_init__(self) -> None:
        if not self.name.strip() or not self.name.isprintable():
            raise ConfigurationError("name", self.name, "a name")
        if (self.limit_usd is None) == (self.limit_usd_micros is None):
            raise ConfigurationError("limit_usd", self.limit_usd, "given, or limit_usd_micros in its place")
        _check_count("limit_usd_micros", self.limit_usd_micros, 10**15)
        _ = self.limit_usd_nanos, self.period, self.unpriced_usd_nanos
        _check_where(self.where)
        _check_dimensions("each", self.dimensions)
        for percent in self.alert_at:
            _check_count("alert_at", percent, 1000)
        for alarm in self.alerts:
            _check_alarm(alarm)
        if self.on_failure not in _POLICIES:
            raise ConfigurationError("on_failure", self.on_failure, one_of(self.on_failure, _POLICIES))

    @property
    def limit_usd_nanos(self) -> int:
        """The limit in nanodollars."""
        if self.limit_usd_micros is not None:
            return self.limit_usd_micros * 1000
        return read_usd("limit_usd", self.limit_usd)

    @property
    def period(self) -> Period:
        """The window in its zone."""
        return read_period(self.window, _zone(self.tz))

    @property
    def dimensions(self) -> tuple[str, ...]:
        """What parts it into budgets of their own."""
        return (self.each,) if isinstance(self.each, str) else tuple(self.each)

    @property
    def unpriced_usd_nanos(self) -> int | None:
        """What a call without a price counts where that is a fixed amount, else None."""
        if self.unpriced in (ESTIMATE, BLOCK):
            return None
        return read_usd("unpriced", self.unpriced)

    @property
    def key(self) -> str:
        """What is counted, as a text: budgets that differ in it are added up apart, those that differ in the limit not."""
        where = sorted(self.where.items())
        counted = [self.name, where, self.dimensions, self.window, self.tz, self.unpriced_usd_nanos]
        return msgspec.json.encode(counted).decode()


def read_budget(table: Any, section: str = "budgets") -> Budget:
    """Return the budget that a table of a configuration holds; a `Budget` is returned as it is.

    Args:
        table: Its keys and values.
        section: What errors put before a key, such as `budgets[0]`.

    Raises:
        ConfigurationError: It holds none; names the nearest key, or what the value may be.
    """
    if isinstance(table, Budget):
        return table
    if not isinstance(table, Mapping):
        raise ConfigurationError(section, table, "a Budget, or a table of its fields")
    for key in table:
        if key not in Budget.__struct_fields__:
            raise ConfigurationError(f"{section}.{key}", table[key], one_of(key, Budget.__struct_fields__))
    try:
        return msgspec.convert(dict(table), Budget)
    except msgspec.ValidationError as error:
        if isinstance(cause := error.__cause__, ConfigurationError):
            raise ConfigurationError(f"{section}.{cause.key}", cause.value, cause.allowed) from error
        raise ConfigurationError(section, dict(table), f"the fields of a budget: {error}") from error


@lru_cache(maxsize=64)
def _zone(name: str) -> tzinfo:
    return read_zone(name)


def _check_count(key: str, value: Any, most: int) -> None:
    if value is not None and (type(value) is not int or not 1 <= value <= most):
        raise ConfigurationError(key, value, f"a whole number from 1 to {most:,}")


def _check_where(where: Any) -> None:
    if not isinstance(where, Mapping):
        raise ConfigurationError("where", where, 'a table such as {"agent": "reviewer"}')
    _check_dimensions("where", where)
    for name, value in where.items():
        if not isinstance(value, str):
            raise ConfigurationError(f"where.{name}", value, "a text; * and ? stand for any letters")


def _check_dimensions(key: str, names: Any) -> None:
    for name in names:
        if not isinstance(name, str) or (name not in _KNOWN_BEFORE and tag_of(name) is None):
            raise ConfigurationError(key, name, one_of(name, (*_KNOWN_BEFORE, "tag:NAME")))


def _check_alarm(alarm: Any) -> None:
    if isinstance(alarm, str):
        is_known = alarm == "log" or _URL.fullmatch(alarm) is not None
    else:
        is_known = (
            isinstance(alarm, tuple | list) and bool(alarm) and all(isinstance(word, str) for word in alarm)
        )
    if not is_known:
        raise ConfigurationError(
            "alerts", alarm, '"log", the URL of a webhook, or the list of a command\'s words'
        )
