"""Input ratios: by how much more or less input providers count than the length of requests tells, learned on the way."""

from math import exp

from taximeter.forecast.kind import model_stem

_STEP = exp(0.03)
_LEAST, _MOST = 0.2, 20.0
_REMEMBERED = 1_024

Ratios = list[tuple[str, str | None, float]]
"""Model, agent and ratio."""


class InputRatios:
    """The middle of what providers have counted by what was measured, for each model and agent.

    Each call moves its ratio by three percent towards what it came to, so that half of the estimates end up too low and
    half too high, and single calls with a picture or a conversation that the provider keeps do no harm.
    """

    def __init__(self, ratios: Ratios = []) -> None:  # noqa: B006 - never changed
        self._ratios = {(model, agent): ratio for model, agent, ratio in ratios}

    def corrected(self, tokens: int, model: str | None, agent: str | None) -> int:
        """Return an estimate by length, corrected by what earlier ones came to."""
        if model is None or not self._ratios:
            return tokens
        return max(round(tokens * self._ratios.get((model_stem(model), agent), 1.0)), 1)

    def note(self, estimated: int, actual: int, model: str | None, agent: str | None) -> None:
        """Learn from a call whose corrected estimate was so much, and which came to so much."""
        if model is None or estimated == actual or not actual:
            return
        key = model_stem(model), agent
        ratios = self._ratios
        if len(ratios) >= _REMEMBERED and key not in ratios:
            return  # names that somebody makes up must not fill the memory
        ratio = ratios.get(key, 1.0) * (_STEP if actual > estimated else 1 / _STEP)
        ratios[key] = min(max(ratio, _LEAST), _MOST)

    def as_list(self) -> Ratios:
        """Return what was learned."""
        return [(model, agent, ratio) for (model, agent), ratio in list(self._ratios.items())]
