"""Holds: what several ledgers have set aside for one call, and how it is given back where there is no call."""

from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

import anyio
import anyio.to_thread

from taximeter.allowance import Hold
from taximeter.event import TaskCompletionEvent

HoldT = TypeVar("HoldT", bound=Hold)


class Holds:
    """What several ledgers have set aside for one call."""

    def __init__(self, parts: Sequence[Hold]) -> None:
        self._parts = parts

    def settle_soon(self, event: TaskCompletionEvent | None, *, repeated: bool = False) -> None:
        """Count what the call did cost in each; see `Hold`."""
        for part in self._parts:
            part.settle_soon(event, repeated=repeated)

    def release_soon(self) -> None:
        """Give it back to each."""
        release_all(self._parts)


async def in_worker(reserve: Callable[[], HoldT]) -> HoldT:
    """Reserve in a worker thread; where the task is cancelled meanwhile, what was reserved is given back."""
    made: list[HoldT] = []
    gone: list[bool] = []

    def work() -> HoldT:
        hold = reserve()
        made.append(hold)
        if gone:
            release_all(made)
        return hold

    try:
        return await anyio.to_thread.run_sync(work)
    except BaseException:
        gone.append(True)
        release_all(made)
        raise


def release_all(made: Iterable[Hold]) -> None:
    """Give back all of these."""
    for hold in made:
        hold.release_soon()
