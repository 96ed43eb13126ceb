"""Allowance: who is asked before a call is sent, whether there is money for it.

The layers that meter calls ask an object that the tracker has been given, and know nothing of budgets.
"""

from collections.abc import Mapping
from typing import Any, Protocol

import msgspec

from taximeter.event import TaskCompletionEvent
from taximeter.providers import Endpoint
from taximeter.scopes import Scope


class Intent(msgspec.Struct, frozen=True, kw_only=True):
    """A call that is about to be made. `body` is the request's, None where it is not in memory."""

    endpoint: Endpoint
    body: bytes | Mapping[str, Any] | None
    scope: Scope
    at_us: int


class Hold(Protocol):
    """Money set aside for one call; the first word about it counts, and none of them raises or waits."""

    def settle_soon(self, event: TaskCompletionEvent | None, *, repeated: bool = False) -> None:
        """Count what the call did cost.

        Args:
            event: The call's event; None where there is none, and then what was set aside counts.
            repeated: Whether another event of the same call is tracked in the place of this one.
        """

    def release_soon(self) -> None:
        """Give it back: no call was made."""


class Allowance(Protocol):
    """Says whether a call may be made."""

    def reserve(self, intent: Intent, instead_of: Hold | None = None) -> Hold:
        """Set aside what a call may cost, in the place of what a layer above has set aside for it.

        Raises:
            BudgetError: It must not be made.
        """

    async def areserve(self, intent: Intent, instead_of: Hold | None = None) -> Hold:
        """`reserve` for coroutines.

        Raises:
            BudgetError: It must not be made.
        """


def allowance_of(tracker: Any) -> Allowance | None:
    """Return whom to ask about the calls of a tracker; None where nobody has to be."""
    allowance: Allowance | None = getattr(tracker, "allowance", None)
    return allowance
