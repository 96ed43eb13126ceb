"""Account: one budget in a ledger, and what is done with it inside a transaction."""

import sqlite3
from collections.abc import Iterator
from fnmatch import fnmatchcase

import msgspec

from taximeter.budget.call import Actual, Claim, Dimensions
from taximeter.budget.definition import BLOCK, Budget
from taximeter.budget.period import Period
from taximeter.budget.state import BudgetState
from taximeter.errors import BudgetExceeded

NOBODY = "(none)"
"""The subject of calls that do not say whose they are."""

_ADD = (
    "INSERT INTO spent VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET nanos = nanos + excluded.nanos, "
    "calls = calls + excluded.calls, unpriced_calls = unpriced_calls + excluded.unpriced_calls, "
    "blocked_calls = blocked_calls + excluded.blocked_calls"
)
_STATE = (
    "INSERT INTO stated VALUES (?, ?, ?, ?, 1, ?) ON CONFLICT DO UPDATE SET nanos = nanos + excluded.nanos, "
    "calls = calls + 1, unpriced_calls = unpriced_calls + excluded.unpriced_calls"
)
_FORGET = (
    "DELETE FROM spent WHERE budget_id = ? AND bucket_us < ?",
    "DELETE FROM stated WHERE budget_id = ? AND bucket_us < ?",
    "DELETE FROM alerts WHERE budget_id = ? AND window_us < ?",
)
_SPENT = (
    "SELECT COALESCE(SUM(nanos), 0), COALESCE(SUM(calls), 0), COALESCE(SUM(unpriced_calls), 0), "
    "COALESCE(SUM(blocked_calls), 0), MIN(CASE WHEN nanos THEN bucket_us END) FROM spent "
    "WHERE budget_id = ? AND subject = ? AND bucket_us >= ?"
)
_RESERVED = (
    "SELECT COALESCE(SUM(nanos), 0) FROM holds "
    "WHERE budget_id = ? AND subject = ? AND bucket_us >= ? AND expires_us > ?"
)


class Entry(msgspec.Struct, frozen=True):
    """An amount in an account."""

    account: "Account"
    subject: str
    bucket_us: int
    nanos: int
    unpriced: bool = False


