"""Events: one finished call, the moments of its life and of a run's for those who want them; to a line and back."""

from time import time_ns
from typing import Any, ClassVar, get_args

import msgspec

from taximeter.errors import UnreadableEventError
from taximeter.identifier import new_event_id
from taximeter.vocabulary import Complexity, CostSource, CostStatus, Operation, Outcome, TaskType, UsageStatus

SCHEMA_VERSION = 1


def _now_us() -> int:
    return time_ns() // 1000


def _always(value: Any) -> Any:
    """Make a default that is written out: what stands in every line must not hang on the reader's version."""
    return msgspec.field(default_factory=lambda: value)


class TaskCompletionEvent(
    msgspec.Struct,
    frozen=True,
    omit_defaults=True,
    gc=False,
    tag_field="type",
    tag="TASK_COMPLETION",
):
    """One call of a model, finished in whatever way.

    Tokens, money and times are integers in the unit that the name ends with; `task_duration_ms` and
    `time_to_first_token_ms` are floats with microseconds kept. None means unknown, never zero. The counters from
    `uncached_input_tokens` to `image_output_tokens` do not overlap; `actual_input_tokens` and `actual_output_tokens`
    are their sums.
    """

    # Their order is no promise to users, who name them. The builder alone gives them by place, for speed.

    event_id: str = msgspec.field(default_factory=new_event_id)
    """UUIDv7, ordered by the time it was made; every sink keeps one row of it."""
    schema_version: int = _always(SCHEMA_VERSION)
    """Version of this shape; grows when a field changes its meaning."""
    started_at_us: int = msgspec.field(default_factory=_now_us)
    """Unix time, UTC, microseconds."""

    # What was called
    operation: Operation = _always(Operation.UNKNOWN)
    """What kind of call it was."""
    provider: str = _always("unknown")
    """Who answered, such as `openai`, `bedrock` or `ollama`; `unknown` where nothing tells."""
    wire_format: str | None = None
    """The format that was read, such as `openai.responses`."""
    model: str | None = None
    """The model that answered; the requested one where the answer does not say."""
    requested_model: str | None = None
    """The model the request named."""
    provider_response_id: str | None = None
    """The provider's own id of the answer."""
    streaming: bool = False
    """Whether the answer came as a stream."""
    service_tier: str | None = None
    """The tier that served the call; the requested one where the answer does not say."""

    # How it went
    outcome: Outcome = _always(Outcome.SUCCESS)
    """How the call ended, as far as the wire tells."""
    task_duration_ms: float | None = None
    """From the request to the end of the answer, by the monotonic clock."""
    time_to_first_token_ms: float | None = None
    """From the request to the first generated content of a stream; null for a whole answer."""
    finish_reasons: tuple[str, ...] = ()
    """The provider's own words, one per choice."""
    tool_call_count: int = 0
    """Calls the client must run."""
    server_tool_call_count: int = 0
    """Tools the provider ran by itself."""
    error_type: str | None = None
    """The provider's own word for the error, or the class of the exception; never its message."""
    error_status: int | None = None
    """The HTTP status of the error."""
    error_retryable: bool | None = None
    """Whether trying again may help."""
    attempt: int = 1
    """Which attempt at the same request this was, from 1."""
    retry_count: int = 0
    """Attempts before this one."""

    # What it consumed
    actual_input_tokens: int | None = None
    """All input tokens, cached ones included."""
    actual_output_tokens: int | None = None
    """All output tokens, reasoning included."""
    usage_status: UsageStatus = _always(UsageStatus.MISSING)
    """How far the counters can be trusted."""
    uncached_input_tokens: int | None = None
    """Text input read at the full rate."""
    cache_read_tokens: int | None = None
    """Input served from the provider's cache."""
    cache_write_5m_tokens: int | None = None
    """Input written to the cache for five minutes, or for a time the provider does not name."""
    cache_write_1h_tokens: int | None = None
    """Input written to the cache for an hour."""
    audio_input_tokens: int | None = None
    """Audio input that was not cached."""
    cache_read_audio_tokens: int | None = None
    """Audio input served from the cache."""
    image_input_tokens: int | None = None
    """Image input, where the provider counts it apart."""
    text_output_tokens: int | None = None
    """Text output, reasoning included."""
    audio_output_tokens: int | None = None
    """Audio output."""
    image_output_tokens: int | None = None
    """Image output."""
    reasoning_tokens: int | None = None
    """Informational: part of `text_output_tokens`."""
    billable_units: dict[str, int] | None = None
    """What is billed by the piece, such as `web_search`."""
    raw_usage: dict[str, Any] | None = None
    """The provider's own usage object, so that the call can be explained and priced again."""

    # What it cost
    actual_cost_usd_micros: int | None = None
    """The cost in microdollars, rounded half-even once; null when unknown."""
    actual_cost_usd_nanos: int | None = None
    """The same in nanodollars: what sums are made of."""
    cost_status: CostStatus = _always(CostStatus.UNKNOWN)
    """What the cost is worth."""
    cost_source: CostSource = CostSource.NONE
    """Where the rate or the amount came from."""
    reported_cost_usd_nanos: int | None = None
    """What the provider itself says, kept even where a user's price overrides it."""
    price_version: str | None = None
    """The price table's version."""
    price_id: str | None = None
    """The row of the table that priced the call."""
    price_context: dict[str, str] | None = None
    """What else moved the price: speed, batch, inference_geo, region."""

    # What was expected
    estimated_input_tokens: int | None = None
    """Input tokens expected before the call."""
    estimated_output_tokens: int | None = None
    """Output tokens expected before the call."""
    estimated_cost_usd_micros: int | None = None
    """Cost expected before the call; worked out from the expected tokens where not given."""

    # What it was for
    task_type: TaskType = _always(TaskType.UNKNOWN)
    """What the call was for."""
    complexity: Complexity = Complexity.UNKNOWN
    """How hard the task was, in the application's judgement."""
    harness: str | None = None
    """The program that drives the model."""
    quality_gate_passed: bool | None = None
    """Whether the task's checks passed."""
    quality_gates_run: int | tuple[str, ...] | None = None
    """How many gates ran, or their names."""
    quality_gates_failed: int | tuple[str, ...] | None = None
    """How many gates failed, or their names."""
    context_compactions: int = 0
    """How often the context was compacted on the way."""
    context_rotations: int = 0
    """How often the context was started afresh on the way."""
    context_utilization_final: float | None = None
    """Share of the context window in use at the end, 0 to 1."""

    # Who and why
    service: str | None = None
    """The program that made the call."""
    run_id: str | None = None
    """One run of it."""
    trace_id: str | None = None
    """32 hex digits (W3C Trace Context)."""
    span_id: str | None = None
    """16 hex digits: the call's own span."""
    parent_span_id: str | None = None
    """The span of the scope around the call."""
    call_id: str | None = None
    """One logical call; its attempts share it."""
    agent: str | None = None
    """The agent that made the call."""
    user: str | None = None
    """On whose behalf; an opaque id where a name would be personal data."""
    session: str | None = None
    """The conversation or session."""
    tags: dict[str, str] | None = None
    """Anything else, as strings."""


