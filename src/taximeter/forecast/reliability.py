"""Reliability: where actual values fell in what was predicted, so that a p90 holds nine times in ten.

A forecast that says p90 means 90 % only if, of the past, 90 % fell below. So each past value's place in its own forecast
is noted (0 below everything, 1 above), and what is asked for is looked up there: if nine of ten values lay below place
0.94, then the p90 is at 0.94. Places are noted apart for calls with little and with much history, as thin history errs
in another way. Older places fade, so that drift is followed here too.

The rule is recalibration by the probability integral transform (Kuleshov, Fenner and Ermon, 2018), which with the places of
a call's own kind is conformal prediction in time order (Vovk, Gammerman and Shafer, 2005).
"""

import msgspec

BINS = 50
PSEUDO_PLACES = 25.0
"""The weight of the belief that forecasts are right as they are."""

_FADING = 1 - 1 / 1500
"""A thousand and a half calls are remembered, as it were."""


class Reliability(msgspec.Struct):
    """The places so far."""

    weights: list[float] = msgspec.field(default_factory=lambda: [PSEUDO_PLACES / BINS] * BINS)
    unit: float = 1.0
    """The weight of the next place: it grows, in the place of all others fading."""

    def note(self, below: float, up_to: float) -> None:
        """Note where a value fell: *below* of the forecast lay below it, and *up_to* with what was as large.

        A value that was foreseen exactly fills the whole range in between, in equal parts.
        """
        first, last = min(int(below * BINS), BINS - 1), min(int(up_to * BINS), BINS - 1)
        if first == last:
            self.weights[first] += self.unit
        else:
            width = (up_to - below) * BINS
            for at in range(first, last + 1):
                overlap = min(up_to * BINS, at + 1) - max(below * BINS, at)
                self.weights[at] += self.unit * overlap / width
        self.unit /= _FADING
        if self.unit > 1e6:
            self._scale(1 / self.unit)

    def place(self, share: float) -> float:
        """Return the place in a forecast below which *share* of the values fall."""
        wanted = share * sum(self.weights)
        for at, weight in enumerate(self.weights):
            if wanted <= weight:
                return (at + wanted / weight) / BINS
            wanted -= weight
        return 1.0

    def _scale(self, factor: float) -> None:
        self.weights = [weight * factor for weight in self.weights]
        self.unit *= factor
