"""EventBuilder: facts + scope + price -> event."""

from collections.abc import Mapping
from copy import copy
from time import time_ns
from typing import Any, TypedDict, Unpack

import msgspec

from taximeter.errors import nearest_of
from taximeter.event import SCHEMA_VERSION, TaskCompletionEvent
from taximeter.foresight import Estimate, Foresees, HeedInput
from taximeter.identifier import new_event_id, new_span_id
from taximeter.inference import CallContext, Infer, infer_task_type, remembering
from taximeter.pricing import Catalog, Cost, Override
from taximeter.pricing.money import round_half_even
from taximeter.providers import Endpoint, Facts, RequestFacts, read_payload
from taximeter.providers.reading import read_request
from taximeter.scopes import Scope, current_scope
from taximeter.usage import Usage
from taximeter.vocabulary import (
    Complexity,
    CostSource,
    CostStatus,
    Operation,
    Outcome,
    TaskType,
    UsageStatus,
    Vocabulary,
)


class EventFields(TypedDict, total=False):
    """Fields of `TaskCompletionEvent` that a caller may state; what is stated wins over what was read or inferred."""

    event_id: str
    started_at_us: int
    operation: Operation | str
    wire_format: str | None
    model: str | None
    requested_model: str | None
    provider_response_id: str | None
    streaming: bool
    service_tier: str | None
    outcome: Outcome | str
    task_duration_ms: float | None
    time_to_first_token_ms: float | None
    finish_reasons: tuple[str, ...]
    tool_call_count: int
    server_tool_call_count: int
    error_type: str | None
    error_status: int | None
    error_retryable: bool | None
    attempt: int
    retry_count: int
    actual_input_tokens: int | None
    actual_output_tokens: int | None
    usage_status: UsageStatus | str
    actual_cost_usd_micros: int | None
    actual_cost_usd_nanos: int | None
    price_context: dict[str, str] | None
    estimated_input_tokens: int | None
    estimated_output_tokens: int | None
    estimated_cost_usd_micros: int | None
    task_type: TaskType | str
    complexity: Complexity | str
    harness: str | None
    quality_gate_passed: bool | None
    quality_gates_run: int | tuple[str, ...] | None
    quality_gates_failed: int | tuple[str, ...] | None
    context_compactions: int
    context_rotations: int
    context_utilization_final: float | None
    service: str | None
    run_id: str | None
    trace_id: str | None
    span_id: str | None
    parent_span_id: str | None
    call_id: str | None
    agent: str | None
    user: str | None
    session: str | None
    tags: dict[str, str] | None