class CallStartedPayload(msgspec.Struct, kw_only=True, frozen=True, omit_defaults=True):
    """What is known when a call begins; `agent` is who makes it, hashes are SHA-256 in hex."""

    call_id: str | None = None
    model: str | None = None
    temperature: float | None = None
    max_tokens: int | None = None
    prompt_hash: str | None = None
    evidence_path: str | None = None
    agent: str | None = None


class CallFinishedPayload(msgspec.Struct, kw_only=True, frozen=True, omit_defaults=True):
    """What is known when a call has answered.

    `token_usage` has the counts that are known, by the names `input_tokens`, `output_tokens`, `total_tokens`,
    `cache_read_tokens`, `cache_write_tokens` and `reasoning_tokens`; the provider's own are in the finished call's event.
    """

    call_id: str | None = None
    latency_ms: float | None = None
    token_usage: dict[str, Any] | None = None
    finish_reason: str | None = None
    output_hash: str | None = None
    api_cost_usd_micros: int | None = None
    api_cost_usd_nanos: int | None = None


class CallFailedPayload(msgspec.Struct, kw_only=True, frozen=True, omit_defaults=True):
    """What is known when a call has failed. Longer texts are cut to the limits given here, in characters."""

    call_id: str | None = None
    latency_ms: float | None = None
    error_class: str | None = None
    error_summary: str | None = None
    retryable: bool | None = None
    error_details: str | None = None

    SUMMARY_LIMIT: ClassVar[int] = 500
    DETAILS_LIMIT: ClassVar[int] = 5000


class RunStartedPayload(msgspec.Struct, kw_only=True, frozen=True, omit_defaults=True):
    """What is known when a run begins; `parent_run_id` is the run that it is a part of."""

    name: str | None = None
    agent: str | None = None
    parent_run_id: str | None = None


class SlowCall(msgspec.Struct, kw_only=True, frozen=True, omit_defaults=True):
    """One of the calls that a run waited for longest."""

    duration_ms: float
    call_id: str | None = None
    span_id: str | None = None
    provider: str | None = None
    model: str | None = None
    agent: str | None = None
    outcome: Outcome = Outcome.SUCCESS


