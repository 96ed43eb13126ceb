"""EventBuilder: facts, scope and price become one event."""

from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from taximeter.builder import EventBuilder, EventFields
from taximeter.event import TaskCompletionEvent, decode_event, encode_event
from taximeter.inference import CallContext
from taximeter.providers import Facts, RequestFacts
from taximeter.scopes import Scope, scope
from taximeter.usage import COUNTERS, Usage
from taximeter.vocabulary import Complexity, CostSource, CostStatus, Operation, Outcome, TaskType, UsageStatus

AT_US = 1_767_225_600_000_000  # 2026-01-01
ANTHROPIC = {
    "id": "msg_01",
    "type": "message",
    "role": "assistant",
    "model": "claude-sonnet-4-5-20250929",
    "content": [{"type": "text", "text": "Looks fine."}],
    "stop_reason": "end_turn",
    "usage": {
        "input_tokens": 1000,
        "output_tokens": 200,
        "cache_read_input_tokens": 5000,
        "cache_creation_input_tokens": 0,
    },
}


@pytest.fixture(scope="module")
def events() -> EventBuilder:
    return EventBuilder(service="tests")


def test_a_response_becomes_a_priced_event(events: EventBuilder) -> None:
    """Tokens, model, finish reason, cost and source stand in the event as the provider's rules say."""
    event = events.build(provider="anthropic", response=ANTHROPIC, started_at_us=AT_US)
    assert (event.provider, event.model) == ("anthropic", "claude-sonnet-4-5-20250929")
    assert (event.actual_input_tokens, event.actual_output_tokens) == (6000, 200)
    assert (event.uncached_input_tokens, event.cache_read_tokens) == (1000, 5000)
    assert event.actual_cost_usd_nanos == 1000 * 3_000 + 5000 * 300 + 200 * 15_000
    assert event.actual_cost_usd_micros == 7_500
    assert (event.cost_status, event.cost_source) == (CostStatus.PRICED, CostSource.TABLE)
    assert event.raw_usage == ANTHROPIC["usage"]
    assert event.service == "tests"
    assert decode_event(encode_event(event)) == event


def test_fields_of_the_task_come_along(events: EventBuilder) -> None:
    """Everything an application says of its task is in the event, words as members of their vocabularies."""
    event = events.build(
        provider="anthropic",
        response=ANTHROPIC,
        task_type="planning",
        complexity="high",
        harness="api_direct",
        task_duration_ms=1234.5,
        quality_gate_passed=False,
        quality_gates_run=("build", "lint"),
        quality_gates_failed=("lint",),
        context_compactions=2,
        context_rotations=1,
        context_utilization_final=0.75,
        outcome="partial",
        retry_count=1,
    )
    assert event.task_type is TaskType.PLANNING
    assert event.outcome is Outcome.PARTIAL
    assert (event.quality_gates_run, event.quality_gates_failed) == (("build", "lint"), ("lint",))
    assert (event.context_compactions, event.context_rotations, event.retry_count) == (2, 1, 1)


def test_explicit_beats_scope_beats_context(events: EventBuilder) -> None:
    """The task type is the one stated, else the scope's, else the one the request suggests."""
    request = {"model": "claude-sonnet-4-5", "system": "You are a code reviewer."}
    inferred = events.build(provider="anthropic", response=ANTHROPIC, request=request)
    with scope(task_type="planning", agent="p", tags={"team": "a"}) as around:
        scoped = events.build(provider="anthropic", response=ANTHROPIC, request=request)
        stated = events.build(provider="anthropic", response=ANTHROPIC, request=request, task_type="testing")
    assert [e.task_type for e in (inferred, scoped, stated)] == ["code_review", "planning", "testing"]
    assert (scoped.agent, scoped.tags, scoped.parent_span_id) == ("p", {"team": "a"}, around.span_id)
    assert scoped.span_id not in {None, around.span_id}


def test_nothing_of_the_texts_is_kept(events: EventBuilder) -> None:
    """Neither prompt nor answer reaches the event."""
    request = {
        "model": "m",
        "system": "canary-system",
        "messages": [{"role": "user", "content": "canary-user"}],
    }
    response = {**ANTHROPIC, "content": [{"type": "text", "text": "canary-answer"}]}
    assert b"canary" not in encode_event(
        events.build(provider="anthropic", response=response, request=request)
    )


def test_counts_without_a_response_are_priced(events: EventBuilder) -> None:
    """A service that only knows its counts still gets a cost, and an estimate gets one too."""
    event = events.build(
        provider="openai",
        model="gpt-4o",
        operation="chat",
        started_at_us=AT_US,
        actual_input_tokens=1000,
        actual_output_tokens=100,
        estimated_input_tokens=900,
        estimated_output_tokens=200,
    )
    assert event.actual_cost_usd_micros == 3_500
    assert event.estimated_cost_usd_micros == 4_250
    assert (event.operation, event.usage_status) == (Operation.CHAT, UsageStatus.REPORTED)
    assert event.wire_format is None


