"""Experience: what past calls were like, and how well each could be foreseen from those before it."""

from collections.abc import Sequence
from typing import NamedTuple

from taximeter.event import TaskCompletionEvent
from taximeter.forecast.calibration import EVIDENCE, CalibrationRow, Held, describe_evidence, evidence_class
from taximeter.forecast.history import History, Weighted
from taximeter.forecast.kind import LEVELS, Group, Kind, input_size, kind_of
from taximeter.forecast.outlook import Outlook, outlook_of
from taximeter.forecast.past_call import PastCall, past_call_of, tells
from taximeter.forecast.prior import prior_of
from taximeter.forecast.rates import Rates, rates_of
from taximeter.forecast.score import score_cost, score_output
from taximeter.forecast.standing import Standing
from taximeter.pricing import Catalog

NO_LEVEL = "nothing: there is no history"
ALL = "all"
_LEAST_FACTOR, _LARGEST_FACTOR = 0.01, 100.0
_REMEMBERED = 512


class Seen(NamedTuple):
    """What there is to tell a call by."""

    outlook: Outlook
    output: Standing
    cost: Standing
    level: str
    """What the calls of the group that counts most have in common with it."""
    samples: int
    """How many they are; 0 where there is nothing but the prior."""
    typical: PastCall
    """The middle of it all."""


class Experience:
    """What has been learned, in bounded memory. One thread teaches it, any may ask."""

    def __init__(
        self,
        history: History | None = None,
        output: Sequence[Standing] | None = None,
        cost: Sequence[Standing] | None = None,
    ) -> None:
        self.history = history or History()
        self.output = list(output or (Standing() for _ in EVIDENCE))
        self.cost = list(cost or (Standing() for _ in EVIDENCE))
        self._remembered: dict[tuple[Kind, int | None], Seen] = {}

    def learn(self, event: TaskCompletionEvent, catalog: Catalog) -> bool:
        """Learn from a finished call, and return whether it told something.

        First it is looked up where the call lies in what was expected of it until now, then it is history itself.
        """
        if not tells(event):
            return False
        kind, call = kind_of(event), past_call_of(event)
        groups = kind.groups(call.input_tokens)
        weighted = self.history.weighted(groups, prior_of(kind))
        evidence = self._evidence(groups)
        if call.output_tokens:
            self.output[evidence].note(score_output(weighted, call.output_tokens))
        rates, nanos = _rates_at(event, call, catalog), event.actual_cost_usd_nanos
        if rates is not None and nanos:
            self.cost[evidence].note(score_cost(weighted, rates, call.input_tokens, nanos))
            call = _with_factor(call, rates, nanos)
        self.history.add(groups, call)
        self._remembered = {}
        return True

    def seen(self, kind: Kind, input_tokens: int | None = None) -> Seen:
        """Return what there is to tell a call by; None stands for an input that is not known."""
        key = (kind, None if input_tokens is None else input_size(input_tokens))
        remembered = self._remembered
        found = remembered.get(key)
        if found is None:
            if len(remembered) >= _REMEMBERED:
                remembered.clear()
            found = remembered[key] = self._look(kind, kind.groups(input_tokens))
        return found

    def calibration(self) -> list[CalibrationRow]:
        """Return how often forecasts held, by how much history they rested on, and at last for all."""
        rows = [
            CalibrationRow(history=describe_evidence(at), output=output.held, cost=cost.held)
            for at, (output, cost) in enumerate(zip(self.output, self.cost, strict=True))
        ]
        outputs, costs = (sum((each.held for each in of), Held()) for of in (self.output, self.cost))
        return [*rows, CalibrationRow(history=ALL, output=outputs, cost=costs)]

    def _look(self, kind: Kind, groups: tuple[Group, ...]) -> Seen:
        evidence = self._evidence(groups)
        weighted = self.history.weighted(groups, prior_of(kind))
        counted = {id(self.history.last(group)): group for group in groups}
        (last, _) = max(weighted[:-1], key=_weight, default=(None, 0.0))
        outlook = outlook_of(weighted)
        return Seen(
            outlook,
            self.output[evidence],
            self.cost[evidence],
            NO_LEVEL if last is None else LEVELS[int(counted[id(last)][0])],
            0 if last is None else len(last),
            outlook.typical(self.output[evidence].reliability.place(0.5)),
        )

    def _evidence(self, groups: tuple[Group, ...]) -> int:
        """Return how much is known of calls of the very same kind, whatever the size of their input."""
        closest = next(group for group in groups if group[0])
        last = self.history.last(closest)
        return evidence_class(0 if last is None else len(last))


def _weight(weighted: Weighted) -> float:
    return weighted[1]


def _rates_at(event: TaskCompletionEvent, call: PastCall, catalog: Catalog) -> Rates | None:
    return rates_of(
        catalog,
        provider=event.provider,
        model=event.requested_model if event.model is None else event.model,
        at_us=event.started_at_us,
        input_tokens=call.input_tokens,
    )


def _with_factor(call: PastCall, rates: Rates, cost_nanos: int) -> PastCall:
    """Return the call with what it cost by what the list says."""
    listed = rates.cost(call)
    if listed <= 0:
        return call
    return call._replace(price_factor=min(max(cost_nanos / listed, _LEAST_FACTOR), _LARGEST_FACTOR))
