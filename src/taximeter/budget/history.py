"""History: what a store has and a ledger does not know yet, counted in once.

Every call is counted at one of two moments: when it is settled, or when its event arrives in the store. A settlement
leaves the event's id behind until the event has arrived and is passed over (or corrected, where it says otherwise); one
that comes later than its event finds it there and adds nothing. A new budget begins with the store's own totals. So the
ledger is right at once, and agrees with the store once that has everything.
"""

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

import msgspec

from taximeter.budget.account import Account, Entry
from taximeter.budget.call import Actual, actual_of
from taximeter.budget.definition import Budget
from taximeter.budget.seed import Seed, seed_of
from taximeter.errors import ConfigurationError
from taximeter.sqlite_file import file_id
from taximeter.store import Store, StoreError
from taximeter.unforked import Unforked

_AT_ONCE = 500
"""Arrivals that are counted in one transaction, so that others' turn comes soon."""
_FORGET_US = 30 * 86_400_000_000
"""After so long nobody waits for an event that was settled and never arrived."""


class UncountedError(Exception):
    """A transaction needs a store's totals, which are to be added up outside of it."""

    def __init__(self, account: Account) -> None:
        super().__init__(account.budget.name)
        self.account = account


class History:
    """The store beside a ledger, which may not be there yet, or be another one tomorrow.

    Args:
        path: The store's file; None where there is none.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._store: Store | None = None
        self._file: tuple[int, int] | None = None
        self._seeds: dict[str, Seed] = {}
        self._seeds_made = 0
        self._turn = Unforked()

    @property
    def exists(self) -> bool:
        """Whether events are to be expected."""
        return self._path is not None

    def close(self) -> None:
        """Let the file go."""
        if self._store is not None:
            self._store.close()
            self._store = None

    def forget(self) -> None:
        """In a forked child let the parent's connection alone."""
        if self._store is not None:
            _left_to_parent.append(self._store)
            self._store = None

    def account(self, connection: sqlite3.Connection, budget: Budget) -> Account:
        """Return a budget's account, made with what the store has where there was none.

        Raises:
            UncountedError: That has to be prepared.
        """
        definition = msgspec.json.encode(budget).decode()
        fresh = connection.execute(
            "INSERT INTO budgets (key, definition) VALUES (?, ?) ON CONFLICT DO NOTHING",
            (budget.key, definition),
        ).rowcount
        budget_id, known = connection.execute(
            "SELECT budget_id, definition FROM budgets WHERE key = ?", (budget.key,)
        ).fetchone()
        account = Account(budget, budget_id)
        if known != definition:
            connection.execute(
                "UPDATE budgets SET definition = ? WHERE budget_id = ?", (definition, budget_id)
            )
        if fresh:
            self._begin_anew(connection, account)
        return account

    def count_arrivals(self, connection: sqlite3.Connection, accounts: Iterable[Account]) -> Iterator[Entry]:
        """Count what has come to the store since, some of it where it is much, and yield what was added.

        Raises:
            UncountedError: The store is another one, and its totals have to be prepared.
        """
        store = self._opened()
        if store is None:
            return
        for account in accounts:
            position, event_id = connection.execute(
                "SELECT position, position_event_id FROM budgets WHERE budget_id = ?", (account.budget_id,)
            ).fetchone()
            if event_id is not None and store.position(event_id) != position:
                self._begin_anew(connection, account)  # pruned, compacted, or another file
            else:
                yield from self._count_after(connection, store, account, position)

    def has(self, connection: sqlite3.Connection, account: Account, event_id: str) -> bool:
        """Whether the event of a call has arrived in the store and is counted."""
        store = self._opened()
        if store is None or (position := store.position(event_id)) is None:
            return False
        (reached,) = connection.execute(
            "SELECT position FROM budgets WHERE budget_id = ?", (account.budget_id,)
        ).fetchone()
        return bool(position <= reached)

    def _count_after(
        self, connection: sqlite3.Connection, store: Store, account: Account, position: int
    ) -> Iterator[Entry]:
        last = None
        for event in store.arrived(position, _AT_ONCE):
            last = event.event_id
            actual = actual_of(event)
            if _take_settled(connection, account, actual):
                continue
            entry = account.counted(actual)
            if entry is not None:
                account.add(connection, entry)
                yield entry
        if last is not None:
            _advance(connection, account, store.position(last) or position, last)

    def prepare(self, account: Account, now_us: int) -> None:
        """Add up what the store has for a budget, once for all threads that ask for it meanwhile.

        Raises:
            StoreError: The store cannot be read.
        """
        made, path = self._seeds_made, self._path
        with self._turn:
            if made == self._seeds_made and path is not None:
                with Store(path) as store:  # one of its own: the other belongs to whoever has the ledger
                    self._seeds[account.budget.key] = seed_of(store, account, now_us)
                self._seeds_made += 1

    def _begin_anew(self, connection: sqlite3.Connection, account: Account) -> None:
        """Count the store's totals, what was settled and has not arrived, and what never will be in the store."""
        seed, store = self._seeds.pop(account.budget.key, None), self._opened()
        if store is None:
            seed = Seed()
        if seed is None or not seed.is_of(store):
            raise UncountedError(account)
        _forget_spent(connection, account)
        for (subject, bucket_us), sums in seed.sums.items():
            account.add_sum(connection, subject, bucket_us, (*sums, 0))
        _advance(connection, account, seed.position, seed.event_id)
        query = "SELECT event_id, subject, bucket_us, nanos, unpriced_calls FROM settled WHERE budget_id = ?"
        for event_id, *entry in connection.execute(query, (account.budget_id,)).fetchall():
            if self.has(connection, account, event_id):
                connection.execute(
                    "DELETE FROM settled WHERE event_id = ? AND budget_id = ?", (event_id, account.budget_id)
                )
            else:
                account.add(connection, Entry(account, *entry))

    def _opened(self) -> Store | None:
        path = self._path
        identity = None if path is None else file_id(path)
        if identity != self._file:
            self.close()
        if self._store is None and path is not None and identity is not None:
            with suppress(ConfigurationError, StoreError):  # it is being made, or will be
                self._store = Store(path)
                self._file = identity
        return self._store


