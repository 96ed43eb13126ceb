"""Totals: what a group of calls adds up to, in integers, with what is not known counted beside it."""

from typing import Any, Self

import msgspec

from taximeter.event import TaskCompletionEvent
from taximeter.report.money import format_usd, plural
from taximeter.vocabulary import CostStatus, Outcome, UsageStatus

_FAILED = frozenset({Outcome.FAILURE, Outcome.TIMEOUT})
_CUT_SHORT = frozenset({Outcome.PARTIAL, Outcome.CANCELLED})
_UNSURE = frozenset({UsageStatus.PARTIAL, UsageStatus.ESTIMATED})


class Totals(msgspec.Struct, kw_only=True):
    """Sums over calls. Totals of two groups add to the totals of both, field by field.

    Money has three states: exact, estimated (`estimated_calls` are in `cost_usd_nanos` with a lower bound or an
    estimate) and unknown (`unpriced_calls` are not in it at all). Tokens likewise: `unmetered_calls` are in no counter.
    """

    calls: int = 0
    failed_calls: int = 0
    """Calls that ended in an error answer, an exception or a timeout."""
    cut_short_calls: int = 0
    """Streams that broke off or that the application left."""
    input_tokens: int = 0
    """All input, cached included."""
    output_tokens: int = 0
    """All output, reasoning included."""
    cache_read_tokens: int = 0
    """Part of `input_tokens`."""
    reasoning_tokens: int = 0
    """Part of `output_tokens`."""
    cost_usd_nanos: int = 0
    unpriced_calls: int = 0
    estimated_calls: int = 0
    unmetered_calls: int = 0

    def add(self, event: TaskCompletionEvent) -> None:
        """Count one call in."""
        nanos = cost_nanos(event)
        self.calls += 1
        self.failed_calls += event.outcome in _FAILED
        self.cut_short_calls += event.outcome in _CUT_SHORT
        self.input_tokens += event.actual_input_tokens or 0
        self.output_tokens += event.actual_output_tokens or 0
        self.cache_read_tokens += (event.cache_read_tokens or 0) + (event.cache_read_audio_tokens or 0)
        self.reasoning_tokens += event.reasoning_tokens or 0
        self.cost_usd_nanos += nanos or 0
        self._count_unknowns(event, nanos)

    def _count_unknowns(self, event: TaskCompletionEvent, nanos: int | None) -> None:
        if nanos is not None:
            self.estimated_calls += event.cost_status == CostStatus.PARTIAL or event.usage_status in _UNSURE
        elif not was_refused(event):
            self.unpriced_calls += 1
        if event.actual_input_tokens is None and event.actual_output_tokens is None:
            self.unmetered_calls += not (was_refused(event) or event.billable_units)

    def merge(self, other: "Totals") -> None:
        """Count another group in."""
        for name in TOTALS_FIELDS:
            setattr(self, name, getattr(self, name) + getattr(other, name))

    def __add__(self, other: "Totals") -> "Totals":
        """Return the totals of both groups together."""
        both = Totals()
        both.merge(self)
        both.merge(other)
        return both

    @classmethod
    def of(cls, source: Any) -> Self:
        """Take the fields of totals out of a wider row, by name."""
        return cls(**{name: getattr(source, name) for name in TOTALS_FIELDS})

    @property
    def is_unknown(self) -> bool:
        """Whether calls lack a price, nothing is known to be spent, and what else there is may all have been refused.

        Calls that are free, which local models answer, make their group's cost a known $0.00 beside the unpriced ones.
        """
        has_nothing_known = self.unpriced_calls > 0 and self.cost_usd_nanos == 0
        return has_nothing_known and self.calls - self.unpriced_calls <= self.failed_calls

    @property
    def known_usd_nanos(self) -> int | None:
        """The cost in nanodollars; None where nothing is known of it."""
        return None if self.is_unknown else self.cost_usd_nanos

    @property
    def fields(self) -> dict[str, int | None]:
        """All counts by name, as programs get them: what is unknown is None, not zero."""
        return {**msgspec.structs.asdict(self), "cost_usd_nanos": self.known_usd_nanos}

    @property
    def money(self) -> str:
        """The cost in words that hide nothing: `$12.40 + 37 unpriced calls`."""
        return describe_money(self)


TOTALS_FIELDS: tuple[str, ...] = Totals.__struct_fields__


def cost_nanos(event: TaskCompletionEvent) -> int | None:
    """Return what a call cost in nanodollars, from its microdollars where it has only those; None is unknown."""
    if event.actual_cost_usd_nanos is not None:
        return event.actual_cost_usd_nanos
    return None if event.actual_cost_usd_micros is None else event.actual_cost_usd_micros * 1000


def was_refused(event: TaskCompletionEvent) -> bool:
    """Whether the provider turned the call down before doing anything: nobody waits for a price of such a call."""
    return (
        event.error_status is not None
        and event.error_status >= 400
        and event.actual_input_tokens is None
        and event.actual_output_tokens is None
    )


def lacks_price(event: TaskCompletionEvent) -> bool:
    """Whether a call's cost, or a part of it, is not known; a refused call waits for none."""
    if cost_nanos(event) is None:
        return not was_refused(event)
    return event.cost_status == CostStatus.PARTIAL


def describe_money(totals: Totals) -> str:
    """Return the cost of a group with what it leaves out: exact, estimated or unknown is told apart."""
    if totals.is_unknown:
        return f"unknown ({plural(totals.unpriced_calls, 'unpriced call')})"
    amount = format_usd(totals.cost_usd_nanos)
    if totals.estimated_calls:
        amount = f"~{amount}"
    return f"{amount} + {plural(totals.unpriced_calls, 'unpriced call')}" if totals.unpriced_calls else amount


def describe_total(total: Totals) -> str:
    """Return calls, tokens and money in one line."""
    if not total.calls:
        return "no calls"
    parts = [plural(total.calls, "call")]
    if total.failed_calls:
        parts.append(f"{total.failed_calls:,} failed")
    tokens = f"{plural(total.input_tokens, 'token')} in, {total.output_tokens:,} out"
    if total.unmetered_calls:
        tokens += f" + {plural(total.unmetered_calls, 'call')} without usage"
    return ", ".join([*parts, tokens, total.money])
