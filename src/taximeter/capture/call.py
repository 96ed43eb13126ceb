"""Call: one HTTP call on its way through, ending as exactly one event however it ends."""

import atexit
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import cache, partial
from time import perf_counter_ns, time_ns
from typing import Any, Protocol
from weakref import WeakSet

import msgspec

from taximeter.allowance import Hold, Intent
from taximeter.capture.attempt import attempt_of, forget_failure, note_failure
from taximeter.capture.decoder import Decode, UndecodableError, decoder_for
from taximeter.capture.guard import guarded
from taximeter.capture.recorder import Recorder
from taximeter.capture.said_reading import SaidReading
from taximeter.capture.usage_filter import UsageFilter, adds_nulls
from taximeter.capture.usual_chunk import UsualChunk
from taximeter.event import TaskCompletionEvent
from taximeter.observation import ObservedCall, current_observation, take_hold
from taximeter.providers import Endpoint, Facts, Reading, is_usage_only
from taximeter.scopes import current_scope
from taximeter.vocabulary import Outcome

_UNREAD_CHUNKS = 32  # reading them in one go takes half the time: what reads is in the processor's cache then
_LOOKS_AT_ONE = 24  # a stream that has not shown by then what its chunks are like does not have the same ones
_REPEATED = frozenset({Outcome.FAILURE, Outcome.TIMEOUT})
_END_MARKS = {"anthropic.messages": b"message_stop"}
_END_MARK = b"[DONE]"  # of all others that have one
_END_REACH = -96
_NOT_COMPRESSED = frozenset({"", "identity"})
_BLANK = b"\n\n"


class Leavable(Protocol):
    """A call that can be ended from outside."""

    def leave(self) -> None:
        """End it, as left by the application."""


_open_calls: "WeakSet[Leavable]" = WeakSet()


def leave_at_exit(call: Leavable) -> None:
    """End *call* when the program does, if it has not ended by then."""
    _open_calls.add(call)
    _leave_calls_at_exit()


def leave_open_calls() -> None:
    """End the calls that are still under way, because the program is about to end."""
    with suppress(RuntimeError):  # another thread still begins calls
        for call in list(_open_calls):
            call.leave()


@cache
def _leave_calls_at_exit() -> None:
    """See to it before the tracker's own end: what is registered last runs first, and this is with the first call."""
    atexit.register(leave_open_calls)


