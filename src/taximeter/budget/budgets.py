"""Budgets: limits that are asked before a call and settled after it, by any thread and process."""

import atexit
import os
import sqlite3
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from random import SystemRandom
from time import sleep, time_ns
from typing import Any, TypeVar
from weakref import ref

from taximeter.alarm import warn
from taximeter.budget.account import Account, Entry
from taximeter.budget.alert import Alert, Alerts
from taximeter.budget.amount import Amount, nanos_of
from taximeter.budget.call import Actual, Claim, dimensions_of
from taximeter.budget.definition import Budget, read_budget
from taximeter.budget.history import History, UncountedError, forget_old, remember
from taximeter.budget.holds import in_worker
from taximeter.budget.ledger import Ledger, ledger_beside
from taximeter.budget.owner import is_gone, owner_of_this_process
from taximeter.budget.reservation import Reservation
from taximeter.budget.state import BudgetState
from taximeter.budget.worker import Worker
from taximeter.errors import (
    BudgetError,
    BudgetExceeded,
    BudgetUnavailable,
    ConfigurationError,
    TaximeterError,
)
from taximeter.given_path import path_from
from taximeter.scopes import current_scope

LEASE_S = 900.0
_LOOK_EVERY_US = 1_000_000
_WARN_EVERY_US = 60_000_000
_TIDY_EVERY_US = 3_600_000_000
_MOST_WAITING = 100_000
_MOST_TRIES = 100
_MOMENT_S = 0.005
"""Calls that end together are settled together."""
_TROUBLE = (sqlite3.Error, OSError, TaximeterError)
_random = SystemRandom()
T = TypeVar("T")


def now_us() -> int:
    """Return the present, in Unix microseconds."""
    return time_ns() // 1000


