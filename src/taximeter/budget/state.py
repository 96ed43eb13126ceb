"""State: how a budget stands, and how long it lasts at the present rate."""

from typing import Any

import msgspec

from taximeter.budget.definition import Budget
from taximeter.report.money import format_usd
from taximeter.report.window import format_moment


class BudgetState(msgspec.Struct, frozen=True, kw_only=True):
    """One budget, or the share of one subject in it, at one moment; amounts in nanodollars, times in Unix microseconds."""

    budget: Budget
    subject: str = ""
    at_us: int
    spent_usd_nanos: int = 0
    reserved_usd_nanos: int = 0
    calls: int = 0
    unpriced_calls: int = 0
    """Of the calls those without a price, which are in the amount by the budget's policy."""
    blocked_calls: int = 0
    resets_at_us: int | None = None
    elapsed_us: int = 1

    @property
    def limit_usd_nanos(self) -> int:
        """What may be spent."""
        return self.budget.limit_usd_nanos

    @property
    def left_usd_nanos(self) -> int:
        """What is left beside what was spent and reserved; below 0 where a limit that only warns was passed."""
        return self.limit_usd_nanos - self.spent_usd_nanos - self.reserved_usd_nanos

    @property
    def percent(self) -> float:
        """How much of the limit was spent; of a limit of nothing, all."""
        return 100 * self.spent_usd_nanos / self.limit_usd_nanos if self.limit_usd_nanos else 100.0

    @property
    def is_reached(self) -> bool:
        """Whether all of it was spent."""
        return self.spent_usd_nanos >= self.limit_usd_nanos

    @property
    def breach_at_us(self) -> int | None:
        """When the limit is reached if spending goes on as in the window so far; None where it is not in this window."""
        if self.is_reached:
            return self.at_us
        if not self.spent_usd_nanos:
            return None
        left = self.limit_usd_nanos - self.spent_usd_nanos
        breach_us = self.at_us + left * self.elapsed_us // self.spent_usd_nanos
        is_late = (
            self.resets_at_us is not None
            and not self.budget.period.length_us
            and breach_us >= self.resets_at_us
        )
        return None if is_late else breach_us

    def as_json(self) -> dict[str, Any]:
        """Return it as plain values, for JSON."""
        amounts = {
            name: getattr(self, name)
            for name in ("limit_usd_nanos", "spent_usd_nanos", "reserved_usd_nanos", "left_usd_nanos")
        }
        return {
            "budget": self.budget.name,
            "subject": self.subject or None,
            "window": self.budget.window,
            "tz": self.budget.tz,
            "where": self.budget.where,
            "each": self.budget.dimensions,
            "hard": self.budget.hard,
            **amounts,
            "percent": round(self.percent, 2),
            "calls": self.calls,
            "unpriced_calls": self.unpriced_calls,
            "blocked_calls": self.blocked_calls,
            "reached": self.is_reached,
            "resets_at_us": self.resets_at_us,
            "breach_at_us": self.breach_at_us,
        }

    def describe(self) -> str:
        """Return it in one line for people."""
        whose = f"{self.budget.name} ({self.subject})" if self.subject else self.budget.name
        zone = self.budget.period.zone
        text = (
            f"budget {whose}: {format_usd(self.spent_usd_nanos)} of {format_usd(self.limit_usd_nanos)} spent "
            f"({self.percent:.0f} %, window {self.budget.window})"
        )
        if self.is_reached:
            text += ", the limit is reached"
        elif self.breach_at_us is not None:
            text += f", the limit is reached at {format_moment(_whole(self.breach_at_us), zone)} at the present rate"
        if self.resets_at_us is not None:
            text += f", resets at {format_moment(_whole(self.resets_at_us), zone)}"
        return text


def _whole(at_us: int) -> int:
    return at_us // 1_000_000 * 1_000_000
