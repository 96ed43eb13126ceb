"""Past calls: what is kept of a finished call, and the last of those that are alike."""

from bisect import bisect_left, bisect_right, insort
from collections import deque
from typing import NamedTuple

from taximeter.event import TaskCompletionEvent
from taximeter.usage import Usage
from taximeter.vocabulary import Outcome, UsageStatus

KEPT_CALLS = 200
"""Of each group; what is older has nothing to say of what comes, which is how drift is followed."""


class PastCall(NamedTuple):
    """What one call has consumed. Shares are of the input tokens."""

    input_tokens: int
    output_tokens: int
    read_share: float = 0.0
    """Input that came from the provider's cache."""
    write_share: float = 0.0
    """Input that was written to it."""
    price_factor: float = 1.0
    """The cost by what the same tokens cost at the list: a discount, a markup, fees by the piece."""

    def with_input(self, tokens: int | None) -> "PastCall":
        """Return a call like this one with another input; None leaves it."""
        return self if tokens is None else self._replace(input_tokens=tokens)

    @property
    def usage(self) -> Usage:
        """The tokens by what they cost."""
        taken = self.input_tokens
        read, written = round(taken * self.read_share), round(taken * self.write_share)
        return Usage(
            uncached_input_tokens=max(taken - read - written, 0),
            cache_read_tokens=read or None,
            cache_write_5m_tokens=written or None,
            text_output_tokens=self.output_tokens,
        )


def tells(event: TaskCompletionEvent) -> bool:
    """Whether a call tells what calls of its kind consume: it came to its end, and its provider has counted."""
    return (
        event.outcome == Outcome.SUCCESS
        and event.usage_status == UsageStatus.REPORTED
        and (event.actual_input_tokens is not None or event.actual_output_tokens is not None)
    )


def past_call_of(event: TaskCompletionEvent) -> PastCall:
    """Return what is kept of a call that tells."""
    taken = event.actual_input_tokens or 0
    read = (event.cache_read_tokens or 0) + (event.cache_read_audio_tokens or 0)
    written = (event.cache_write_5m_tokens or 0) + (event.cache_write_1h_tokens or 0)
    return PastCall(
        taken,
        event.actual_output_tokens or 0,
        min(read / taken, 1.0) if taken else 0.0,
        min(written / taken, 1.0) if taken else 0.0,
    )


class LastCalls:
    """The last calls of a group, and their output tokens in order."""

    __slots__ = ("calls", "outputs")

    def __init__(self) -> None:
        self.calls: deque[PastCall] = deque()
        self.outputs: list[int] = []

    def __len__(self) -> int:
        return len(self.calls)

    def add(self, call: PastCall) -> int:
        """Keep a call in the place of the oldest, and return how many more are kept than before."""
        self.calls.append(call)
        insort(self.outputs, call.output_tokens)
        if len(self.calls) <= KEPT_CALLS:
            return 1
        oldest = self.calls.popleft().output_tokens
        del self.outputs[bisect_left(self.outputs, oldest)]
        return 0

    def share_up_to(self, output_tokens: float) -> tuple[float, float]:
        """Return the share of calls with less output, and of those with as much or less."""
        count = len(self.outputs)
        return (
            bisect_left(self.outputs, output_tokens) / count,
            bisect_right(self.outputs, output_tokens) / count,
        )
