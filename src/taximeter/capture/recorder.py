"""Recorder: the tracker as metered clients see it, with the choices made for them."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, Protocol

import msgspec

from taximeter.allowance import Allowance, allowance_of
from taximeter.errors import ConfigurationError
from taximeter.observation import Observation, ObservedCall, begin_in, is_taken
from taximeter.said import Said, content_limit_of
from taximeter.sighting import is_repeat


class Tracks(Protocol):
    """What metering needs of a tracker."""

    @property
    def events(self) -> Any:
        """The builder that makes events of facts."""

    def track_task_completion(self, event: Any, /) -> bool:
        """Take an event over; never raises, never blocks."""

    def count_loss(self, reason: str, n: int = 1) -> None:
        """Count what was lost here."""


class Recorder(msgspec.Struct, frozen=True):
    """Where calls are recorded, and how.

    `invisible_usage`: ask for a stream's usage where the provider counts only for those who ask, and take the extra
    event out again. `run_id`: the run of calls whose scope names none. `unasked`: servers found not to know the
    option that asks for the usage, or to tell without it; they are not asked again. `trace`: told at once of each call
    that begins (`+`) and of each that turns out to be none (`-`). `also`: who hears of the same calls.
    """

    tracker: Tracks
    invisible_usage: bool = True
    run_id: str | None = None
    unasked: set[bytes] = msgspec.field(default_factory=set)
    trace: Callable[[bytes], None] | None = None
    also: "Recorder | None" = None

    @property
    def hosts(self) -> Mapping[str, str]:
        """Who answers at hosts that the user has declared."""
        hosts: Mapping[str, str] = getattr(self.tracker, "hosts", {})
        return hosts

    @property
    def allowance(self) -> Allowance | None:
        """Who says whether there is money for a call; None where there is no budget."""
        if (found := allowance_of(self.tracker)) is None and self.also is not None:
            return self.also.allowance
        return found

    @property
    def of_run(self) -> "Recorder | None":
        """The recorder of the run that this process is part of, which alone keeps a trace."""
        if self.trace is not None:
            return self
        return None if self.also is None else self.also.of_run

    def heard_by(self, other: "Recorder") -> "Recorder":
        """Return this recorder with *other* hearing of the same calls, unless both have the same tracker."""
        if other.tracker is self.tracker:
            return self
        return msgspec.structs.replace(self, also=other, run_id=self.run_id or other.run_id)

    def begin(self, observation: Observation | None, calls: int = 1) -> None:
        """Note that a call begins inside *observation*, or with -1 that one was none after all."""
        begin_in(observation, self.tracker, calls)
        if self.trace is not None:
            self.trace(b"+" if calls > 0 else b"-")
        if self.also is not None:
            self.also.begin(observation, calls)

    def record(self, observation: Observation | None, call: ObservedCall, said: Said | None = None) -> bool:
        """Hand a call over: to the layer above that meters it too, where there is one, else to the tracker.

        What was said in it goes to the tracker where that keeps it.

        Returns:
            Whether the event is the call's; False where another one of the same call has been tracked already.
        """
        is_new = is_taken(observation, self.tracker, call)
        if not is_new and not is_repeat(self.tracker, call.event, "wire"):
            self.tracker.track_task_completion(call.event)
            is_new = True
        if said is not None and is_new and (limit := self.content_limit):
            self.tracker.track_task_completion(said.event(call.event.event_id, limit))
        if self.also is not None:
            self.also.record(observation, call, said)
        return is_new

    @property
    def content_limit(self) -> int:
        """How many characters of a prompt and an answer the tracker keeps; 0 where it keeps neither."""
        return content_limit_of(self.tracker)

    @property
    def longest_content(self) -> int:
        """The same of all who hear of the calls: the most that any keeps."""
        return self.content_limit if self.also is None else max(self.content_limit, self.also.longest_content)

    def warm_up(self) -> None:
        """Load the price table now, which takes 20 ms, and not while the first call is being answered."""
        with suppress(Exception):  # a tracker without a builder is noticed, and counted, with its first event
            _ = self.tracker.events

    def count_capture_error(self) -> None:
        """Count a call whose metering failed; a tracker that is broken itself must not reach the application."""
        with suppress(Exception):
            self.tracker.count_loss("capture_error")
        if self.also is not None:
            self.also.count_capture_error()


def check_tracker(tracker: Any) -> None:
    """Refuse what is no tracker.

    Raises:
        ConfigurationError: It takes no events.
    """
    if not callable(getattr(tracker, "track_task_completion", None)):
        raise ConfigurationError("tracker", tracker, "what `taximeter.start` returns")


def recorder_for(tracker: Tracks, *, invisible_usage: bool) -> Recorder:
    """Return the recorder of a tracker, ready for the first call.

    Raises:
        ConfigurationError: What was given is no tracker.
    """
    check_tracker(tracker)
    recorder = Recorder(tracker, invisible_usage)
    recorder.warm_up()
    return recorder
