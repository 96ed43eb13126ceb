"""Calibration: how often forecasts held, each made from earlier calls only."""

import msgspec

EVIDENCE = (0, 1, 5, 20, 100)
"""Calls of the same agent, task, model and complexity from which on a forecast belongs to the next class."""


def evidence_class(calls: int) -> int:
    """Return the class of a forecast that rests on so many calls of the very same kind."""
    return sum(calls >= least for least in EVIDENCE) - 1


def describe_evidence(at: int) -> str:
    """Return how many calls a class is about: `5 to 19`."""
    least = EVIDENCE[at]
    if at + 1 == len(EVIDENCE):
        return f"{least} and more"
    most = EVIDENCE[at + 1] - 1
    return f"{least} to {most}" if most > least else f"{least}"


class Held(msgspec.Struct):
    """How many values were within what was forecast for them."""

    calls: int = 0
    within_p50: int = 0
    within_p90: int = 0

    def note(self, *, within_p50: bool, within_p90: bool) -> None:
        """Count one value."""
        self.calls += 1
        self.within_p50 += within_p50
        self.within_p90 += within_p90

    @property
    def p50_share(self) -> float | None:
        """Share of the values within their p50, 0 to 1; None without any. One half is right."""
        return self.within_p50 / self.calls if self.calls else None

    @property
    def p90_share(self) -> float | None:
        """Share of the values within their p90; nine tenths are right."""
        return self.within_p90 / self.calls if self.calls else None

    def __add__(self, other: "Held") -> "Held":
        """Count both together."""
        return Held(
            self.calls + other.calls, self.within_p50 + other.within_p50, self.within_p90 + other.within_p90
        )


class CalibrationRow(msgspec.Struct, frozen=True, kw_only=True):
    """How forecasts held that rested on so much history."""

    history: str
    """Earlier calls of the same agent, task, model and complexity: `5 to 19`; `all` for the sum."""
    output: Held
    """Of output tokens; calls without output are not counted, because nothing is to be foreseen of them."""
    cost: Held
    """Of costs, with the input known; calls without a price are not counted."""