class EventBuilder:
    """Makes events out of what providers answer.

    Args:
        catalog: Prices; None means the compiled table.
        infer: Rules for the task type of calls nobody named; None means `infer_task_type`.
        service: The name of this program, where no scope says another.
        forecast: What knows what calls consume, for `estimated_*` fields that nobody states; None leaves them open.
    """

    def __init__(
        self,
        *,
        catalog: Catalog | None = None,
        infer: Infer | None = None,
        service: str | None = None,
        forecast: Foresees | None = None,
    ) -> None:
        self._catalog = catalog or Catalog.default()
        self._infer = remembering(infer or infer_task_type)
        self._service = service
        self._forecast = forecast
        self._heed: HeedInput | None = getattr(forecast, "heed_input", None)

    @property
    def catalog(self) -> Catalog:
        """The prices that costs are made of."""
        return self._catalog

    def with_prices(self, *prices: Override) -> "EventBuilder":
        """Return a builder like this one with these prices as well, see `Catalog.with_overrides`.

        Raises:
            ConfigurationError: Something else than an Override was given.
        """
        other = copy(self)
        other._catalog = self._catalog.with_overrides(*prices)  # noqa: SLF001 - the same class
        return other

    def build(
        self,
        *,
        provider: str | None = None,
        response: Any = None,
        request: Mapping[str, Any] | RequestFacts | None = None,
        usage: Usage | None = None,
        scope: Scope | None = None,
        **fields: Unpack[EventFields],
    ) -> TaskCompletionEvent:
        """Return the event of a finished call.

        Args:
            provider: Who answered, such as `anthropic`; None leaves it to the shape of the response.
            response: The decoded answer, an SDK's response object, or the provider's bare usage object. A strange
                one makes an event without usage, not an error.
            request: The request's body, for the requested model and the task type; it is not kept.
            usage: The counters, where the caller has them; None means those of the response, else those made of
                `actual_input_tokens` and `actual_output_tokens`.
            scope: Who and why; None means the current scope.
            **fields: Fields of the event; they win over everything read or inferred.

        Raises:
            TypeError: A field that no event has.
        """
        facts = _read_facts(provider, response, request, fields)
        if usage is not None:
            facts.usage, facts.charges = usage, ()
        elif facts.usage is None:
            facts.usage = _stated_usage(fields)
        body = request if isinstance(request, Mapping) else None
        return self.from_facts(facts, scope=scope, request_body=body, **fields)

    def from_facts(
        self,
        facts: Facts,
        *,
        scope: Scope | None = None,
        request_body: bytes | Mapping[str, Any] | None = None,
        **fields: Unpack[EventFields],
    ) -> TaskCompletionEvent:
        """Return the event of a call whose wire was read; arguments as in `build`.

        *request_body* is for the forecast, where there is one: its length tells the input. It is not kept.
        """
        scope = current_scope() if scope is None else scope
        started_at_us = fields.get("started_at_us") or _start_us(fields.get("task_duration_ms"))
        task_type = fields.get("task_type") or scope.task_type or self._inferred(facts)
        values = [  # all of them, in the order of the event's fields: by place an event is made in a fifth of the time
            new_event_id(),
            SCHEMA_VERSION,
            started_at_us,
            *_what_was_called(facts),
            *_how_it_went(facts),
            *_what_it_consumed(facts),
            *self._what_it_cost(facts, started_at_us, fields),
            *self._what_was_expected(facts, started_at_us, fields),
            task_type,
            *_what_it_was_for(scope),
            *_who(scope, self._service),
        ]
        if self._forecast is not None:
            values[_ESTIMATES] = self._foreseen(self._forecast, values, request_body, fields)
        _state(values, fields)
        return TaskCompletionEvent(*values)

    def _what_it_cost(self, facts: Facts, at_us: int, fields: Mapping[str, Any]) -> tuple[Any, ...]:
        context = fields.get("price_context") or facts.price_context
        cost = _stated_cost(fields) or self._cost(facts, facts.usage, at_us, context)
        return (
            cost.usd_micros,
            cost.usd_nanos,
            cost.status,
            cost.source,
            facts.reported_cost_usd_nanos,
            cost.price_version,
            cost.price_id,
            context,
        )

    def _what_was_expected(self, facts: Facts, at_us: int, fields: Mapping[str, Any]) -> tuple[Any, ...]:
        taken, given = fields.get("estimated_input_tokens"), fields.get("estimated_output_tokens")
        if taken is None and given is None:
            return None, None, None
        expected = Usage(uncached_input_tokens=taken, text_output_tokens=given)
        forecast = msgspec.structs.replace(facts, charges=(), reported_cost_usd=None)
        context = fields.get("price_context") or facts.price_context
        return taken, given, self._cost(forecast, expected, at_us, context).usd_micros

    def _foreseen(
        self,
        forecast: Foresees,
        values: list[Any],
        request_body: bytes | Mapping[str, Any] | None,
        fields: EventFields,
    ) -> tuple[Any, ...]:
        """Return what was to be expected of the call; where the caller states any of it, only what they do."""
        stated: tuple[Any, ...] = tuple(values[_ESTIMATES])
        if stated != _NO_ESTIMATE or fields.get("estimated_cost_usd_micros") is not None:
            return stated
        try:
            found = forecast.estimate(
                provider=values[_PLACES["provider"]],
                model=values[_PLACES["requested_model"]] or values[_PLACES["model"]],
                operation=values[_PLACES["operation"]],
                task_type=values[_PLACES["task_type"]],
                complexity=fields.get("complexity") or values[_PLACES["complexity"]],
                agent=fields.get("agent") or values[_PLACES["agent"]],
                request=request_body,
                at_us=values[_PLACES["started_at_us"]],
            )
            if request_body is not None and self._heed is not None:
                _let_heed(self._heed, found, values, fields)
        except Exception:  # a forecast of the user's own must not cost them the event
            return stated
        return found

    def _cost(self, facts: Facts, usage: Usage | None, at_us: int, context: Mapping[str, str] | None) -> Cost:
        cost = self._catalog.cost(
            usage,
            provider=facts.provider,
            model=facts.model,
            requested_model=facts.request.model,
            at_us=at_us,
            service_tier=facts.service_tier or facts.request.service_tier,
            context=context,
            charges=facts.charges,
            reported_usd_nanos=facts.exact_reported_nanos,
        )
        return cost.as_lower_bound() if facts.partial else cost

    def _inferred(self, facts: Facts) -> TaskType:
        request = facts.request
        context = CallContext(facts.operation, request.system_prompt, request.tool_names)
        try:
            return self._infer(context)
        except Exception:  # a rule set of the user's own must not cost them the event
            return TaskType.UNKNOWN