class Call:
    """Follows one call from its request to its end. Nothing here raises into the application.

    The end of the stream, close, an exception, cancellation and garbage collection all end it; the first one counts.

    Args:
        recorder: Where the event goes.
        endpoint: What answers.
        body: The request's body as the application wrote it; None when it is not in memory.
        headers: The request's headers.
        asked_for_usage: Whether the request was changed, so that what this adds must come out again.
    """

    def __init__(
        self,
        recorder: Recorder,
        endpoint: Endpoint,
        body: bytes | None,
        headers: Mapping[str, str],
        *,
        asked_for_usage: bool = False,
    ) -> None:
        self._open: list[
            bool
        ] = []  # popped once, atomically: whichever thread or collector comes first ends it
        self.recorder = recorder
        self._reading = Reading(endpoint, body)
        self._scope = current_scope()
        self._observation = current_observation()
        self._body = body
        self._attempt = attempt_of(headers, body, recorder.tracker)
        self._asked_for_usage = asked_for_usage
        self.shows_usage = False
        """Whether what was asked for cannot be taken out of these bytes: they are compressed, against our wish."""
        self._end_mark = _END_MARKS.get(endpoint.wire_format, _END_MARK)
        self._said = SaidReading(endpoint, body, longest) if (longest := recorder.longest_content) else None
        self._filter: UsageFilter | None = None
        self._is_plain = True
        self._decode: Decode | None = None
        self._unread: list[bytes] = []
        self._looks_at_one = _LOOKS_AT_ONE
        self._learnt: UsualChunk | None = None
        self._usual: UsualChunk | None = None
        """What was learnt, as long as the next chunk begins with an event."""
        self._first_token_ns: int | None = None
        self._process_id = os.getpid()
        self._started_at_us = time_ns() // 1000
        self._started_ns = self._arrived_ns = perf_counter_ns()
        self._hold: Hold | None = None
        self._open.append(True)
        leave_at_exit(self)
        recorder.begin(self._observation)

    def reserve(self) -> None:
        """Set aside what the call may cost, where there is a budget.

        Raises:
            BudgetError: It must not be sent, and there is no call.
        """
        if (allowance := self.recorder.allowance) is not None:
            with self._refusable():
                self._hold = allowance.reserve(
                    self._intent(), take_hold(self._observation, self.recorder.tracker)
                )

    async def areserve(self) -> None:
        """`reserve` for coroutines.

        Raises:
            BudgetError: It must not be sent, and there is no call.
        """
        if (allowance := self.recorder.allowance) is not None:
            with self._refusable():
                covering = take_hold(self._observation, self.recorder.tracker)
                self._hold = await allowance.areserve(self._intent(), covering)

    def _intent(self) -> Intent:
        scope = self._scope
        if scope.run_id is None and self.recorder.run_id is not None:
            scope = msgspec.structs.replace(scope, run_id=self.recorder.run_id)
        return Intent(
            endpoint=self._reading.endpoint, body=self._body, scope=scope, at_us=self._started_at_us
        )

    @contextmanager
    def _refusable(self) -> Iterator[None]:
        """Forget a call that must not be sent, and time one that may from here."""
        try:
            yield
        except BaseException:
            self.drop()
            self.recorder.begin(self._observation, -1)
            raise
        self._started_ns = self._arrived_ns = perf_counter_ns()

    def sent_as_written(self) -> None:
        """Note that the request went out unchanged after all, so that nothing must come out of the answer."""
        self._asked_for_usage = False

    @guarded
    def respond(self, status: int, headers: Mapping[str, str]) -> None:
        """Take the status and headers of the response; a redirect is no answer, the call that follows it has one."""
        if 300 <= status < 400:
            self._let_go(made=False)
            self.drop()
            self.recorder.begin(self._observation, -1)
            return
        self._reading.respond(status, headers)
        if self._said is not None:
            self._said.respond(headers)
        encoding = headers.get("content-encoding", "")
        self._is_plain = encoding.strip().lower() in _NOT_COMPRESSED
        with suppress(UndecodableError):  # then the event says what the headers say, and misses the usage
            self._decode = decoder_for(encoding)
        if not self._asked_for_usage or "json" in headers.get("content-type", ""):
            return
        self.shows_usage = not self._is_plain
        if not self.shows_usage:
            self._filter = self._usage_filter()

    def _usage_filter(self) -> UsageFilter:
        endpoint = self._reading.endpoint
        return UsageFilter(partial(is_usage_only, endpoint), takes_nulls=adds_nulls(endpoint))

    def take_decoded(self) -> None:
        """Note that what arrives was decompressed on its way, whatever the headers say."""
        if not self._is_plain:
            self._decode, self._is_plain = decoder_for(""), True
            if self.shows_usage:
                self._filter, self.shows_usage = self._usage_filter(), False

    def arrive(self, chunk: bytes) -> bytes:
        """Note the next raw bytes and return what the application gets of them.

        This is what each chunk of a stream costs, so it does little and calls less.
        """
        usual = self._usual
        if usual is not None and (left := usual.left_of(chunk)) is not None:
            return left
        return self._take(chunk)

    def _take(self, chunk: bytes) -> bytes:
        """Do the same with a chunk that may tell something; it is read when more come, or none."""
        if self._looks_at_one or len(self._unread) >= _UNREAD_CHUNKS:
            self.look()
        self._arrived_ns = perf_counter_ns()
        self._unread.append(chunk)
        self._usual = self._learnt if chunk.endswith(_BLANK) else None
        if chunk.rfind(self._end_mark, _END_REACH) >= 0:
            self._end_early()
        usage_filter = self._filter
        if usage_filter is None:
            return chunk
        try:
            return usage_filter.feed(chunk)
        except Exception:  # then it is passed on unread, like everything after it
            self._filter = self._usual = self._learnt = None
            self._looks_at_one = 0
            self.recorder.count_capture_error()
            return usage_filter.release() or chunk

    def _end_early(self) -> None:
        """End with the end mark: those who stop reading there may never come back, nor close the stream."""
        self.look()
        if self._reading.complete:
            self.end()

    def rest(self) -> bytes:
        """Return what was held back of a stream that has ended."""
        usage_filter, self._filter = self._filter, None
        try:
            return b"" if usage_filter is None else usage_filter.finish()
        except Exception:
            self.recorder.count_capture_error()
            return b"" if usage_filter is None else usage_filter.release()

    def look(self) -> None:
        """Read what has arrived and was not read yet: one chunk while the first token is awaited, then many at once."""
        unread, self._unread = self._unread, []
        decode, reading, said = self._decode, self._reading, self._said
        if decode is None or not self._open:
            return
        try:  # in place of the guard, which would cost more
            for chunk in unread:
                for part in decode(chunk):
                    reading.feed(part)
                    if said is not None:
                        said.feed(part)
            if self._first_token_ns is None:
                if reading.has_output:
                    self._first_token_ns = self._arrived_ns
            elif self._looks_at_one and said is None:  # what is said has to be read
                self._learn()
        except Exception:
            self.give_up()

    def _learn(self) -> None:
        """Find out what nearly all chunks are like, so that these need not be read any more."""
        self._looks_at_one -= 1
        likeness = self._reading.likeness
        if likeness is not None and self._is_plain:
            self._learnt, self._looks_at_one = UsualChunk.of(likeness, self._filter), 0

    @guarded
    def see_body(self, body: bytes) -> None:
        """Take a response that was in memory from the start; it is decoded already."""
        self._decode = decoder_for("")
        self._arrived_ns = perf_counter_ns()
        self._unread = [body]
        self.end()

    @guarded
    def end(self) -> None:
        """The body has ended by itself."""
        self._finish(whole=True)

    @guarded
    def leave(self) -> None:
        """The application has stopped reading, or stopped waiting."""
        self._finish(whole=False, left=True)

    @guarded
    def fail(self, error: BaseException) -> None:
        """An exception goes by: the network's, or one that tells the application to stop."""
        if isinstance(error, Exception):
            self._finish(whole=False, error=error)
        else:
            self._finish(whole=False, left=True)

    def give_up(self) -> None:
        """Follow the call no longer, and count it as lost."""
        self.drop()
        self.recorder.count_capture_error()

    def drop(self) -> None:
        """Forget the call: it makes no event, and what it may have cost counts."""
        self._open.clear()
        self._let_go(made=True)

    def _let_go(self, *, made: bool) -> None:
        hold, self._hold = self._hold, None
        if hold is not None and self._process_id == os.getpid():
            if made:
                hold.settle_soon(None)
            else:
                hold.release_soon()

    def __del__(self) -> None:
        self.leave()

    def _finish(self, *, whole: bool, left: bool = False, error: Exception | None = None) -> None:
        if (
            not self._open or self._process_id != os.getpid()
        ):  # a forked child inherits calls that are not its own
            return
        self.look()
        try:
            self._open.pop()
        except IndexError:
            return
        if self._learnt is not None:
            self._reading.pass_over(self._learnt.text_bytes)
        facts = self._reading.finish(whole=whole, estimate=True)
        undecodable = self._decode is None and whole
        self._record(facts, self._outcome(facts, error, left=left, undecodable=undecodable), error)

    def _outcome(
        self, facts: Facts, error: Exception | None, *, left: bool, undecodable: bool
    ) -> Outcome | None:
        """Return how the call ended where the wire alone does not tell, else None."""
        if facts.failed or self._reading.complete:
            return None
        if left:
            return Outcome.SUCCESS if _is_all_told(facts) else Outcome.CANCELLED
        if error is None:
            return Outcome.SUCCESS if undecodable else None
        if _is_timeout(error):
            return Outcome.TIMEOUT
        return Outcome.PARTIAL if self._reading.has_output else Outcome.FAILURE

    def _record(self, facts: Facts, outcome: Outcome | None, error: Exception | None) -> None:
        ended_ns = self._arrived_ns if self._reading.complete else perf_counter_ns()
        fields: dict[str, Any] = {}
        if error is not None and outcome is not None:
            fields["error_type"] = type(error).__name__
        if self.recorder.run_id is not None and self._scope.run_id is None:
            fields["run_id"] = self.recorder.run_id
        if self._attempt.call_id is not None and self._scope.call_id is None:
            fields["call_id"] = self._attempt.call_id
        event = self.recorder.tracker.events.from_facts(
            facts,
            started_at_us=self._started_at_us,
            task_duration_ms=(ended_ns - self._started_ns) / 1e6,
            time_to_first_token_ms=self._time_to_first_token_ms() if facts.streaming else None,
            outcome=outcome,
            scope=self._scope,
            request_body=self._body,
            retry_count=self._attempt.number - 1,
            attempt=self._attempt.number,
            **fields,
        )
        if event.outcome in _REPEATED and event.error_retryable is not False:
            event = self._as_one_of_several(event)
        elif self._attempt.call_id is not None:
            forget_failure()
        said = None if self._said is None else self._said.finish()
        is_new = self.recorder.record(self._observation, ObservedCall(event, facts), said)
        hold, self._hold = self._hold, None
        if hold is not None:
            hold.settle_soon(event, repeated=not is_new)

    def _as_one_of_several(self, event: TaskCompletionEvent) -> TaskCompletionEvent:
        """Give a try that failed an id for its repetitions to share."""
        call_id = event.call_id or event.event_id
        note_failure(self._attempt._replace(call_id=call_id), self._body, self.recorder.tracker)
        return msgspec.structs.replace(event, call_id=call_id)

    def _time_to_first_token_ms(self) -> float | None:
        return None if self._first_token_ns is None else (self._first_token_ns - self._started_ns) / 1e6


def _is_all_told(facts: Facts) -> bool:
    """Whether nothing was missed by who left before the end mark: there is a reason to stop, and the final count."""
    return bool(facts.finish_reasons) and facts.usage is not None and not (facts.partial or facts.estimated)


_TIMEOUTS = frozenset({"TimeoutException", "ReadTimeoutError", "ConnectTimeoutError"})


def _is_timeout(error: Exception) -> bool:
    """Whether *error* is a timeout of httpx, botocore or urllib3, told by name so that none is imported."""
    return isinstance(error, TimeoutError) or any(kind.__name__ in _TIMEOUTS for kind in type(error).__mro__)
