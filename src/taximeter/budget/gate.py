"""Gate: budgets as the layers that meter calls know them."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from taximeter.allowance import Hold, Intent
from taximeter.budget.bound import Bound, bound_of
from taximeter.budget.budgets import Budgets
from taximeter.budget.call import Claim, dimensions_of, stand_in
from taximeter.budget.holds import Holds, in_worker, release_all


class Gate:
    """Asks budgets about calls that are still to be sent, by a bound of what they cost.

    Args:
        budgets: The budgets, one or more sets of them, each with a ledger of its own.
        builder: Returns the tracker's event builder, for its prices.
    """

    def __init__(self, budgets: Sequence[Budgets], builder: Callable[[], Any]) -> None:
        self.budgets = budgets
        self._builder = builder
        self._expected_output_tokens = max(each.expected_output_tokens for each in budgets)

    def reserve(self, intent: Intent, instead_of: Hold | None = None) -> Hold:
        """Set aside what a call may cost.

        Raises:
            BudgetExceeded: A hard limit would be passed.
            BudgetUnavailable: The budgets cannot be asked, and one of them lets no call through then.
        """
        if instead_of is not None:
            instead_of.release_soon()
        claim = self._claim(intent)
        made: list[Hold] = []
        try:
            made.extend(
                each.claim(claim) for each in self.budgets
            )  # one by one: where one refuses, the others stay
        except BaseException:
            release_all(made)
            raise
        return made[0] if len(made) == 1 else Holds(made)

    async def areserve(self, intent: Intent, instead_of: Hold | None = None) -> Hold:
        """`reserve` for coroutines; large requests are looked at in the worker thread too.

        Raises:
            BudgetExceeded: A hard limit would be passed.
            BudgetUnavailable: The budgets cannot be asked, and one of them lets no call through then.
        """
        return await in_worker(partial(self.reserve, intent, instead_of))

    def _claim(self, intent: Intent) -> Claim:
        endpoint = intent.endpoint
        bound = self._bound(intent)
        of = dimensions_of(
            intent.scope,
            provider=endpoint.provider,
            wire_format=endpoint.wire_format,
            operation=endpoint.operation,
            model=bound.model,
        )
        return Claim(of=of, at_us=intent.at_us, nanos=bound.nanos, has_price=bound.has_price)

    def _bound(self, intent: Intent) -> Bound:
        try:
            return bound_of(intent, self._builder().catalog, self._expected_output_tokens)
        except Exception:  # a strange request is the application's own business, and still not free
            nanos = stand_in(None, self._expected_output_tokens)
            return Bound(nanos, has_price=False, model=intent.endpoint.model)
