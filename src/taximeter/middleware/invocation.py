"""Invocation: one call of a wrapped method, ending as exactly one event however it ends."""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from time import perf_counter_ns, time_ns
from types import TracebackType
from typing import Any, TypeVar

import msgspec

from taximeter.allowance import Intent, allowance_of
from taximeter.event import TaskCompletionEvent
from taximeter.fault import read_fault
from taximeter.middleware.answer import read_answer, read_request
from taximeter.middleware.items import Items
from taximeter.middleware.meter import Meter
from taximeter.observation import (
    Observation,
    ObservedCall,
    begin_in,
    current_observation,
    is_taken,
    take_hold,
)
from taximeter.providers import Endpoint, Facts
from taximeter.scopes import NOBODY, current_scope
from taximeter.vocabulary import CostSource, Operation, Outcome

T = TypeVar("T")

_COST_FIELDS = (
    "actual_cost_usd_micros",
    "actual_cost_usd_nanos",
    "cost_status",
    "cost_source",
    "price_version",
    "price_id",
)
_SUCCESSES = frozenset({Outcome.SUCCESS, Outcome.PARTIAL})


class Invocation:
    """Times a call and makes its event: of what the layers below have seen of it, else of what it returned.

    A context manager, entered for each stretch of the call: once for a plain one, for each item of a stream. Nothing
    here raises into the application.

    Args:
        meter: Where the event goes.
        args: What the method is called with ...
        kwargs: ... and by name.
    """

    def __init__(self, meter: Meter, args: Sequence[Any], kwargs: Mapping[str, Any]) -> None:
        self.observation = Observation(meter.tracker)
        self._outer = current_observation()
        self._meter = meter
        self._arguments = args, kwargs
        self._scope = current_scope()
        self._process_id = os.getpid()
        self._open = [True]  # popped once, atomically: whatever comes first ends the call
        self._items: Items | None = None
        self._first_item_ns = 0
        self._started_at_us = time_ns() // 1000
        self._started_ns = perf_counter_ns()
        begin_in(self._outer, meter.tracker)

    def reserve(self) -> None:
        """Set aside what the call may cost, where the tracker has budgets.

        Raises:
            BudgetError: It must not be made, and there is no call.
        """
        if (allowance := allowance_of(self._meter.tracker)) is not None:
            with self._refusable():
                covering = take_hold(self._outer, self._meter.tracker)
                self.observation.hold = allowance.reserve(self._intent(), covering)

    async def areserve(self) -> None:
        """`reserve` for coroutines.

        Raises:
            BudgetError: It must not be made, and there is no call.
        """
        if (allowance := allowance_of(self._meter.tracker)) is not None:
            with self._refusable():
                covering = take_hold(self._outer, self._meter.tracker)
                self.observation.hold = await allowance.areserve(self._intent(), covering)

    @contextmanager
    def _refusable(self) -> Iterator[None]:
        try:
            yield
        except BaseException:
            self._open.clear()
            begin_in(self._outer, self._meter.tracker, -1)
            raise
        self._started_ns = perf_counter_ns()

    def _intent(self) -> Intent:
        """Return the call as its arguments tell; how they would look on the wire is for the layer below to say."""
        args, kwargs = self._arguments
        adapter = self._meter.adapters[0]
        body = {"messages": args[0] if args else None, **kwargs}
        endpoint = Endpoint(
            provider=adapter.provider or "unknown",
            wire_format="openai.chat",
            operation=Operation.CHAT,
            model=adapter.model,
        )
        return Intent(endpoint=endpoint, body=body, scope=self._scope, at_us=self._started_at_us)

    def _settle(self, event: TaskCompletionEvent | None) -> None:
        hold, self.observation.hold = self.observation.hold, None
        if hold is not None:
            hold.settle_soon(event)

    def __enter__(self) -> None:
        self.observation.__enter__()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.observation.__exit__()
        if isinstance(error, StopIteration | StopAsyncIteration):
            self.answered(None)
        elif error is not None:
            self.failed(error)

    def passing(self, item: T) -> T:
        """Note an item of a stream, which goes on as it is."""
        if self._items is None:
            args, kwargs = self._arguments
            self._items = Items(kwargs.get("messages", args[0] if args else None), self._meter.read)
            self._first_item_ns = perf_counter_ns()
        self._items.add(item)
        return item

    def answered(self, response: Any) -> None:
        """The method has returned, or its stream has ended."""
        self._end(response, None)

    def failed(self, error: BaseException) -> None:
        """An exception goes by: an error, or one that tells the application to stop."""
        self._end(None, error)

    def leave(self) -> None:
        """The application has stopped reading a stream; at the end of the program too."""
        self.failed(GeneratorExit())

    def _end(self, response: Any, error: BaseException | None) -> None:
        if self._process_id != os.getpid():  # a forked child inherits calls that are not its own
            return
        try:
            self._open.pop()
        except IndexError:
            return
        try:
            self._record(response, error, (perf_counter_ns() - self._started_ns) / 1e6)
        except Exception as metering_error:  # a guest's mistake is not the host's problem
            self._meter.count_error(metering_error)
            self._settle(None)

    def _record(self, response: Any, error: BaseException | None, duration_ms: float) -> None:
        answer = self._answering_call(error)
        if (error is None or type(error) is GeneratorExit) and self._is_left_to_others(answer):
            answer, event, facts = None, None, None
        elif answer is not None:
            event, facts = self._event_of_call(answer, error, duration_ms), answer.facts
        else:
            facts = self._facts(response, error)
            event = self._event_of_facts(facts, error, duration_ms)
        calls = [call for call in self.observation.calls if call is not answer]
        kept = [call for call in calls if event is None or _has_usage(call.event)]
        begin_in(
            self._outer, self._meter.tracker, -1 if event is None else len(kept) - len(self.observation.calls)
        )
        for call in kept:
            self._hand_over(call)
        if event is not None and self._hand_over(ObservedCall(event, facts)):
            self._meter.log(event)
        self._settle(event)

    def _hand_over(self, call: ObservedCall) -> bool:
        """Track the event unless a layer around takes it over; return whether it is ours."""
        is_ours = not is_taken(self._outer, self._meter.tracker, call)
        if is_ours:
            self._meter.track(call.event)
        return is_ours

    def _answering_call(self, error: BaseException | None) -> ObservedCall | None:
        """Return the call that was seen below and led to this one's end: an answer's is the last success."""
        calls = self.observation.calls
        successes = (call for call in reversed(calls) if call.event.outcome in _SUCCESSES and error is None)
        return next(successes, calls[-1] if calls else None)

    def _is_left_to_others(self, answer: ObservedCall | None) -> bool:
        """Whether the answer is a stream that the layer below tracks when it has been read."""
        is_answered = answer is not None and answer.event.outcome in _SUCCESSES
        return self.observation.unfinished > 0 and not is_answered

    def _event_of_call(
        self, call: ObservedCall, error: BaseException | None, duration_ms: float
    ) -> TaskCompletionEvent:
        event = call.event
        others = (other.event for other in self.observation.calls if other is not call)
        retry_count = max(event.retry_count, sum(not _has_usage(other) for other in others))
        changes: dict[str, Any] = {
            "started_at_us": self._started_at_us,
            "task_duration_ms": duration_ms,
            "retry_count": retry_count,
            "attempt": retry_count + 1,
        }
        if event.time_to_first_token_ms is not None:
            waited_ms = (event.started_at_us - self._started_at_us) / 1000
            changes["time_to_first_token_ms"] = max(waited_ms, 0.0) + event.time_to_first_token_ms
        if error is not None and event.outcome == Outcome.SUCCESS:
            changes |= _failure(error)
        return msgspec.structs.replace(event, **changes, **self._own_cost(call))

    def _own_cost(self, call: ObservedCall) -> dict[str, Any]:
        """Return the cost at the prices given to this object, where they are for the call."""
        if not self._meter.prices or call.facts is None:
            return {}
        builder, at_us = self._meter.builder(), call.event.started_at_us
        priced = builder.from_facts(call.facts, scope=NOBODY, started_at_us=at_us)
        if priced.cost_source != CostSource.OVERRIDE:
            return {}
        return {name: getattr(priced, name) for name in _COST_FIELDS}

    def _facts(self, response: Any, error: BaseException | None) -> Facts:
        request = read_request(*self._arguments)
        adapters = self._meter.adapters
        if self._items is not None:
            return self._items.facts(adapters, request, whole=error is None)
        if error is None:
            return read_answer(response, adapters, request, self._meter.read)
        request.model = adapters[0].model
        provider = adapters[0].provider or "unknown"
        return Facts(wire_format="", operation=Operation.CHAT, provider=provider, request=request)

    def _event_of_facts(
        self, facts: Facts, error: BaseException | None, duration_ms: float
    ) -> TaskCompletionEvent:
        fields: dict[str, Any] = {}
        if self._items is not None:
            fields["time_to_first_token_ms"] = (self._first_item_ns - self._started_ns) / 1e6
        if error is not None and not self._is_over(error):
            fields |= _failure(error)
        event: TaskCompletionEvent = self._meter.builder().from_facts(
            facts,
            scope=self._scope,
            started_at_us=self._started_at_us,
            task_duration_ms=duration_ms,
            **fields,
        )
        return event

    def _is_over(self, error: BaseException) -> bool:
        """Whether a stream was left when all of it had come."""
        return type(error) is GeneratorExit and self._items is not None and self._items.complete


def _has_usage(event: TaskCompletionEvent) -> bool:
    return event.actual_input_tokens is not None or event.actual_output_tokens is not None


def _failure(error: BaseException) -> dict[str, Any]:
    """Return what an exception says of a call that nothing else speaks for."""
    fault = read_fault(error)._asdict()
    return {"outcome": Outcome.CANCELLED} if fault["outcome"] == Outcome.CANCELLED else fault
