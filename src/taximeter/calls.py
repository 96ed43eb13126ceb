"""Calls: one call of a client that we cannot see, metered by a block around it."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from functools import cache
from time import perf_counter_ns, time_ns
from types import TracebackType
from typing import Any, Self

import msgspec

from taximeter.alarm import warn
from taximeter.allowance import Intent, allowance_of
from taximeter.builder import EventFields
from taximeter.call_moments import ids_of, last_moment
from taximeter.capture.recorder import Tracks
from taximeter.digest import digest_of
from taximeter.errors import ConfigurationError
from taximeter.event import CallStartedEvent, CallStartedPayload, TaskCompletionEvent
from taximeter.fault import read_fault
from taximeter.identifier import new_event_id
from taximeter.observation import Observation, ObservedCall, begin_in, is_taken, take_hold
from taximeter.providers import Endpoint, Facts, RequestFacts, read_payload
from taximeter.providers.chunks import ChunkReading
from taximeter.providers.reading import read_request
from taximeter.said import Said, answer_of, content_limit_of, prompt_of, text_of
from taximeter.scopes import NOBODY, SCOPE_FIELDS, Active, Scope, current_scope
from taximeter.tracker import Tracker, newest_tracker
from taximeter.usage import Usage
from taximeter.vocabulary import Operation, Outcome

CAPTURE_ERROR = "capture_error"
"""The reason under which a call is counted of which no event could be made."""

_EVENT_FIELDS = frozenset(EventFields.__annotations__) - SCOPE_FIELDS - {"model", "requested_model"}


class call:  # noqa: N801 - reads as a statement: `with taximeter.call(model="gpt-4o") as call:`
    """Meter whatever call is made in a block, plain or async, by any client at all; to be used once.

    `LLM_CALL_STARTED` is tracked when the block begins, `LLM_CALL_FINISHED` or `LLM_CALL_FAILED` when it ends, and then
    the call's own event, which has what `record_response` and `record_usage` were given. Where a metered client makes
    the call, there is still one event of it, and it has what the wire said. What the block raises is raised on, and
    nothing of ours is added to it.

    Args:
        tracker: Where the events go; None means the newest open one, and where there is none nothing is recorded.
        provider: Who answers, such as `anthropic`; None leaves it to the shape of what is recorded.
        model: The model asked for.
        request: The request's body, for the task type; it is not kept.
        call_id: The logical call, which its attempts share; None takes the scope's, or makes one.
        temperature: A setting of the request.
        max_tokens: A setting of the request.
        prompt: Text, bytes or messages of which only the SHA-256 is kept, and the text where the privacy level is `full`.
        prompt_hash: The same where the caller has it already.
        evidence_path: Where the application keeps what belongs to this call.
        keep_error_text: Whether a failed call keeps the exception's message and traceback, which may quote prompts;
            what looks like a key is taken out. Without it there are its class and the HTTP status.
        **fields: Fields of `Scope` and of the event.

    Raises:
        ConfigurationError: A field that neither has, at construction.
        BudgetError: The tracker has budgets and there is no money for the call, as the block begins; nothing else here
            raises.
    """

    def __init__(
        self,
        *,
        tracker: Tracks | None = None,
        provider: str | None = None,
        model: str | None = None,
        request: Mapping[str, Any] | None = None,
        call_id: str | None = None,
        temperature: float | None = None,
        max_tokens: int | None = None,
        prompt: Any = None,
        prompt_hash: str | None = None,
        evidence_path: Any = None,
        keep_error_text: bool = False,
        **fields: Any,
    ) -> None:
        _check_fields(fields, SCOPE_FIELDS | _EVENT_FIELDS)
        self.event: TaskCompletionEvent | None = None
        """The call's event once the block has ended; None without a tracker, or while a metered stream goes on."""
        self.scope: Scope = NOBODY
        """The call's own span and ids, once the block has begun."""
        self._tracker = tracker
        self._provider = provider
        self._request = request
        self._keep_error_text = keep_error_text
        self._scope_fields = _of(SCOPE_FIELDS, fields)
        NOBODY.within(**self._scope_fields)
        self._stated = _of(_EVENT_FIELDS, fields)
        self._asked = CallStartedPayload(
            call_id=call_id,
            model=model,
            temperature=temperature,
            max_tokens=max_tokens,
            prompt_hash=prompt_hash,
        )
        self._response: Facts | None = None
        self._usage: Facts | None = None
        self._output_hash: str | None = None
        self._prompt = prompt
        self._output: Any = None
        self._answered: Any = None
        self._seen: Observation | None = None
        self._around = ExitStack()
        self._started_ns = self._started_at_us = 0
        with self._quietly():
            path = None if evidence_path is None else str(evidence_path)
            digest = prompt_hash or digest_of(prompt)
            self._asked = msgspec.structs.replace(self._asked, evidence_path=path, prompt_hash=digest)

    @property
    def call_id(self) -> str | None:
        """The logical call's id, once the block has begun."""
        return self.scope.call_id

    def record_response(self, response: Any) -> None:
        """Take the provider's answer: an SDK's object, a dict, or the body as it came, a stream's as a whole too."""
        with self._quietly():
            self._response = _read(response, self._provider)
            self._answered = response

    def record_usage(self, usage: Any) -> None:
        """Take the usage alone, in any provider's shape; the last one given counts, over that of the response."""
        with self._quietly():
            self._usage = _read(usage, self._provider)

    def record_output(self, output: Any) -> None:
        """Take what was generated, of which only the SHA-256 is kept, and the text where the privacy level is `full`."""
        with self._quietly():
            self._output_hash = digest_of(output)
            self._output = output

    def note(self, **fields: Any) -> None:
        """State fields of the event that are known only now, such as `quality_gate_passed` or `outcome`."""
        with self._quietly():
            _check_fields(fields, _EVENT_FIELDS)
            self._stated |= fields

    def __enter__(self) -> Self:
        with self._quietly():
            self._begin()
        if (seen := self._seen) is not None and (allowance := allowance_of(seen.tracker)) is not None:
            with self._refusable(seen):
                seen.hold = allowance.reserve(self._intent(), take_hold(seen.outer, seen.tracker))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        duration_ms = (perf_counter_ns() - self._started_ns) / 1e6
        with self._quietly():
            self._around.close()
        with self._quietly():
            if self._seen is not None:
                self._end(self._seen, duration_ms, error)

    async def __aenter__(self) -> Self:
        with self._quietly():
            self._begin()
        if (seen := self._seen) is not None and (allowance := allowance_of(seen.tracker)) is not None:
            with self._refusable(seen):
                seen.hold = await allowance.areserve(self._intent(), take_hold(seen.outer, seen.tracker))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.__exit__(kind, error, trace)

    @contextmanager
    def _refusable(self, seen: Observation) -> Iterator[None]:
        """End a block that is not entered, because there is no money for the call; time one that is from here."""
        try:
            yield
        except BaseException as error:
            with self._quietly():
                self._around.close()
            with self._quietly():
                self._end(seen, 0.0, error, is_made=False)
            raise
        self._started_ns = perf_counter_ns()

    def _intent(self) -> Intent:
        body = dict(self._request or {})
        if self._asked.max_tokens is not None:
            body.setdefault("max_tokens", self._asked.max_tokens)
        endpoint = _endpoint(_no_facts(self._provider), self._asked.model)
        return Intent(endpoint=endpoint, body=body, scope=self.scope, at_us=self._started_at_us)

    @contextmanager
    def _quietly(self) -> Iterator[None]:
        """Keep what goes wrong in here away from the application, and count it."""
        try:
            yield
        except Exception:  # a guest's mistake is not the host's problem
            if self._seen is not None:
                with suppress(Exception):
                    self._seen.tracker.count_loss(CAPTURE_ERROR)

    def _begin(self) -> None:
        outer = current_scope()
        call_id = self._asked.call_id or outer.call_id or new_event_id()
        self.scope = outer.within(**self._scope_fields, call_id=call_id)
        self._around.enter_context(Active(self.scope))
        tracker = self._tracker or tracker_in_use()
        with suppress(Exception):  # the price table loads now, and not while the call is being timed
            _ = tracker and tracker.events
        self._started_ns, self._started_at_us = perf_counter_ns(), time_ns() // 1000
        if tracker is None:
            return
        self._seen = self._around.enter_context(Observation(tracker))
        begin_in(self._seen.outer, tracker)
        payload = msgspec.structs.replace(self._asked, call_id=self.call_id, agent=self.scope.agent)
        tracker.track_task_completion(CallStartedEvent(payload=payload, **ids_of(self.scope)))

    def _end(
        self, seen: Observation, duration_ms: float, error: BaseException | None, *, is_made: bool = True
    ) -> None:
        if not is_made or seen.begun:
            begin_in(seen.outer, seen.tracker, -1)
        for attempt in seen.calls[:-1]:
            _hand_over(seen, attempt)
        last = seen.calls[-1] if seen.calls else None
        if last is not None:
            self.event = self._merged(last.event, error)
        elif is_made and not seen.unfinished:
            self.event = self._built(seen.tracker, duration_ms, error)
        moment = last_moment(
            self.scope,
            duration_ms,
            self.event,
            error,
            output_hash=self._output_hash,
            keep_error_text=self._keep_error_text,
        )
        seen.tracker.track_task_completion(moment)
        if self.event is not None:
            _hand_over(seen, ObservedCall(self.event, last.facts if last is not None else None))
            self._tell(seen.tracker, self.event.event_id, by_wire=last is not None)
        hold, seen.hold = seen.hold, None
        if hold is not None:
            hold.settle_soon(self.event)

    def _tell(self, tracker: Any, event_id: str, *, by_wire: bool) -> None:
        """Track what was said, where the tracker keeps it and the wire has not told it."""
        if by_wire or not (limit := content_limit_of(tracker)):
            return
        prompt = prompt_of(self._request) if self._prompt is None else text_of(self._prompt)
        said = Said(prompt, answer_of(self._answered) if self._output is None else text_of(self._output))
        if said.prompt or said.answer:
            tracker.track_task_completion(said.event(event_id, limit))

    def _built(self, tracker: Any, duration_ms: float, error: BaseException | None) -> TaskCompletionEvent:
        """Return the event of what was recorded."""
        facts = _combined(self._response, self._usage, self._provider)
        facts.request = self._request_facts(facts)
        fields = {
            "started_at_us": self._started_at_us,
            "task_duration_ms": duration_ms,
            **_how_it_failed(error),
            **self._stated,
            **self._spans(),
        }
        event: TaskCompletionEvent = tracker.events.from_facts(
            facts, scope=self.scope, request_body=self._request, **fields
        )
        return event

    def _merged(self, event: TaskCompletionEvent, error: BaseException | None) -> TaskCompletionEvent:
        """Return the event that the wire has made, as this call's."""
        failed = _how_it_failed(error) if event.outcome == Outcome.SUCCESS else {}
        return msgspec.structs.replace(event, **{**failed, **self._stated, **self._spans()})

    def _request_facts(self, facts: Facts) -> RequestFacts:
        request = read_request(_endpoint(facts, self._asked.model), self._request)
        request.model = self._asked.model or request.model
        return request

    def _spans(self) -> dict[str, Any]:
        return {"span_id": self.scope.span_id, "parent_span_id": self.scope.parent_span_id}