class RunFinishedPayload(msgspec.Struct, kw_only=True, frozen=True, omit_defaults=True):
    """What the calls of a run, and of the runs that are parts of it, add up to.

    `unpriced_calls` are not in the cost, `estimated_calls` are in it with an estimate or a lower bound,
    `unmetered_calls` are in no counter of tokens. `error_class` names the exception that ended the run.
    """

    name: str | None = None
    outcome: Outcome = _always(Outcome.SUCCESS)
    error_class: str | None = None
    duration_ms: float | None = None
    calls: int = _always(0)
    failed_calls: int = _always(0)
    cut_short_calls: int = 0
    input_tokens: int = _always(0)
    output_tokens: int = _always(0)
    cache_read_tokens: int = 0
    reasoning_tokens: int = 0
    cost_usd_nanos: int = _always(0)
    unpriced_calls: int = _always(0)
    estimated_calls: int = 0
    unmetered_calls: int = 0
    slowest_calls: tuple[SlowCall, ...] = ()


class CallContentPayload(msgspec.Struct, kw_only=True, frozen=True, omit_defaults=True):
    """What was said in a call, where the privacy level is `full`; texts are cut, secrets taken out.

    `prompt` is what the request said, each message after its role, `answer` what the model generated; `..._characters` is
    how long they were before a cut.
    """

    call_event_id: str | None = None
    prompt: str | None = None
    answer: str | None = None
    prompt_characters: int | None = None
    answer_characters: int | None = None


class _LifecycleEvent(msgspec.Struct, kw_only=True, frozen=True, omit_defaults=True, tag_field="type"):
    event_id: str = msgspec.field(default_factory=new_event_id)
    """UUIDv7, ordered by the time it was made."""
    schema_version: int = _always(SCHEMA_VERSION)
    """Version of this shape."""
    ts_us: int = msgspec.field(default_factory=_now_us)
    """Unix time, UTC, microseconds."""
    run_id: str | None = None
    """One run of the program."""
    trace_id: str | None = None
    """32 hex digits (W3C Trace Context)."""
    span_id: str | None = None
    """16 hex digits: the call's own span."""
    parent_span_id: str | None = None
    """The span around the call."""


class CallStartedEvent(
    _LifecycleEvent, kw_only=True, frozen=True, omit_defaults=True, tag="LLM_CALL_STARTED"
):
    """A call has begun."""

    payload: CallStartedPayload = CallStartedPayload()
    """What is known when a call begins."""


class CallFinishedEvent(
    _LifecycleEvent, kw_only=True, frozen=True, omit_defaults=True, tag="LLM_CALL_FINISHED"
):
    """A call has answered."""

    payload: CallFinishedPayload = CallFinishedPayload()
    """What is known when a call has answered."""


class CallFailedEvent(_LifecycleEvent, kw_only=True, frozen=True, omit_defaults=True, tag="LLM_CALL_FAILED"):
    """A call has failed."""

    payload: CallFailedPayload = CallFailedPayload()
    """What is known when a call has failed."""


class RunStartedEvent(_LifecycleEvent, kw_only=True, frozen=True, omit_defaults=True, tag="RUN_STARTED"):
    """A run of several calls has begun."""

    payload: RunStartedPayload = RunStartedPayload()
    """What is known when a run begins."""


class RunFinishedEvent(_LifecycleEvent, kw_only=True, frozen=True, omit_defaults=True, tag="RUN_FINISHED"):
    """A run has ended."""

    payload: RunFinishedPayload = RunFinishedPayload()
    """What its calls add up to."""


class CallContentEvent(_LifecycleEvent, kw_only=True, frozen=True, omit_defaults=True, tag="CALL_CONTENT"):
    """What was said in a call; there is one only where the privacy level is `full`."""

    payload: CallContentPayload = CallContentPayload()
    """The texts, and the id of the call's event."""


Event = (
    TaskCompletionEvent
    | CallStartedEvent
    | CallFinishedEvent
    | CallFailedEvent
    | RunStartedEvent
    | RunFinishedEvent
    | CallContentEvent
)
EVENT_TYPES: tuple[type[Event], ...] = get_args(Event)

_encoder = msgspec.json.Encoder()
_decoder: msgspec.json.Decoder[Event] = msgspec.json.Decoder(Event)


def encode_event(event: Event) -> bytes:
    """Return the event as one line of JSON, without the line's end; JSON escapes every line break inside.

    Raises:
        TypeError, ValueError, RecursionError: The event holds what JSON cannot (an object, a lone surrogate, a cycle).
    """
    return _encoder.encode(event)


def decode_event(line: bytes | str) -> Event:
    """Read one line back. Fields of a newer version are passed over; those it lacks take their defaults.

    Raises:
        UnreadableEventError: The line is no event of a kind known here.
    """
    try:
        return _decoder.decode(line)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise UnreadableEventError(str(error)) from error