def test_a_stated_cost_is_taken(events: EventBuilder) -> None:
    """Who knows the cost better says so, and the event says whose it is."""
    event = events.build(provider="acme", model="m", actual_cost_usd_micros=12)
    assert (event.actual_cost_usd_micros, event.actual_cost_usd_nanos) == (12, 12_000)
    assert (event.cost_status, event.cost_source) == (CostStatus.REPORTED, CostSource.OVERRIDE)


def test_an_unknown_model_has_no_cost(events: EventBuilder) -> None:
    """No price is null and counted, never zero."""
    event = events.build(provider="openai", model="gpt-4o-my-own-thing", actual_input_tokens=10)
    assert event.actual_cost_usd_micros is None
    assert event.cost_status is CostStatus.UNKNOWN


def test_a_wrong_field_name_is_an_error(events: EventBuilder) -> None:
    """A typing mistake shows at the first call, not as a silent gap in the data."""
    with pytest.raises(TypeError, match="task_typ"):
        events.build(provider="openai", task_typ="x")  # type: ignore[call-arg]  # the point of the test


def test_rules_that_raise_do_not_cost_the_event() -> None:
    """A rule set of the user's own may fail; the event then says unknown."""

    def broken(_context: CallContext) -> TaskType:
        raise RuntimeError

    assert EventBuilder(infer=broken).build(provider="openai").task_type is TaskType.UNKNOWN


@pytest.mark.parametrize("count", ["x", 3.7, -1, 10**30, True])
def test_a_count_that_is_none_makes_the_cost_a_lower_bound(events: EventBuilder, count: Any) -> None:
    """What cannot be read is unknown, and a cost without it is not passed off as the whole."""
    usage = {"prompt_tokens": 10, "completion_tokens": count}
    some = events.build(provider="openai", response={"model": "gpt-4o", "usage": usage}, started_at_us=AT_US)
    assert (some.usage_status, some.cost_status) == (UsageStatus.PARTIAL, CostStatus.PARTIAL)
    assert (some.actual_output_tokens, some.actual_cost_usd_nanos) == (None, 25_000)
    usage = {"prompt_tokens": count, "completion_tokens": 0}
    none = events.build(provider="openai", response={"model": "gpt-4o", "usage": usage}, started_at_us=AT_US)
    assert (none.cost_status, none.actual_cost_usd_nanos) == (CostStatus.UNKNOWN, None)


def test_usage_given_beside_a_response_wins(events: EventBuilder) -> None:
    """A caller that counted for itself is believed."""
    event = events.build(provider="anthropic", response=ANTHROPIC, usage=Usage(uncached_input_tokens=1))
    assert (event.actual_input_tokens, event.actual_output_tokens) == (1, None)


def test_a_start_is_worked_out_from_the_duration(events: EventBuilder) -> None:
    """A call that ends now and took a minute began a minute ago."""
    slow = events.build(provider="openai", task_duration_ms=60_000.0)
    quick = events.build(provider="openai", task_duration_ms=0.0)
    assert 59_000_000 < quick.started_at_us - slow.started_at_us < 61_000_000


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=15,
)
KEYS = [
    "usage",
    "model",
    "id",
    "choices",
    "content",
    "output",
    "usageMetadata",
    "candidates",
    "eval_count",
    "error",
]


@given(
    st.dictionaries(st.sampled_from(KEYS), JSON, max_size=5) | JSON,
    st.sampled_from([None, "openai", "anthropic", "google", "ollama", "nobody"]),
)
def test_strange_responses_make_events(response: Any, provider: str | None) -> None:
    """Whatever a payload looks like, there is one event, and no count is negative."""
    event = EventBuilder().build(provider=provider, response=response)
    assert isinstance(event, TaskCompletionEvent)
    assert all((getattr(event, name) or 0) >= 0 for name in COUNTERS)


def test_an_object_that_breaks_when_looked_at_makes_an_event(events: EventBuilder) -> None:
    """SDK objects may be anything."""

    class Broken:
        def model_dump(self, **_: Any) -> Any:
            raise RuntimeError

        @property
        def __dict__(self) -> Any:  # type: ignore[override]  # the point of the test
            raise RuntimeError

    assert events.build(provider="openai", response=Broken()).usage_status is UsageStatus.MISSING


def test_a_scope_may_be_handed_over(events: EventBuilder) -> None:
    """Who takes a scope along by hand is heard."""
    assert events.build(provider="openai", scope=Scope(user="u-1")).user == "u-1"


def test_every_counter_of_a_usage_reaches_the_event(events: EventBuilder) -> None:
    """No counter is forgotten between the two types."""
    usage = Usage(**{name: 2**index for index, name in enumerate(COUNTERS)}, units={"web_search": 3})
    event = msgspec.structs.asdict(events.build(provider="openai", usage=usage))
    assert {name: event[name] for name in COUNTERS} == {name: getattr(usage, name) for name in COUNTERS}
    assert event["billable_units"] == {"web_search": 3}


