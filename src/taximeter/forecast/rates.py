"""Rates: what a token of a call costs at the list, by what it is."""

from collections.abc import Iterable
from typing import NamedTuple

from taximeter.forecast.past_call import PastCall
from taximeter.pricing import Catalog
from taximeter.usage import Usage

_OUTPUT_TOKENS = 1_000_000
"""Enough for a rate with all its digits."""


class Rates(NamedTuple):
    """Nanodollars per token."""

    uncached: float
    read: float
    write: float
    output: float

    def cost(self, call: PastCall) -> float:
        """Return what the tokens of a call cost, in nanodollars."""
        return self.costs([call])[0]

    def costs(self, calls: Iterable[PastCall], input_tokens: int | None = None) -> list[float]:
        """Return what calls like past ones cost, in nanodollars.

        Args:
            calls: The past ones.
            input_tokens: Of the call in question; None leaves each past one its own.
        """
        uncached, read_rate, write_rate, rate = self
        saved_if_read, saved_if_written = uncached - read_rate, uncached - write_rate
        return [
            (
                (taken if input_tokens is None else input_tokens)
                * (uncached - read * saved_if_read - written * saved_if_written)
                + output * rate
            )
            * factor
            for taken, output, read, written, factor in calls
        ]


def rates_of(
    catalog: Catalog, *, provider: str, model: str | None, at_us: int, input_tokens: int = 0
) -> Rates | None:
    """Return the rates of a call; None where it has no price.

    Args:
        catalog: The prices.
        provider: Who answers.
        model: The model.
        at_us: When, Unix time in microseconds.
        input_tokens: Some models charge more for long inputs.
    """
    taken = max(input_tokens, 1)

    def nanos(usage: Usage) -> int | None:
        return catalog.cost(usage, provider=provider, model=model, at_us=at_us).usd_nanos

    uncached = nanos(Usage(uncached_input_tokens=taken))
    if uncached is None:
        return None
    both = nanos(Usage(uncached_input_tokens=taken, text_output_tokens=_OUTPUT_TOKENS))
    read, written = nanos(Usage(cache_read_tokens=taken)), nanos(Usage(cache_write_5m_tokens=taken))
    return Rates(
        uncached / taken,
        (uncached if read is None else read) / taken,
        (uncached if written is None else written) / taken,
        ((both or uncached) - uncached) / _OUTPUT_TOKENS,
    )
