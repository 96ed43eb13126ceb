"""Captured: the events of a test, in the order they were tracked."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from decimal import Decimal, InvalidOperation
from typing import overload

from taximeter.errors import ConfigurationError
from taximeter.event import Event, TaskCompletionEvent
from taximeter.report.money import NANOS_PER_USD, format_usd, plural
from taximeter.report.totals import Totals, cost_nanos, was_refused
from taximeter.tracker import Tracker, diverted, start


class Captured(Sequence[TaskCompletionEvent]):
    """The finished calls, as a sequence; `events` has those of other kinds too.

    Args:
        tracker: One to hand to the program that is tested, if it does not make its own.
    """

    def __init__(self, tracker: Tracker) -> None:
        self.tracker = tracker
        self.events: list[Event] = []
        """Everything that was tracked."""

    @property
    def calls(self) -> list[TaskCompletionEvent]:
        """The finished calls."""
        return [event for event in self.events if isinstance(event, TaskCompletionEvent)]

    @property
    def one(self) -> TaskCompletionEvent:
        """The only call.

        Raises:
            AssertionError: There is none, or more than one.
        """
        calls = self.calls
        if len(calls) != 1:
            raise AssertionError(f"{plural(len(calls), 'call')} instead of one{_listed(calls)}")
        return calls[0]

    @property
    def total(self) -> Totals:
        """What the calls add up to."""
        total = Totals()
        for call in self.calls:
            total.add(call)
        return total

    def clear(self) -> None:
        """Forget what was captured so far."""
        self.events.clear()

    def assert_cost(
        self,
        *,
        max_usd: Decimal | str | float | None = None,
        max_tokens: int | None = None,
        max_calls: int | None = None,
        allow_unknown: bool = False,
    ) -> None:
        """Fail the test if the calls were more, or more expensive, than this.

        Args:
            max_usd: What they may cost, in US dollars, as text to be exact; None means any amount.
            max_tokens: Tokens they may consume, input and output together.
            max_calls: How many there may be.
            allow_unknown: Whether a call whose cost (or, with *max_tokens*, usage) is not known may pass as nothing.

        Raises:
            AssertionError: A limit is passed, or cannot be checked because something is unknown; lists the calls.
            ConfigurationError: An amount that is none.
        """
        __tracebackhide__ = True
        total = self.total
        used = total.input_tokens + total.output_tokens
        problems = [
            _over(total.calls, max_calls, "calls"),
            _over(used, max_tokens, "tokens"),
            _cost_over(total, max_usd),
        ]
        if max_usd is not None and total.unpriced_calls and not allow_unknown:
            problems.append(f"{total.unpriced_calls} without a known cost")
        if max_tokens is not None and total.unmetered_calls and not allow_unknown:
            problems.append(f"{total.unmetered_calls} without a known usage")
        if found := list(filter(None, problems)):
            raise AssertionError(f"{plural(total.calls, 'call')}: {', '.join(found)}{_listed(self.calls)}")

    def __len__(self) -> int:
        return len(self.calls)

    @overload
    def __getitem__(self, index: int) -> TaskCompletionEvent: ...

    @overload
    def __getitem__(self, index: slice) -> list[TaskCompletionEvent]: ...

    def __getitem__(self, index: int | slice) -> TaskCompletionEvent | list[TaskCompletionEvent]:
        return self.calls[index]

    def __repr__(self) -> str:
        return f"<{plural(len(self), 'call')}{_listed(self.calls)}>"


@contextmanager
def capture() -> Iterator[Captured]:
    """Capture what any tracker of this process is given, in any thread, until the block ends; no sink sees it.

    So the program that is tested may use its own tracker, made before or inside, or the one of what is captured. Other
    processes that it starts are not captured. Captures nest: the inner one has what happens inside.
    """
    with start("memory:") as tracker:
        captured = Captured(tracker)

        def take(event: Event) -> bool:
            captured.events.append(event)
            return True

        with diverted(take):
            yield captured


def _over(count: int, limit: int | None, noun: str) -> str | None:
    if limit is None or count <= limit:
        return None
    return f"{count:,} {noun} are more than max_{noun}={limit:,}"


def _cost_over(total: Totals, max_usd: Decimal | str | float | None) -> str | None:
    if max_usd is None or total.cost_usd_nanos <= _usd(max_usd) * NANOS_PER_USD:
        return None
    return f"{format_usd(total.cost_usd_nanos)} is more than max_usd={max_usd}"


def _usd(value: Decimal | str | float) -> Decimal:
    try:
        amount = Decimal(str(value))
    except InvalidOperation:
        amount = Decimal("NaN")
    if isinstance(value, bool) or not amount.is_finite():
        raise ConfigurationError("max_usd", value, "an amount of US dollars")
    return amount


def _listed(calls: Sequence[TaskCompletionEvent]) -> str:
    return "".join(f"\n  {_line(call)}" for call in calls)


def _line(call: TaskCompletionEvent) -> str:
    nanos = cost_nanos(call)
    tokens = "/".join(
        "unknown" if count is None else f"{count:,}"
        for count in (call.actual_input_tokens, call.actual_output_tokens)
    )
    cost = "no cost" if was_refused(call) else "unknown cost" if nanos is None else format_usd(nanos)
    return f"{call.provider} {call.model or call.requested_model}: {call.outcome}, {tokens} tokens in/out, {cost}"