class Budgets:
    """Several budgets over one store, which all processes that use the same store share.

    Args:
        store: The SQLite file that the events go to; what it has counts. None for budgets that know their own calls only.
        budgets: What is limited: `Budget` values, or tables of their fields.
        file: Where reservations are kept; None means beside the store (`usage.db.budgets`).
        lease_s: For how long a reservation holds if nobody settles it: longer than the longest call.
        timeout_s: How long to wait for other processes before the budgets count as unavailable.
        on_alert: Is called with every alert of this process, in a thread of its own.
        expected_output_tokens: What a metered call is taken to generate whose request names no most; see `bound`.
        clock: Returns the present in Unix microseconds.

    Raises:
        ConfigurationError: A budget or an option that cannot work.
    """

    def __init__(
        self,
        store: "str | os.PathLike[str] | None",
        budgets: "Sequence[Budget | Mapping[str, Any]]",
        *,
        file: "str | os.PathLike[str] | None" = None,
        lease_s: float = LEASE_S,
        timeout_s: float = 2.0,
        on_alert: Callable[[Alert], object] | None = None,
        expected_output_tokens: int = 4096,
        clock: Callable[[], int] = now_us,
    ) -> None:
        self.budgets = _read_all(budgets)
        events = None if store is None else path_from("store", store, "the path of a SQLite file")
        self.path = _ledger_path(events, file)
        _check_seconds(lease_s=lease_s, timeout_s=timeout_s)
        _check_count(expected_output_tokens=expected_output_tokens)
        self.expected_output_tokens = expected_output_tokens
        self.has_store = events is not None
        self.failures = 0
        """How often the file could not be asked, by this process."""
        self.blocked = 0
        """Calls that this process was not allowed to make."""
        self._history = History(None if events is None else events.absolute())
        self._ledger = Ledger(self.path, timeout_s=timeout_s)
        self._lease_us = int(lease_s * 1e6)
        self._clock = clock
        self._accounts: tuple[Account, ...] | None = None
        self._unregistered = tuple(Account(budget, 0) for budget in self.budgets)
        self._alerts = Alerts(on_alert)
        self._waiting: deque[tuple[Reservation, Actual | int]] = deque()
        self._settler: Worker[bool] = Worker(self._settle_in_a_moment, most=1)
        atexit.register(_closing(ref(self)))
        self._pid = os.getpid()
        self._looked_us = self._warned_us = self._tidied_us = 0

    def reserve(
        self,
        usd: Amount | None = None,
        *,
        usd_micros: int | None = None,
        usd_nanos: int | None = None,
        **of: str,
    ) -> Reservation:
        """Set money aside for a call that is to be made, in all budgets that it falls under, or in none.

        Args:
            usd: What it costs at most, such as "0.05".
            usd_micros: The same in microdollars instead.
            usd_nanos: The same in nanodollars instead.
            **of: Dimensions of the call that the current scope does not have: `provider`, `model`, ...

        Raises:
            BudgetExceeded: A hard limit would be passed.
            BudgetUnavailable: The file cannot be asked, and a budget lets no call through then.
            ConfigurationError: It is no amount, or several.
        """
        nanos = nanos_of(usd, micros=usd_micros, nanos=usd_nanos)
        return self.claim(Claim(of=dimensions_of(current_scope(), **of), at_us=self._clock(), nanos=nanos))

    async def areserve(
        self,
        usd: Amount | None = None,
        *,
        usd_micros: int | None = None,
        usd_nanos: int | None = None,
        **of: str,
    ) -> Reservation:
        """`reserve` for coroutines: waiting for other processes is done in a worker thread.

        Raises:
            BudgetExceeded: A hard limit would be passed.
            BudgetUnavailable: The file cannot be asked, and a budget lets no call through then.
            ConfigurationError: It is no amount, or several.
        """
        nanos = nanos_of(usd, micros=usd_micros, nanos=usd_nanos)
        claim = Claim(of=dimensions_of(current_scope(), **of), at_us=self._clock(), nanos=nanos)
        return await self.aclaim(claim)

    def claim(self, claim: Claim) -> Reservation:
        """Set money aside for *claim*.

        Raises:
            BudgetExceeded: A hard limit would be passed.
            BudgetUnavailable: The file cannot be asked, and a budget lets no call through then.
        """
        self._settler.start()
        try:
            found = self._transact(partial(self._reserve, claim))
        except _TROUBLE as error:
            self._fail(error, claim)
            return Reservation(self, 0, ())
        if isinstance(found, BudgetError):
            self.blocked += 1
            raise found
        return found

    async def aclaim(self, claim: Claim) -> Reservation:
        """`claim` for coroutines.

        Raises:
            BudgetExceeded: A hard limit would be passed.
            BudgetUnavailable: The file cannot be asked, and a budget lets no call through then.
        """
        return await in_worker(partial(self.claim, claim))

    def settle(self, reservation: Reservation, actual: Actual | int) -> None:
        """Count what a call did cost; see `Reservation.settle`."""
        self._wait_with(reservation, actual)
        self._settle_waiting()

    def settle_soon(self, reservation: Reservation, actual: Actual | int | None) -> None:
        """Count what a call did cost in a moment; see `Reservation.settle_soon`."""
        self._wait_with(reservation, -1 if actual is None else actual)
        self._settler.put(True)

    def states(self) -> list[BudgetState]:
        """Return how all budgets stand now, those with shares once for everyone who has spent any.

        Raises:
            sqlite3.Error, OSError: The file cannot be read.
            StoreError: The store cannot be.
        """
        return self._transact(self._states)

    def close(self) -> None:
        """Settle what waits, send what alerts there are, and let the files go."""
        self._settle_waiting()
        self._settler.close()
        self._alerts.close()
        self._ledger.close()
        self._history.close()

    def _transact(self, work: Callable[[sqlite3.Connection, tuple[Account, ...], int], T]) -> T:
        """Run *work* in a transaction, with what stores have added up beside it first, so that nobody waits for that."""
        for _ in range(_MOST_TRIES):
            try:
                return self._try(work)
            except UncountedError as lack:
                self._history.prepare(lack.account, self._clock())
        raise BudgetError("the store is exchanged again and again")

    def _try(self, work: Callable[[sqlite3.Connection, tuple[Account, ...], int], T]) -> T:
        """Run *work* after everything that waits to be settled, and tell of the thresholds that were passed.

        Raises:
            UncountedError: A store's totals are needed, and nothing was done.
        """
        taken: list[tuple[Reservation, Actual | int]] = []
        passed: list[Alert] = []

        def run(connection: sqlite3.Connection) -> T:
            self._notice_fork()
            now = self._clock()
            accounts = self._registered(connection)
            touched = [
                entry for each in self._take(taken) for entry in self._settle(connection, accounts, *each)
            ]
            if now - self._looked_us >= _LOOK_EVERY_US or now < self._looked_us:
                self._looked_us = now
                touched += self._history.count_arrivals(connection, accounts)
            if not 0 <= now - self._tidied_us < _TIDY_EVERY_US:
                self._tidied_us = now
                forget_old(connection, accounts, now)
            passed.extend(_alerts(connection, touched, now))
            return work(connection, accounts, now)

        try:
            found = self._ledger.transact(run)
        except BaseException:
            self._accounts = None
            self._looked_us = 0
            self._waiting.extendleft(reversed(taken))
            raise
        for alert in passed:
            self._alerts.send(alert)
        return found

    def _notice_fork(self) -> None:
        if self._pid != os.getpid():
            self._pid = os.getpid()
            self._history.forget()
            self._accounts = None
            self._waiting.clear()

    def _registered(self, connection: sqlite3.Connection) -> tuple[Account, ...]:
        known = self._accounts
        if known is None or not _is_there(connection, known):
            known = self._accounts = tuple(
                self._history.account(connection, budget) for budget in self.budgets
            )
        return known

    def _take(self, taken: list[tuple[Reservation, Actual | int]]) -> list[tuple[Reservation, Actual | int]]:
        with suppress(IndexError):
            while True:
                taken.append(self._waiting.popleft())
        return taken

    def _settle(
        self,
        connection: sqlite3.Connection,
        accounts: tuple[Account, ...],
        reservation: Reservation,
        actual: Actual | int,
    ) -> list[Entry]:
        connection.execute("DELETE FROM holds WHERE hold_id = ?", (reservation.hold_id,))
        if isinstance(actual, int):
            return _settle_amount(connection, reservation.entries, actual)
        reserved = {entry.account.budget_id: entry.nanos for entry in reservation.entries}
        added = []
        for account in accounts:
            entry = account.counted(actual, reserved.get(account.budget_id))
            if entry is not None and not self._history.has(connection, account, actual.event_id):
                account.add(connection, entry)
                added.append(entry)
                if self._history.exists:
                    remember(connection, entry, actual)
        return added

    def _reserve(
        self, claim: Claim, connection: sqlite3.Connection, accounts: tuple[Account, ...], now: int
    ) -> "Reservation | BudgetExceeded":
        entries = tuple(entry for account in accounts if (entry := account.claimed(claim)) is not None)
        refusal = _first_refusal(connection, entries, now)
        if refusal is not None and _give_back(connection, now):
            refusal = _first_refusal(connection, entries, now)
        if refusal is not None:
            _note_blocked(connection, entries, refusal.budget)
            return refusal
        hold_id = _random.getrandbits(62)
        owner, expires_us = owner_of_this_process(), now + self._lease_us
        connection.executemany(
            "INSERT INTO holds VALUES (?, ?, ?, ?, ?, ?, ?)",
            [
                (each.account.budget_id, each.subject, each.bucket_us, hold_id, each.nanos, owner, expires_us)
                for each in entries
            ],
        )
        return Reservation(self, hold_id, entries)

    def _states(
        self, connection: sqlite3.Connection, accounts: tuple[Account, ...], now: int
    ) -> list[BudgetState]:
        _give_back(connection, now)
        return [
            account.state(connection, subject, now)
            for account in accounts
            for subject in account.subjects(connection, now)
        ]

    def _wait_with(self, reservation: Reservation, actual: Actual | int) -> None:
        if len(self._waiting) < _MOST_WAITING:
            self._waiting.append((reservation, actual))

    def _settle_in_a_moment(self, _: bool) -> None:
        sleep(_MOMENT_S)
        self._settle_waiting()

    def _settle_waiting(self) -> None:
        if not self._waiting:
            return
        try:
            self._transact(_nothing)
        except _TROUBLE as error:  # the next transaction takes it with it
            self._count_failure(error)

    def _fail(self, error: Exception, claim: Claim) -> None:
        self._count_failure(error)
        for account in self._unregistered:
            if account.budget.on_failure == "block" and account.subject_of(claim.of) is not None:
                self.blocked += 1
                raise BudgetUnavailable(account.budget.name, str(error)) from error

    def _count_failure(self, error: Exception) -> None:
        self.failures += 1
        if (now := now_us()) - self._warned_us >= _WARN_EVERY_US:
            self._warned_us = now
            warn(f"budgets cannot be asked ({self.failures} times so far): {error}")