COUNTS = Usage(**dict(zip(COUNTERS, range(101, 112), strict=True)), units={"web_search": 112})
FACTS = Facts(
    wire_format="openai.chat",
    operation=Operation.CHAT,
    provider="somebody",
    streaming=True,
    model="answered",
    response_id="r-1",
    usage=COUNTS,
    raw_usage={"tokens": 1},
    reported_cost_usd=Decimal("0.0000015"),
    service_tier="flex",
    price_context={"region": "eu"},
    finish_reasons=("stop",),
    tool_call_count=2,
    server_tool_call_count=3,
    error_type="overloaded",
    error_status=529,
    error_retryable=True,
    request=RequestFacts(model="asked", system_prompt="Translate to French."),
)
WHO = ("harness", "service", "run_id", "trace_id", "call_id", "agent", "user", "session")
SCOPE = Scope(
    **{name: f"the {name}" for name in WHO},  # type: ignore[arg-type]  # eight words
    span_id="the span_id",
    complexity=Complexity.HIGH,
    tags={"a": "b"},
)


def test_each_fact_stands_under_its_own_name(events: EventBuilder) -> None:
    """The builder gives the fields by place; each ends where its name says, and the others keep their defaults."""
    event = events.from_facts(FACTS, scope=SCOPE, started_at_us=AT_US)
    for name in ("wire_format", "streaming", "service_tier", "price_context", "raw_usage", "finish_reasons"):
        assert getattr(event, name) == getattr(FACTS, name), name
    for name in (
        "error_type",
        "error_status",
        "error_retryable",
        "tool_call_count",
        "server_tool_call_count",
    ):
        assert getattr(event, name) == getattr(FACTS, name), name
    for name in COUNTERS:
        assert getattr(event, name) == getattr(COUNTS, name), name
    for name in (*WHO, "tags"):
        assert getattr(event, name) == getattr(SCOPE, name), name
    assert (event.actual_input_tokens, event.actual_output_tokens) == (sum(range(101, 108)), 108 + 109 + 110)
    assert (event.operation, event.outcome) == (Operation.CHAT, Outcome.FAILURE)
    assert (event.provider, event.model, event.requested_model) == ("somebody", "answered", "asked")
    assert (event.provider_response_id, event.billable_units) == ("r-1", {"web_search": 112})
    assert (event.actual_cost_usd_micros, event.actual_cost_usd_nanos) == (2, 1_500)
    assert (event.cost_status, event.cost_source) == (CostStatus.REPORTED, CostSource.PROVIDER)
    assert (event.reported_cost_usd_nanos, event.price_id, event.price_version is None) == (
        1_500,
        None,
        False,
    )
    assert (event.task_type, event.complexity) == (TaskType.TRANSLATION, Complexity.HIGH)
    assert (event.parent_span_id, len(event.span_id or "")) == ("the span_id", 16)
    assert (event.schema_version, event.started_at_us, event.attempt, event.retry_count) == (1, AT_US, 1, 0)
    assert (event.task_duration_ms, event.quality_gates_run, event.context_compactions) == (None, None, 0)


def test_each_stated_field_stands_under_its_own_name(events: EventBuilder) -> None:
    """Whatever field a caller states, that one has the value and the other ones do not."""
    plain = events.from_facts(FACTS, started_at_us=AT_US, event_id="id")
    for name in set(EventFields.__annotations__) - {"operation", "outcome", "usage_status", "task_type"}:
        if name in {"complexity", "started_at_us", "event_id"} or name.startswith(("actual_cost", "price_")):
            continue
        stated: Any = {name: 7}
        event = events.from_facts(FACTS, started_at_us=AT_US, event_id="id", **stated)
        changed = {
            field
            for field in event.__struct_fields__
            if getattr(event, field) != getattr(plain, field) and field != "span_id"
        }
        assert changed - {name} <= {"estimated_cost_usd_micros"}
        assert getattr(event, name) == 7


def test_a_reported_cost_is_rounded_once() -> None:
    """Its micros come from what the provider wrote, not from the nanos of it."""
    usage = {"prompt_tokens": 1, "completion_tokens": 1, "cost": 0.0000014999996}
    event = EventBuilder().build(provider="openrouter", response={"choices": [], "usage": usage})
    assert (event.actual_cost_usd_nanos, event.actual_cost_usd_micros) == (1500, 1)
    assert event.reported_cost_usd_nanos == 1500


def test_names_of_another_language_are_known() -> None:
    """Who comes from TypeScript is told the field's name here."""
    with pytest.raises(TypeError, match="no field 'taskType'; did you mean 'task_type'"):
        EventBuilder().build(taskType="planning")  # type: ignore[call-arg]  # what a type checker would have told
