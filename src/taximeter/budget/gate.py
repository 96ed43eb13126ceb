"""Gate: budgets as the layers that meter calls know them."""

from collections.abc import Callable
from functools import partial
from typing import Any

from taximeter.allowance import Intent
from taximeter.budget.bound import Bound, bound_of
from taximeter.budget.budgets import Budgets, Reservation, in_worker
from taximeter.budget.call import Claim, dimensions_of, stand_in


class Gate:
    """Asks budgets about calls that are still to be sent, by a bound of what they cost.

    Args:
        budgets: The budgets.
        builder: Returns the tracker's event builder, for its prices.
    """

    def __init__(self, budgets: Budgets, builder: Callable[[], Any]) -> None:
        self.budgets = budgets
        self._builder = builder

    def reserve(self, intent: Intent, instead_of: Reservation | None = None) -> Reservation:
        """Set aside what a call may cost.

        Raises:
            BudgetExceeded: A hard limit would be passed.
            BudgetUnavailable: The budgets cannot be asked, and one of them lets no call through then.
        """
        return self.budgets.claim(self._claim(intent), instead_of)

    async def areserve(self, intent: Intent, instead_of: Reservation | None = None) -> Reservation:
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
            return bound_of(intent, self._builder().catalog, self.budgets.expected_output_tokens)
        except Exception:  # a strange request is the application's own business, and still not free
            nanos = stand_in(None, self.budgets.expected_output_tokens)
            return Bound(nanos, has_price=False, model=intent.endpoint.model)