def _ledger_path(store: Path | None, file: "str | os.PathLike[str] | None") -> Path:
    """Return where reservations are kept: in the file that is named, else beside the store."""
    if store is None and file is None:
        raise ConfigurationError("file", file, "a path, where there is no store")
    path = ledger_beside(store) if store is not None and file is None else path_from("file", file, "a path")
    if not path.absolute().parent.is_dir():
        raise ConfigurationError("file", str(path), "a file in a folder that exists")
    return path.absolute()


def _check_seconds(**options: float) -> None:
    for key, seconds in options.items():
        if isinstance(seconds, bool) or not 0 < seconds < 1e9:
            raise ConfigurationError(key, seconds, "a number of seconds above 0")


def _check_count(**options: int) -> None:
    for key, count in options.items():
        if type(count) is not int or count < 0:
            raise ConfigurationError(key, count, "a whole number of at least 0")


def _read_all(budgets: Any) -> tuple[Budget, ...]:
    if isinstance(budgets, str | Mapping | Budget) or not isinstance(budgets, Sequence):
        raise ConfigurationError("budgets", budgets, "a list of Budget values, or of tables of their fields")
    found = tuple(read_budget(each, f"budgets[{at}]") for at, each in enumerate(budgets))
    names = [budget.name for budget in found]
    for name in names:
        if names.count(name) > 1:
            raise ConfigurationError("budgets", name, "names that differ")
    return found


