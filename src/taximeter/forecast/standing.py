"""Standing: how forecasts of one quantity, resting on so much history, have done so far, and what follows from it."""

import msgspec

from taximeter.forecast.calibration import Held
from taximeter.forecast.reliability import Reliability
from taximeter.forecast.score import Score


class Standing(msgspec.Struct):
    """What has been learned from past scores."""

    reliability: Reliability = msgspec.field(default_factory=Reliability)
    held: Held = msgspec.field(default_factory=Held)

    def note(self, score: Score) -> None:
        """Count a score in: first whether the forecast has held as it was, then what is to be learned for the next."""
        below, up_to = score
        self.held.note(
            within_p50=below < self.reliability.place(0.5), within_p90=below < self.reliability.place(0.9)
        )
        self.reliability.note(below, up_to)
