"""A model of budgets beside the real ones, and whatever order of steps hypothesis thinks of."""

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, multiple, rule

from taximeter.budget import Budget, Budgets, Reservation
from taximeter.errors import BudgetExceeded

LIMIT = 1_000_000
LEASE_US = 60_000_000
NANOS = st.integers(1, LIMIT // 2)


class BudgetModel(RuleBasedStateMachine):
    """Two processes' worth of budgets on one file, and what should come of it, in plain numbers."""

    held = Bundle("held")

    def __init__(self) -> None:
        super().__init__()
        self.folder = TemporaryDirectory()
        self.now_us = 10**15
        self.budgets = [self.opened(), self.opened()]
        self.spent = 0
        self.leases: dict[int, tuple[int, int]] = {}

    def opened(self) -> Budgets:
        """Return a process's budgets."""
        limit = Budget(name="all", limit_usd_micros=LIMIT // 1000, window="lifetime", alerts=())
        return Budgets(
            None,
            [limit],
            file=Path(self.folder.name) / "file",
            lease_s=LEASE_US / 1e6,
            clock=lambda: self.now_us,
        )

    @property
    def reserved(self) -> int:
        """What leases hold that have not run out."""
        return sum(nanos for nanos, until_us in self.leases.values() if until_us > self.now_us)

    @rule(target=held, by=st.sampled_from([0, 1]), nanos=NANOS)
    def reserve(self, by: int, nanos: int) -> object:
        """Exactly what fits under the limit is let through."""
        fits = self.spent + self.reserved + nanos <= LIMIT
        if not fits:
            with pytest.raises(BudgetExceeded) as caught:
                self.budgets[by].reserve(usd_nanos=nanos)
            found = caught.value.spent_usd_nanos, caught.value.reserved_usd_nanos
            assert found == (self.spent, self.reserved)
            return multiple()
        reservation = self.budgets[by].reserve(usd_nanos=nanos)
        self.leases[reservation.hold_id] = (nanos, self.now_us + LEASE_US)
        return reservation

    @rule(reservation=consumes(held), share=st.integers(1, 100))
    def settle(self, reservation: Reservation, share: int) -> None:
        """What was spent counts, and the lease is over, run out or not."""
        nanos = max(reservation.entries[0].nanos * share // 100, 1)
        reservation.settle(usd_nanos=nanos)
        reservation.settle(usd_nanos=LIMIT)
        self.spent += nanos
        self.leases.pop(reservation.hold_id)

    @rule(reservation=consumes(held))
    def release(self, reservation: Reservation) -> None:
        """What was not spent is free again."""
        reservation.release()
        self.leases.pop(reservation.hold_id)

    @rule(seconds=st.integers(1, 70))
    def wait(self, seconds: int) -> None:
        """Leases run out by themselves."""
        self.now_us += seconds * 1_000_000

    @rule(which=st.sampled_from([0, 1]))
    def reopen(self, which: int) -> None:
        """Nothing is lost when a process ends and another begins."""
        self.budgets[which].close()
        self.budgets[which] = self.opened()

    @invariant()
    def agree(self) -> None:
        """Both see the same, and it is what the model says."""
        for each in self.budgets:
            (state,) = each.states()
            assert (state.spent_usd_nanos, state.reserved_usd_nanos) == (self.spent, self.reserved)

    def teardown(self) -> None:
        """Let all files go."""
        for each in self.budgets:
            each.close()
        self.folder.cleanup()


TestBudgetModel = BudgetModel.TestCase
TestBudgetModel.settings = settings(max_examples=10, stateful_step_count=15, deadline=None)