def _is_there(connection: sqlite3.Connection, accounts: tuple[Account, ...]) -> bool:
    """Whether the file is still the one that the accounts are in."""
    query = "SELECT key FROM budgets WHERE budget_id = ?"
    return all(
        connection.execute(query, (account.budget_id,)).fetchone() == (account.budget.key,)
        for account in accounts
    )


def _settle_amount(connection: sqlite3.Connection, entries: tuple[Entry, ...], nanos: int) -> list[Entry]:
    """Count an amount that has no event; below 0 means what was reserved, and nothing that no call was made."""
    if nanos == 0:
        return []
    added = [
        Entry(each.account, each.subject, each.bucket_us, each.nanos if nanos < 0 else nanos, nanos < 0)
        for each in entries
    ]
    for entry in added:
        entry.account.add_stated(connection, entry)
    return added


def _first_refusal(
    connection: sqlite3.Connection, entries: tuple[Entry, ...], now: int
) -> BudgetExceeded | None:
    refusals = (entry.account.refusal(connection, entry, now) for entry in entries)
    return next((refusal for refusal in refusals if refusal is not None), None)


def _note_blocked(connection: sqlite3.Connection, entries: tuple[Entry, ...], name: str) -> None:
    for entry in entries:
        if entry.account.budget.name == name:
            entry.account.add_sum(connection, entry.subject, entry.bucket_us, (0, 0, 0, 1))


def _give_back(connection: sqlite3.Connection, now: int) -> int:
    """Give back what leases hold that have run out, or whose process has ended; return how many."""
    given = connection.execute("DELETE FROM holds WHERE expires_us <= ?", (now,)).rowcount
    for (owner,) in connection.execute("SELECT DISTINCT owner FROM holds").fetchall():
        if is_gone(owner):
            given += connection.execute("DELETE FROM holds WHERE owner = ?", (owner,)).rowcount
    return given


def _alerts(connection: sqlite3.Connection, touched: list[Entry], now: int) -> list[Alert]:
    shares = {(entry.account.budget_id, entry.subject): entry.account for entry in touched}
    passed = (account.newly_passed(connection, subject, now) for (_, subject), account in shares.items())
    return [Alert(percent=found[0], state=found[1]) for found in passed if found is not None]


def _nothing(*_: object) -> None:
    """Do nothing beside what every transaction does."""


def _closing(find: Callable[[], Budgets | None]) -> Callable[[], None]:
    """Return what settles at the end of the program, without holding the budgets until then."""

    def close() -> None:
        if (budgets := find()) is not None:
            budgets.close()

    return close
