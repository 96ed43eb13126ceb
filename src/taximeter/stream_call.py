"""Stream call: one stream on its way to the application, ending as exactly one event however it ends."""

import os
from collections.abc import Mapping
from contextlib import suppress
from time import perf_counter_ns, time_ns
from typing import Any

import msgspec

from taximeter.capture.call import leave_at_exit
from taximeter.capture.guard import guarded
from taximeter.capture.recorder import Tracks
from taximeter.fault import read_fault
from taximeter.observation import Observation, ObservedCall, begin_in, current_observation, is_taken
from taximeter.providers.chunks import ChunkReading
from taximeter.said import AnswerText, Said, content_limit_of, prompt_of
from taximeter.scopes import current_scope
from taximeter.sighting import is_repeat, watch
from taximeter.vocabulary import Outcome

_NOTHING = object()


class StreamCall:
    """Follows one stream. Nothing here raises into the application.

    Its end, close, an exception, cancellation and garbage collection all end it; the first one counts.

    Args:
        tracker: Where the event goes.
        reading: Reads the items.
        started_s: `time.perf_counter()` of when the request went out; None means now.
        fields: Fields of the event.
    """

    def __init__(
        self, tracker: Tracks, reading: ChunkReading, *, started_s: float | None, fields: Mapping[str, Any]
    ) -> None:
        self._open = [True]  # popped once, atomically: whichever thread or collector comes first ends it
        self._tracker = tracker
        self._reading = reading
        self._fields = fields
        self._scope = current_scope()
        self._around = current_observation()
        self.seen = Observation(tracker)
        """Open while an item is fetched: some SDKs send their request only then, from a client that is metered too."""
        self._process_id = os.getpid()
        with suppress(Exception):  # the price table loads now, and not while the stream is being read
            _ = tracker.events
        now_ns = perf_counter_ns()
        self._started_ns = now_ns if started_s is None else int(started_s * 1e9)
        self._started_at_us = (time_ns() - (now_ns - self._started_ns)) // 1000
        self._arrived_ns = self._started_ns
        self._first_token_ns: int | None = None
        self._unread: Any = _NOTHING
        self._answer: AnswerText | None = None
        self._request: Mapping[str, Any] | None = None
        watch(tracker)
        begin_in(self._around, tracker)
        leave_at_exit(self)

    def keep_said(self, answer: AnswerText, request: Mapping[str, Any] | None) -> None:
        """Track what was said beside the call's event, where the wire does not tell it; *answer* hears the items."""
        self._answer = answer
        self._request = request

    def arrive(self, chunk: Any) -> None:
        """Note the next item; `look` reads it once the application has it."""
        self._arrived_ns = perf_counter_ns()
        self._unread = chunk

    def look(self) -> None:
        """Read what has arrived, when the application comes for more."""
        chunk, self._unread = self._unread, _NOTHING
        if chunk is not _NOTHING and self._open:
            self._reading.add(chunk)
            if self._first_token_ns is None and self._reading.has_output:
                self._first_token_ns = self._arrived_ns

    @guarded
    def end(self) -> None:
        """The stream has ended by itself."""
        self._finish(whole=True)

    @guarded
    def leave(self) -> None:
        """The application has stopped reading, or stopped waiting."""
        self._finish(whole=False)

    @guarded
    def fail(self, error: BaseException) -> None:
        """An exception goes by: the stream's, or one that tells the application to stop."""
        self._finish(whole=False, error=error)

    def __del__(self) -> None:
        self.leave()

    def give_up(self) -> None:
        """Follow the stream no longer, and count it as lost."""
        self._open.clear()
        with suppress(Exception):  # a tracker that is broken itself must not reach the application
            self._tracker.count_loss("capture_error")

    def _finish(self, *, whole: bool, error: BaseException | None = None) -> None:
        if (
            not self._open or self._process_id != os.getpid()
        ):  # a forked child inherits calls that are not its own
            return
        self.look()
        try:
            self._open.pop()
        except IndexError:
            return
        if self.seen.begun:
            begin_in(self._around, self._tracker, -1)  # the layers around have heard of these calls already
            self._record_seen()
        else:
            self._record_own(self._built(whole, error))

    def _record_own(self, call: ObservedCall) -> None:
        """Record what the items told, unless the wire has told it: of a client that is metered too, asked before."""
        if is_repeat(self._tracker, call.event, "stream"):
            begin_in(self._around, self._tracker, -1)
        else:
            self._record(call)
            self._tell(call.event.event_id)

    def _tell(self, event_id: str) -> None:
        if (answer := self._answer) is not None:
            said = Said(prompt_of(self._request), answer.text, answer.characters or None)
            limit = content_limit_of(self._tracker)
            self._tracker.track_task_completion(said.event(event_id, limit))

    def _record_seen(self) -> None:
        """Record what the wire has told; what it will still tell it records by itself."""
        calls = [*self.seen.calls]
        if calls:
            event = msgspec.structs.replace(calls[-1].event, **self._fields)
            calls[-1] = ObservedCall(event, calls[-1].facts)
        for call in calls:
            self._record(call)

    def _record(self, call: ObservedCall) -> None:
        if not is_taken(self._around, self._tracker, call):
            self._tracker.track_task_completion(call.event)

    def _built(self, whole: bool, error: BaseException | None) -> ObservedCall:
        """Return the call that the items tell of."""
        facts = self._reading.finish(whole=whole)
        ended_ns = self._arrived_ns if self._reading.complete else perf_counter_ns()
        fields = {
            "started_at_us": self._started_at_us,
            "task_duration_ms": (ended_ns - self._started_ns) / 1e6,
            "time_to_first_token_ms": self._time_to_first_token_ms(),
            **({} if facts.failed or self._reading.complete else self._how_it_ended(whole, error)),
            **self._fields,
        }
        event = self._tracker.events.from_facts(
            facts, scope=self._scope, request_body=self._reading.request_body, **fields
        )
        return ObservedCall(event, facts)

    def _how_it_ended(self, whole: bool, error: BaseException | None) -> dict[str, Any]:
        """Return what the items alone do not tell."""
        if error is None:
            return {} if whole else {"outcome": Outcome.CANCELLED}
        fault = read_fault(error)
        if fault.outcome == Outcome.CANCELLED:
            return {"outcome": Outcome.CANCELLED}
        cut_short = fault.outcome == Outcome.FAILURE and self._reading.has_output
        return {**fault._asdict(), "outcome": Outcome.PARTIAL if cut_short else fault.outcome}

    def _time_to_first_token_ms(self) -> float | None:
        return None if self._first_token_ns is None else (self._first_token_ns - self._started_ns) / 1e6