def _endpoint(facts: Facts, model: str | None) -> Endpoint:
    return Endpoint(
        provider=facts.provider,
        wire_format=facts.wire_format or "openai.chat",  # the format that most requests are in
        operation=facts.operation,
        model=model,
    )


def _of(names: frozenset[str], fields: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if name in names}


def _check_fields(fields: Mapping[str, Any], allowed: frozenset[str]) -> None:
    for name, value in fields.items():
        if name not in allowed:
            raise ConfigurationError(name, value, f"one of {', '.join(sorted(allowed))}")


def _read(payload: Any, provider: str | None) -> Facts:
    if isinstance(payload, Usage):
        return msgspec.structs.replace(_no_facts(provider), usage=payload)
    if isinstance(payload, str | bytes | bytearray):
        return _read_body(payload, provider)
    return read_payload(payload, provider=provider)


def _read_body(body: str | bytes | bytearray, provider: str | None) -> Facts:
    """Return the facts of a body as the wire had it: one document, or all events of a stream.

    Raises:
        ValueError: It is neither.
    """
    try:
        return read_payload(msgspec.json.decode(body), provider=provider)
    except msgspec.DecodeError:
        reading = ChunkReading(provider=provider)
        reading.add(body.encode() if isinstance(body, str) else body)
        facts = reading.finish(whole=True)
    if not facts.wire_format:
        raise ValueError("neither a document nor a stream of them")
    return facts


