"""Runs: the work of several agents that belongs together, and what its calls add up to."""

from collections import deque
from collections.abc import Callable
from contextlib import ExitStack, suppress
from heapq import nlargest
from threading import Lock
from time import perf_counter_ns
from types import TracebackType
from typing import Any, Self

import msgspec

from taximeter.call_moments import ids_of
from taximeter.calls import tracker_in_use
from taximeter.errors import ConfigurationError
from taximeter.event import (
    Event,
    RunFinishedEvent,
    RunFinishedPayload,
    RunStartedEvent,
    RunStartedPayload,
    SlowCall,
    TaskCompletionEvent,
)
from taximeter.fault import read_fault
from taximeter.identifier import new_event_id
from taximeter.report.tally import Tally
from taximeter.report.totals import Totals, describe_total
from taximeter.scopes import NOBODY, Active, Scope, current_scope
from taximeter.tracker import Tracker
from taximeter.vocabulary import Outcome

_FOLD_AT = 256
"""Events that may wait to be added up; the bound keeps memory flat in long runs."""


class run:  # noqa: N801 - reads as a statement: `with taximeter.run("nightly") as run:`
    """Say that all calls in a block, in its tasks and in runs inside it, are one run, and add them up; to be used once.

    It opens a scope with a `run_id` of its own; the run that was current becomes its parent. `RUN_STARTED` is tracked
    when it begins and `RUN_FINISHED`, with the totals, when it ends. Plain and async. The totals are of the calls that
    this process has tracked; those of other processes under the same run id are in the store.

    Args:
        name: What kind of run it is.
        run_id: Its id; None makes one.
        tracker: Whose calls are meant; None means the newest open one.
        slowest: How many of the slowest calls are named.
        **fields: Fields of the scope.

    Raises:
        ConfigurationError: A field that no scope has, a count below nought or what is no tracker, at construction.
    """

    def __init__(
        self,
        name: str | None = None,
        *,
        run_id: str | None = None,
        tracker: Tracker | None = None,
        slowest: int = 5,
        **fields: Any,
    ) -> None:
        _check(slowest, tracker)
        NOBODY.within(**fields)
        self.name = name
        self.run_id = run_id or new_event_id()
        self.scope: Scope = NOBODY
        """The run's own span and ids, once it has begun."""
        self._tracker = tracker
        self._limit = slowest
        self._fields = fields
        self._family = {self.run_id}
        self._parent: run | None = None
        self._heard: deque[TaskCompletionEvent] = deque()
        self._adding = Lock()
        self._tally = Tally()
        self._slowest: list[SlowCall] = []
        self._around = ExitStack()
        self._started_ns = 0

    @property
    def tally(self) -> Tally:
        """What was consumed so far, by provider and model."""
        with self._adding:
            self._add_up()
            return Tally([msgspec.structs.replace(row) for row in self._tally.rows])

    @property
    def totals(self) -> Totals:
        """What all calls so far add up to."""
        return self.tally.total

    @property
    def slowest(self) -> tuple[SlowCall, ...]:
        """The calls that took longest so far, the slowest first."""
        with self._adding:
            self._add_up()
            return tuple(self._slowest)

    def __str__(self) -> str:
        return f"{self.name or self.run_id}: {describe_total(self.totals)}"

    def __enter__(self) -> Self:
        outer = current_scope()
        self.scope = outer.within(**{**self._fields, "run_id": self.run_id})
        self._started_ns = perf_counter_ns()
        self._around.enter_context(Active(self.scope))
        self._join_family(outer.run_id)
        self._tracker = self._tracker or tracker_in_use()
        if self._tracker is not None:
            self._around.callback(self._tracker.listen(self._hear))
        started = RunStartedPayload(name=self.name, agent=self.scope.agent, parent_run_id=outer.run_id)
        self._track(RunStartedEvent, started)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        duration_ms = (perf_counter_ns() - self._started_ns) / 1e6
        self._around.close()
        self._track(RunFinishedEvent, self._finished(duration_ms, error))

    async def __aenter__(self) -> Self:
        return self.__enter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.__exit__(kind, error, trace)

    def _join_family(self, outer_run_id: str | None) -> None:
        """Let the runs around hear of our calls too."""
        self._parent = ancestor = _open.get(outer_run_id or "")
        while ancestor is not None:
            ancestor._family.add(self.run_id)  # noqa: SLF001 - the same class
            ancestor = ancestor._parent  # noqa: SLF001 - as above
        _open[self.run_id] = self
        self._around.callback(_open.pop, self.run_id, None)

    def _hear(self, event: Event) -> None:
        """Take note of a call; the adding up is left to whoever holds the lock, so that nobody waits here."""
        if isinstance(event, TaskCompletionEvent) and event.run_id in self._family:
            self._heard.append(event)
            if len(self._heard) >= _FOLD_AT and self._adding.acquire(blocking=False):
                try:
                    self._add_up()
                finally:
                    self._adding.release()

    def _add_up(self) -> None:
        with suppress(IndexError):
            while True:
                event = self._heard.popleft()
                self._tally.add(event)
                self._note_slow(event)

    def _note_slow(self, event: TaskCompletionEvent) -> None:
        if (duration_ms := event.task_duration_ms) is None:
            return
        slow = SlowCall(
            duration_ms=duration_ms,
            call_id=event.call_id,
            span_id=event.span_id,
            provider=event.provider,
            model=event.model,
            agent=event.agent,
            outcome=event.outcome,
        )
        self._slowest = nlargest(self._limit, [*self._slowest, slow], key=lambda call: call.duration_ms)

    def _finished(self, duration_ms: float, error: BaseException | None) -> RunFinishedPayload:
        fault = None if error is None else read_fault(error)
        return RunFinishedPayload(
            name=self.name,
            outcome=Outcome.SUCCESS if fault is None else fault.outcome,
            error_class=None if fault is None else fault.error_type,
            duration_ms=duration_ms,
            slowest_calls=self.slowest,
            **msgspec.structs.asdict(self.totals),
        )

    def _track(self, kind: Callable[..., Event], payload: msgspec.Struct) -> None:
        if self._tracker is not None:
            self._tracker.track_task_completion(kind(payload=payload, **ids_of(self.scope)))


def _check(slowest: Any, tracker: Any) -> None:
    if not isinstance(slowest, int) or slowest < 0:
        raise ConfigurationError("slowest", slowest, "a whole number of at least 0")
    if tracker is not None and not isinstance(tracker, Tracker):
        raise ConfigurationError("tracker", tracker, "what `taximeter.start` returns, or None")


_open: dict[str, run] = {}
"""The runs of this process that have begun and not ended, by their ids."""
