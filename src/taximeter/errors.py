"""What taximeter raises.

TaximeterError
├── ConfigurationError      a key, its value and what is allowed; raised at construction only
│   └── MissingExtraError   the optional dependency to install
├── BudgetError             a call that is not made, because of money
│   ├── BudgetExceeded      a hard limit would be passed
│   └── BudgetUnavailable   nobody can say whether it would, and the user wants no call then
└── UnreadableEventError    bytes that are no event of any known kind

Tracking itself raises none of these: what cannot be tracked is counted (see `Receipt.dropped`).
"""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

_LONGEST_SLIP = 64
"""Characters of a wrong word that are compared with the right ones: longer texts take seconds, and are no slips."""


def one_of(word: object, allowed: Iterable[str]) -> str:
    """Return `one of a, b, c` for a `ConfigurationError`, with the nearest of them where the word looks like a slip."""
    names = list(allowed)
    return f"one of {', '.join(names)}{nearest_of(word, names)}"


def nearest_of(word: object, allowed: Iterable[str]) -> str:
    """Return `; did you mean 'a'?`, and nothing where no word is near."""
    from difflib import get_close_matches  # noqa: PLC0415 - only who makes a mistake pays for loading it

    by_lower_case = {name.lower(): name for name in allowed}
    nearest = get_close_matches(str(word)[:_LONGEST_SLIP].lower(), list(by_lower_case), n=1)
    return f"; did you mean {by_lower_case[nearest[0]]!r}?" if nearest else ""


class TaximeterError(Exception):
    """Base of everything this library raises."""


class ConfigurationError(TaximeterError, ValueError):
    """A setting that cannot work; names the key, the value and what is allowed, and the file where it stands in one."""

    def __init__(self, key: str, value: Any, allowed: str, *, where: str | None = None) -> None:
        super().__init__(f"{'' if where is None else f'{where}: '}{key}={value!r}: must be {allowed}")
        self.key = key
        self.value = value
        self.allowed = allowed
        self.where = where


class MissingExtraError(ConfigurationError):
    """A feature was asked for whose extra is not installed."""

    def __init__(self, feature: str, extra: str) -> None:
        super().__init__(feature, "not installed", f"installed with: pip install 'taximeter[{extra}]'")
        self.extra = extra


class UnreadableEventError(TaximeterError):
    """A line that is not an event; the message says why and never repeats the content."""


BUDGET_ERROR = "taximeter_budget_error"
"""Where a response that stands in for a call that was not made keeps the reason, among its extensions."""


class BudgetError(TaximeterError):
    """A call that was not made because a budget did not allow it."""

    @staticmethod
    def behind(error: BaseException | None) -> "BudgetError | None":
        """Return the budget error that another one was made of, by an SDK or a framework; None where it was not.

        It is looked for in the error, in what caused it, and in the response that it came with.
        """
        seen: set[int] = set()
        while error is not None and id(error) not in seen:
            seen.add(id(error))
            if isinstance(error, BudgetError):
                return error
            for name in ("response", "raw_response"):
                extensions = getattr(getattr(error, name, None), "extensions", None)
                if isinstance(extensions, dict) and isinstance(
                    found := extensions.get(BUDGET_ERROR), BudgetError
                ):
                    return found
            error = error.__cause__ or error.__context__
        return None


class BudgetExceeded(BudgetError):  # noqa: N818 - reads as what happened, in `except taximeter.BudgetExceeded`
    """A hard limit that a call would pass; all amounts are in nanodollars.

    Args:
        budget: The budget's name.
        subject: Whose share of it, where every user (agent, ...) has one; empty for the budget of all.
        limit: What may be spent in the window.
        spent: What has been.
        reserved: What calls under way may still cost.
        estimate: What this one may.
        resets_at_us: When some of it comes back, Unix microseconds; None for never.
    """

    def __init__(
        self,
        budget: str,
        *,
        subject: str = "",
        limit: int,
        spent: int,
        reserved: int,
        estimate: int,
        resets_at_us: int | None = None,
    ) -> None:
        super().__init__(budget)
        self.budget = budget
        self.subject = subject
        self.limit_usd_nanos = limit
        self.spent_usd_nanos = spent
        self.reserved_usd_nanos = reserved
        self.estimate_usd_nanos = estimate
        self.resets_at_us = resets_at_us

    @property
    def resets_at(self) -> datetime | None:
        """When some of it comes back, in UTC; None for never, and beyond what calendars reach."""
        try:
            return (
                _EPOCH + timedelta(microseconds=self.resets_at_us) if self.resets_at_us is not None else None
            )
        except OverflowError:
            return None

    def __str__(self) -> str:
        name = f"{self.budget!r} of {self.subject}" if self.subject else repr(self.budget)
        resets = f"{self.resets_at:resets at %Y-%m-%d %H:%M:%S UTC}" if self.resets_at else "does not reset"
        return (
            f"budget {name}: {_usd(self.spent_usd_nanos)} of {_usd(self.limit_usd_nanos)} spent, "
            f"{_usd(self.reserved_usd_nanos)} reserved, and this call may cost {_usd(self.estimate_usd_nanos)}; {resets}"
        )

    def __reduce__(self) -> tuple[Any, ...]:
        return _exceeded, (self.budget, {name: vars(self)[name] for name in vars(self) if name != "budget"})


class BudgetUnavailable(BudgetError):  # noqa: N818 - as above
    """A budget that cannot be asked, of those that let no call through then; names the budget and the reason."""

    def __init__(self, budget: str, reason: str) -> None:
        super().__init__(budget, reason)
        self.budget = budget
        self.reason = reason

    def __str__(self) -> str:
        return f"budget {self.budget!r} cannot be asked, and lets no call through then: {self.reason}"


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def _usd(nanos: int) -> str:
    """Return an amount with every digit that it has, and cents at least."""
    text = f"{Decimal(nanos).scaleb(-9):,.9f}".rstrip("0")
    whole, _, cents = text.partition(".")
    return f"${whole}.{cents:0<2}"


def _exceeded(budget: str, facts: dict[str, Any]) -> BudgetExceeded:
    """Make one anew, in a process that it was sent to."""
    error = BudgetExceeded(budget, limit=0, spent=0, reserved=0, estimate=0)
    vars(error).update(facts)
    return error