def _no_facts(provider: str | None) -> Facts:
    return Facts(wire_format="", operation=Operation.UNKNOWN, provider=provider or "unknown")


def _combined(response: Facts | None, usage: Facts | None, provider: str | None) -> Facts:
    """Return the facts of the response, with the usage that was recorded beside it."""
    if response is None or usage is None:
        return response or usage or _no_facts(provider)
    return msgspec.structs.replace(
        response,
        usage=usage.usage,
        charges=usage.charges,
        raw_usage=usage.raw_usage,
        reported_cost_usd=usage.reported_cost_usd,
    )


def _how_it_failed(error: BaseException | None) -> dict[str, Any]:
    return {} if error is None else read_fault(error)._asdict()


def _hand_over(seen: Observation, observed: ObservedCall) -> None:
    """Offer an event to the layers around; where none takes it, it is tracked."""
    if not is_taken(seen.outer, seen.tracker, observed):
        seen.tracker.track_task_completion(observed.event)


def tracker_in_use() -> Tracker | None:
    """Return the newest open tracker; without one warn, once, that nothing is recorded."""
    tracker = newest_tracker()
    if tracker is None:
        _warn_of_no_tracker()
    return tracker


@cache
def _warn_of_no_tracker() -> None:
    warn("nothing is recorded, because no tracker is open; keep what taximeter.start() returns")