_left_to_parent: list[Store] = []


def remember(connection: sqlite3.Connection, entry: Entry, actual: Actual) -> None:
    """Leave a settled call's id behind until its event has arrived."""
    connection.execute(
        "INSERT OR REPLACE INTO settled VALUES (?, ?, ?, ?, ?, ?, ?)",
        (
            actual.event_id,
            entry.account.budget_id,
            entry.subject,
            entry.bucket_us,
            entry.nanos,
            entry.unpriced,
            actual.at_us,
        ),
    )


def forget_old(connection: sqlite3.Connection, accounts: Iterable[Account], now_us: int) -> None:
    """Forget settled calls whose events will not arrive any more, and windows that are long over."""
    connection.execute("DELETE FROM settled WHERE at_us < ?", (now_us - _FORGET_US,))
    for account in accounts:
        account.forget(connection, now_us - _FORGET_US)


def _take_settled(connection: sqlite3.Connection, account: Account, actual: Actual) -> bool:
    """Return whether a call was counted when it was settled; where the store says another cost, that is put right.

    Whose share it is stays: a store may know less of that, for privacy.
    """
    key = (actual.event_id, account.budget_id)
    row = connection.execute(
        "SELECT subject, bucket_us, nanos FROM settled WHERE event_id = ? AND budget_id = ?", key
    ).fetchone()
    if row is None:
        return False
    connection.execute("DELETE FROM settled WHERE event_id = ? AND budget_id = ?", key)
    subject, bucket_us, nanos = row
    if actual.nanos is not None and actual.nanos != nanos:
        account.add_sum(connection, subject, bucket_us, (actual.nanos - nanos, 0, 0, 0))
    return True


def _forget_spent(connection: sqlite3.Connection, account: Account) -> None:
    """Forget what calls have cost whose events are, or will be, in the store."""
    key = (account.budget_id,)
    connection.execute("UPDATE spent SET nanos = 0, calls = 0, unpriced_calls = 0 WHERE budget_id = ?", key)
    query = "SELECT subject, bucket_us, nanos, calls, unpriced_calls, 0 FROM stated WHERE budget_id = ?"
    for subject, bucket_us, *values in connection.execute(query, key).fetchall():
        account.add_sum(connection, subject, bucket_us, tuple(values))


def _advance(connection: sqlite3.Connection, account: Account, position: int, event_id: str | None) -> None:
    connection.execute(
        "UPDATE budgets SET position = ?, position_event_id = ? WHERE budget_id = ?",
        (position, event_id, account.budget_id),
    )
