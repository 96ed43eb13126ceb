"""Reservation: money that is set aside for one call, until it is known what the call did cost."""

from functools import partial
from types import TracebackType
from typing import Any, Protocol, Self

import anyio
import anyio.to_thread

from taximeter.budget.account import Entry
from taximeter.budget.amount import Amount, nanos_of
from taximeter.budget.call import Actual, actual_of
from taximeter.event import TaskCompletionEvent


class Settles(Protocol):
    """What reservations are settled with, which `Budgets` is.

    A call's cost is what its event says, or an amount in nanodollars: below 0 means what was reserved, 0 that no call was
    made.
    """

    has_store: bool

    def settle(self, reservation: "Reservation", actual: Actual | int, /) -> None:
        """Count what a call did cost, now."""

    def settle_soon(self, reservation: "Reservation", actual: Actual | int | None, /) -> None:
        """Count what a call did cost in a moment; None means what was reserved."""


class Reservation:
    """Money that a call may spend; it is settled once, with what the call did cost, or released.

    A context manager, plain and async: a block that ends without a word counts what was reserved, because nobody knows
    that it cost less.
    """

    def __init__(self, budgets: Settles, hold_id: int, entries: tuple[Entry, ...]) -> None:
        self._budgets = budgets
        self._open = [True]  # popped once, atomically: whoever comes first settles it
        self.hold_id = hold_id
        self.entries = entries

    @property
    def is_open(self) -> bool:
        """Whether it was neither settled nor released."""
        return bool(self._open)

    def settle(
        self,
        actual: "Amount | TaskCompletionEvent | None" = None,
        *,
        usd_micros: int | None = None,
        usd_nanos: int | None = None,
    ) -> None:
        """Count what the call did cost, now; later calls of this do nothing.

        Args:
            actual: The amount in USD, or the call's event: give the event where it goes into the store too, so that it
                counts once. None, with no other amount, counts what was reserved.
            usd_micros: The amount in microdollars instead.
            usd_nanos: The amount in nanodollars instead.

        Raises:
            ConfigurationError: It is no amount, or several.
        """
        found = self._read(actual, usd_micros, usd_nanos)
        if self._close():
            self._budgets.settle(self, found)

    async def asettle(
        self,
        actual: "Amount | TaskCompletionEvent | None" = None,
        *,
        usd_micros: int | None = None,
        usd_nanos: int | None = None,
    ) -> None:
        """`settle` for coroutines: the event loop runs on, and a cancellation waits.

        Raises:
            ConfigurationError: As `settle`.
        """
        with anyio.CancelScope(shield=True):
            await anyio.to_thread.run_sync(
                partial(self.settle, actual, usd_micros=usd_micros, usd_nanos=usd_nanos)
            )

    def settle_soon(self, event: TaskCompletionEvent | None, *, repeated: bool = False) -> None:
        """Count what an event says within some milliseconds, and before anybody of this process reserves again.

        Never raises and never waits, so it may be called from a coroutine, or a `__del__`.

        Args:
            event: The call's event; None counts what was reserved.
            repeated: Whether another event of the same call goes to the store in the place of this one; that one counts
                when it is there.
        """
        if self._close():
            is_left = repeated and self._budgets.has_store
            self._budgets.settle_soon(self, 0 if is_left else None if event is None else actual_of(event))

    def release(self) -> None:
        """Give the money back, now: the call was not made."""
        if self._close():
            self._budgets.settle(self, 0)

    def release_soon(self) -> None:
        """Give the money back within some milliseconds; as `settle_soon`."""
        if self._close():
            self._budgets.settle_soon(self, 0)

    def _close(self) -> bool:
        try:
            return self._open.pop()
        except IndexError:
            return False

    def _read(self, actual: Any, micros: int | None, nanos: int | None) -> "Actual | int":
        if isinstance(actual, TaskCompletionEvent):
            return actual_of(actual)
        if actual is None and micros is None and nanos is None:
            return -1
        return nanos_of(actual, micros=micros, nanos=nanos)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.settle()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.asettle()
