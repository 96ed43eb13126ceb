"""Questions: a call as it is asked about, before it is made."""

from collections.abc import Mapping
from typing import Any, NamedTuple, TypedDict

from taximeter.forecast.expectation import Expectation, JobExpectation
from taximeter.forecast.experience import Seen
from taximeter.forecast.outlook import Values, sum_at, value_at
from taximeter.forecast.rates import Rates
from taximeter.report.money import plural


class CallFields(TypedDict, total=False):
    """What can be said of a call before it is made."""

    provider: str
    """Who is to answer."""
    model: str | None
    """The model to be asked for; None takes the request's."""
    task_type: str
    """What the call is for."""
    complexity: str
    """How hard it is."""
    agent: str | None
    """Who makes it."""
    operation: str
    """What kind of call it is; a chat where it is not said."""
    input_tokens: int | None
    """Where they are known; None takes them from the request, else from history."""
    request: bytes | Mapping[str, Any] | None
    """The request's body, as JSON or decoded; it is not kept."""
    max_tokens: int | None
    """Where the answer is cut; None takes the request's limit, if it has one."""
    at_us: int | None
    """When the call is made, for the price; None means now."""


class Question(NamedTuple):
    """A call, and what there is to tell it by."""

    provider: str
    model: str | None
    input_tokens: int | None
    """Known, or measured; None leaves each past call its own."""
    input_basis: str
    output_limit: int | None
    rates: Rates | None
    seen: Seen

    def outlook(self) -> tuple[Values, Values]:
        """Return the output tokens that the call may have, and the nanodollars: none where these are unknown."""
        outlook = (
            self.seen.outlook if self.output_limit is None else self.seen.outlook.cut_at(self.output_limit)
        )
        return outlook.outputs(), () if self.rates is None else outlook.costs(self.rates, self.input_tokens)

    def expectation(self) -> Expectation:
        """Return the answer for one call."""
        seen, (outputs, costs) = self.seen, self.outlook()
        output_place, cost_place = seen.output.reliability.place, seen.cost.reliability.place
        return Expectation(
            provider=self.provider,
            model=self.model,
            input_tokens=self._shown_input(),
            input_basis=self.input_basis,
            output_tokens_p50=round(value_at(output_place(0.5), outputs)),
            output_tokens_p90=round(value_at(output_place(0.9), outputs)),
            cost_p50_usd_nanos=round(value_at(cost_place(0.5), costs)) if costs else None,
            cost_p90_usd_nanos=round(value_at(cost_place(0.9), costs)) if costs else None,
            is_priced=self.rates is not None,
            samples=seen.samples,
            level=seen.level,
            basis=_in_words(seen),
        )

    def job(self, calls: int) -> JobExpectation:
        """Return the answer for so many calls together."""
        each = self.expectation()
        (outputs, costs), taken = self.outlook(), each.input_tokens
        if calls > 1:
            output_p50, output_p90 = (round(sum_at(share, calls, outputs)) for share in (0.5, 0.9))
            cost_p50, cost_p90 = (
                round(sum_at(share, calls, costs)) if costs else None for share in (0.5, 0.9)
            )
        else:
            output_p50, output_p90 = each.output_tokens_p50, each.output_tokens_p90
            cost_p50, cost_p90 = each.cost_p50_usd_nanos, each.cost_p90_usd_nanos
        return JobExpectation(
            calls=calls,
            input_tokens=None if taken is None else taken * calls,
            output_tokens_p50=output_p50,
            output_tokens_p90=output_p90,
            cost_p50_usd_nanos=cost_p50,
            cost_p90_usd_nanos=cost_p90,
            unpriced_calls=0 if each.is_priced else calls,
            each=each,
        )

    def _shown_input(self) -> int | None:
        return self.input_tokens if self.input_tokens is not None else self.seen.typical.input_tokens or None


def _in_words(seen: Seen) -> str:
    if not seen.samples:
        return "a guess that holds for models in general: no call of the kind was seen"
    alike = f"mostly {plural(seen.samples, 'call')} of the same {seen.level}"
    held = seen.output.held
    if held.p90_share is None:
        return alike
    return f"{alike}; with as much history, {held.p90_share:.0%} of {plural(held.calls, 'call')} were within the p90"