class Account:
    """A budget and its number in a ledger."""

    def __init__(self, budget: Budget, budget_id: int) -> None:
        self.budget = budget
        self.budget_id = budget_id
        self.period: Period = budget.period
        self._limit = budget.limit_usd_nanos
        self._unpriced = budget.unpriced_usd_nanos
        self._by = budget.dimensions

    def subject_of(self, of: Dimensions) -> str | None:
        """Return whose share a call falls into, empty where there are no shares; None where it does not count."""
        for name, pattern in self.budget.where.items():
            value = of.get(name)
            if value is None or not fnmatchcase(value, pattern):
                return None
        return " / ".join(of.get(name) or NOBODY for name in self._by)

    def claimed(self, claim: Claim) -> Entry | None:
        """Return what a call that is to be made may add; None where it does not count."""
        subject = self.subject_of(claim.of)
        if subject is None:
            return None
        nanos = claim.nanos if claim.has_price or self._unpriced is None else self._unpriced
        return Entry(self, subject, self.period.bucket_us(claim.at_us), nanos, not claim.has_price)

    def counted(self, actual: Actual, reserved: int | None = None) -> Entry | None:
        """Return what a call has added; None where it does not count.

        Args:
            actual: What is known of its cost.
            reserved: What was reserved for it, which stands in for a cost that nobody knows; None for nothing.
        """
        subject = self.subject_of(actual.of)
        if subject is None:
            return None
        bucket_us = self.period.bucket_us(actual.at_us)
        if actual.nanos is not None:
            return Entry(self, subject, bucket_us, actual.nanos)
        stand_in = actual.stand_in_nanos if reserved is None else reserved
        return Entry(
            self, subject, bucket_us, stand_in if self._unpriced is None else self._unpriced, unpriced=True
        )

    def add(self, connection: sqlite3.Connection, entry: Entry) -> None:
        """Count a call in."""
        self.add_sum(connection, entry.subject, entry.bucket_us, (entry.nanos, 1, entry.unpriced, 0))

    def add_stated(self, connection: sqlite3.Connection, entry: Entry) -> None:
        """Count a call in of which no event tells."""
        self.add(connection, entry)
        values = (self.budget_id, entry.subject, entry.bucket_us, entry.nanos, entry.unpriced)
        connection.execute(_STATE, values)

    def add_sum(
        self, connection: sqlite3.Connection, subject: str, bucket_us: int, values: tuple[int, int, int, int]
    ) -> None:
        """Count many calls in: nanodollars, calls, those without a price, and calls that were not made."""
        connection.execute(_ADD, (self.budget_id, subject, bucket_us, *values))

    def forget(self, connection: sqlite3.Connection, before_us: int) -> None:
        """Forget the windows before the one that was then; a lifetime has none."""
        start_us = self.period.start_us(before_us)
        for statement in _FORGET:
            connection.execute(statement, (self.budget_id, start_us))

    def refusal(self, connection: sqlite3.Connection, entry: Entry, now_us: int) -> BudgetExceeded | None:
        """Return why a call must not be made, None where it may."""
        if not self.budget.hard:
            return None
        # A call that waited for its turn until after midnight is still yesterday's
        start_us = min(self.period.start_us(now_us), entry.bucket_us)
        spent, *_, oldest_us = connection.execute(
            _SPENT, (self.budget_id, entry.subject, start_us)
        ).fetchone()
        reserved = self._reserved(connection, entry.subject, start_us, now_us)
        is_barred = entry.unpriced and self.budget.unpriced == BLOCK
        if (
            spent + reserved + entry.nanos <= self._limit
            and not is_barred
            and (spent < self._limit or not entry.nanos)
        ):
            return None
        return BudgetExceeded(
            self.budget.name,
            subject=entry.subject,
            limit=self._limit,
            spent=spent,
            reserved=reserved,
            estimate=entry.nanos,
            resets_at_us=self.period.resets_us(now_us, oldest_us),
        )

    def _reserved(self, connection: sqlite3.Connection, subject: str, start_us: int, now_us: int) -> int:
        values = (self.budget_id, subject, start_us, now_us)
        return int(connection.execute(_RESERVED, values).fetchone()[0])

    def state(self, connection: sqlite3.Connection, subject: str, now_us: int) -> BudgetState:
        """Return how it stands for one subject."""
        start_us = self.period.start_us(now_us)
        spent, calls, unpriced, blocked, oldest_us = connection.execute(
            _SPENT, (self.budget_id, subject, start_us)
        ).fetchone()
        return BudgetState(
            budget=self.budget,
            subject=subject,
            at_us=now_us,
            spent_usd_nanos=spent,
            reserved_usd_nanos=self._reserved(connection, subject, start_us, now_us),
            calls=calls,
            unpriced_calls=unpriced,
            blocked_calls=blocked,
            resets_at_us=self.period.resets_us(now_us, oldest_us),
            elapsed_us=self.period.elapsed_us(now_us, oldest_us),
        )

    def subjects(self, connection: sqlite3.Connection, now_us: int) -> Iterator[str]:
        """Yield who has spent or reserved in the window; without shares the one there is."""
        if not self._by:
            yield ""
            return
        start_us = self.period.start_us(now_us)
        query = (
            "SELECT subject FROM spent WHERE budget_id = ? AND bucket_us >= ? UNION "
            "SELECT subject FROM holds WHERE budget_id = ? AND bucket_us >= ? AND expires_us > ? ORDER BY 1"
        )
        for (subject,) in connection.execute(
            query, (self.budget_id, start_us, self.budget_id, start_us, now_us)
        ).fetchall():
            yield subject

    def newly_passed(
        self, connection: sqlite3.Connection, subject: str, now_us: int
    ) -> tuple[int, BudgetState] | None:
        """Return the highest threshold that was passed and not told yet in this window, and note it as told."""
        if not self.budget.alert_at:
            return None
        state = self.state(connection, subject, now_us)
        passed = [at for at in self.budget.alert_at if state.spent_usd_nanos * 100 >= at * self._limit]
        window_us = self.period.window_us(now_us)
        fresh = [
            percent
            for percent in passed
            if connection.execute(
                "INSERT OR IGNORE INTO alerts VALUES (?, ?, ?, ?)",
                (self.budget_id, subject, window_us, percent),
            ).rowcount
        ]
        return (max(fresh), state) if fresh else None