def _let_heed(heed: HeedInput, found: Estimate, values: list[Any], fields: EventFields) -> None:
    """Tell a forecast what the input that it measured has come to, where the provider has counted it."""
    estimated, actual = found.input_tokens, values[_PLACES["actual_input_tokens"]]
    if estimated and actual and values[_PLACES["usage_status"]] == UsageStatus.REPORTED:
        heed(
            estimated,
            actual,
            model=values[_PLACES["requested_model"]] or values[_PLACES["model"]],
            agent=fields.get("agent") or values[_PLACES["agent"]],
        )


def _read_facts(provider: str | None, response: Any, request: Any, fields: EventFields) -> Facts:
    """Read what the response says, then let what the caller states of the call itself win, since it moves the price."""
    wire_format = fields.get("wire_format")
    if response is None:
        facts = Facts(wire_format=wire_format or "", operation=Operation.UNKNOWN, provider="unknown")
    else:
        facts = read_payload(response, provider=provider, wire_format=wire_format)
    facts.provider = provider or facts.provider
    facts.model = fields.get("model") or facts.model
    facts.service_tier = fields.get("service_tier") or facts.service_tier
    if "operation" in fields:
        facts.operation = Operation(fields["operation"])
    if request is not None:
        facts.request = _request_facts(request, facts)
    return facts


def _request_facts(request: Mapping[str, Any] | RequestFacts, facts: Facts) -> RequestFacts:
    if isinstance(request, RequestFacts):
        return request
    wire_format = facts.wire_format or "openai.chat"  # without a response, the format most requests are in
    return read_request(
        Endpoint(provider=facts.provider, wire_format=wire_format, operation=facts.operation), request
    )


def _start_us(duration_ms: float | None) -> int:
    """Return when a call that ends now began."""
    return time_ns() // 1000 - int((duration_ms or 0.0) * 1000)


def _what_was_called(facts: Facts) -> tuple[Any, ...]:
    request = facts.request
    return (
        facts.operation,
        facts.provider,
        facts.wire_format or None,
        facts.model or request.model,
        request.model,
        facts.response_id,
        facts.streaming,
        facts.service_tier or request.service_tier,
    )


def _how_it_went(facts: Facts) -> tuple[Any, ...]:
    return (
        _outcome(facts),
        None,  # the times,
        None,  # which only the caller knows
        facts.finish_reasons,
        facts.tool_call_count,
        facts.server_tool_call_count,
        facts.error_type,
        facts.error_status,
        facts.error_retryable,
        1,  # the attempt,
        0,  # after none
    )


