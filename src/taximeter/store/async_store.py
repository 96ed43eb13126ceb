"""Async store: a store that coroutines can ask while their event loop runs on."""

import functools
import os
from collections.abc import Callable, Coroutine
from threading import Lock
from types import TracebackType
from typing import Any, Concatenate, ParamSpec, Self, TypeVar

import anyio.to_thread

from taximeter.store.answers import Answers
from taximeter.store.event_file import EventFile
from taximeter.store.opening import open_store
from taximeter.store.store import Store

P = ParamSpec("P")
T = TypeVar("T")


def _asked_in_a_thread(
    question: Callable[Concatenate[Any, P], T],
) -> Callable[Concatenate["AsyncStore", P], Coroutine[Any, Any, T]]:
    @functools.wraps(question)
    async def ask(self: "AsyncStore", /, *args: P.args, **kwargs: P.kwargs) -> T:
        answer: T = await self._ask(question.__name__, *args, **kwargs)
        return answer

    return ask


class AsyncStore:
    """Asks a store, or a file of events, in a worker thread, one question at a time; under asyncio and trio.

    The file is opened by the first question, or by `async with`.

    Args:
        path: The file.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = path
        self._store: Store | EventFile | None = None
        self._turn = Lock()

    totals = _asked_in_a_thread(Answers.totals)
    daily_costs = _asked_in_a_thread(Answers.daily_costs)
    statistics = _asked_in_a_thread(Answers.statistics)
    lost = _asked_in_a_thread(Answers.lost)
    recent = _asked_in_a_thread(Answers.recent)
    event = _asked_in_a_thread(Store.event)

    async def aclose(self) -> None:
        """Let the file go; the next question opens it again."""
        await anyio.to_thread.run_sync(self._close)

    async def __aenter__(self) -> Self:
        await anyio.to_thread.run_sync(self._in_turn, lambda _: None)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with anyio.CancelScope(shield=True):
            await self.aclose()

    async def _ask(self, question: str, *args: Any, **kwargs: Any) -> Any:
        return await anyio.to_thread.run_sync(
            self._in_turn, lambda store: getattr(store, question)(*args, **kwargs), abandon_on_cancel=True
        )

    def _in_turn(self, ask: Callable[[Store | EventFile], Any]) -> Any:
        with self._turn:
            if self._store is None:
                self._store = open_store(self.path)
            return ask(self._store)

    def _close(self) -> None:
        with self._turn:
            if self._store is not None:
                self._store.close()
                self._store = None