# Python 3.11 looks a member of an enumeration up ten times as long as a name of the module.
_SUCCESS, _PARTIAL, _FAILURE = Outcome.SUCCESS, Outcome.PARTIAL, Outcome.FAILURE
_REPORTED, _LOWER_BOUND, _UNKNOWN = UsageStatus.REPORTED, UsageStatus.PARTIAL, Complexity.UNKNOWN


def _outcome(facts: Facts) -> Outcome:
    if facts.error_type is not None or facts.error_status is not None:
        return _FAILURE
    return _PARTIAL if facts.truncated else _SUCCESS


def _what_it_consumed(facts: Facts) -> tuple[Any, ...]:
    usage = facts.usage
    if usage is None:
        return None, None, UsageStatus.MISSING, *_NO_COUNTERS, facts.raw_usage
    return (
        usage.input_tokens,
        usage.output_tokens,
        _usage_status(facts),
        *msgspec.structs.astuple(usage),
        facts.raw_usage,
    )


def _usage_status(facts: Facts) -> UsageStatus:
    if facts.estimated:
        return UsageStatus.ESTIMATED
    return _LOWER_BOUND if facts.partial else _REPORTED


def _what_it_was_for(scope: Scope) -> tuple[Any, ...]:
    """Return how hard it was and for whom, and nothing of the gates and contexts that only the caller knows."""
    return scope.complexity or _UNKNOWN, scope.harness, None, None, None, 0, 0, None


def _who(scope: Scope, service: str | None) -> tuple[Any, ...]:
    """Return whose call it was: a span of its own below the scope's."""
    return (
        scope.service or service,
        scope.run_id,
        scope.trace_id,
        new_span_id() if scope.trace_id else None,
        scope.span_id,
        scope.call_id,
        scope.agent,
        scope.user,
        scope.session,
        scope.tags,
    )


_NO_COUNTERS = msgspec.structs.astuple(Usage())

_PLACES = {name: place for place, name in enumerate(TaskCompletionEvent.__struct_fields__)}

_NO_ESTIMATE = Estimate()
_ESTIMATES = slice(_PLACES["estimated_input_tokens"], _PLACES["estimated_cost_usd_micros"] + 1)

_WORDS: dict[str, type[Vocabulary]] = {
    "operation": Operation,
    "outcome": Outcome,
    "usage_status": UsageStatus,
    "task_type": TaskType,
    "complexity": Complexity,
}


def _snake_cased(name: str) -> str:
    """Return the name as Python writes it; other languages' users know it as `taskType`."""
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name)


def _state(values: list[Any], fields: EventFields) -> None:
    """Put what the caller stated in its places, plain words made members of their vocabularies."""
    for name, value in fields.items():
        if (place := _PLACES.get(name)) is None:
            raise TypeError(f"An event has no field {name!r}{nearest_of(_snake_cased(name), _PLACES)}")
        if (word := _WORDS.get(name)) is None or isinstance(value, word):
            values[place] = value
        elif value is not None:
            values[place] = word(str(value))


def _stated_usage(fields: EventFields) -> Usage | None:
    taken, given = fields.get("actual_input_tokens"), fields.get("actual_output_tokens")
    if taken is None and given is None:
        return None
    return Usage(uncached_input_tokens=taken, text_output_tokens=given)


def _stated_cost(fields: Mapping[str, Any]) -> Cost | None:
    """Return the cost a caller states, in both units; None where none is stated."""
    micros, nanos = fields.get("actual_cost_usd_micros"), fields.get("actual_cost_usd_nanos")
    if nanos is None:
        if micros is None:
            return None
        nanos = micros * 1000
    return Cost(
        usd_micros=round_half_even(nanos, 1000) if micros is None else micros,
        usd_nanos=nanos,
        status=CostStatus.REPORTED,
        source=CostSource.OVERRIDE,
    )
