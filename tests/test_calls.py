"""taximeter.call: any call at all, metered by a block around it."""

import asyncio
import gc
import json
from collections.abc import Iterator
from hashlib import sha256
from types import SimpleNamespace
from typing import Any

import anyio
import httpx2
import pytest

import taximeter
from list_tracker import BrokenTracker, ListTracker
from taximeter.calls import call
from taximeter.capture import meter
from taximeter.errors import ConfigurationError
from taximeter.event import (
    CallFailedEvent,
    CallFinishedEvent,
    CallStartedEvent,
    TaskCompletionEvent,
    encode_event,
)
from taximeter.scopes import NOBODY, current_scope, scope
from taximeter.usage import Usage
from taximeter.vocabulary import CostStatus, Outcome, TaskType, UsageStatus
from wire_samples import FOLDER

ANTHROPIC = {
    "type": "message",
    "id": "msg_1",
    "model": "claude-sonnet-4-5-20250929",
    "stop_reason": "end_turn",
    "usage": {"input_tokens": 1200, "cache_read_input_tokens": 8000, "output_tokens": 350},
}


@pytest.fixture
def tracker() -> ListTracker:
    return ListTracker()


def moments(tracker: ListTracker) -> list[Any]:
    """Return the events in order; there must be one of the whole call, the last."""
    started, ended, whole = tracker.tracked
    assert isinstance(started, CallStartedEvent)
    assert isinstance(whole, TaskCompletionEvent)
    assert not tracker.losses
    return [started, ended, whole]


def wholes(tracker: ListTracker) -> list[TaskCompletionEvent]:
    """Return the events of calls, those of their moments left out."""
    events: list[Any] = list(tracker.tracked)
    return [event for event in events if isinstance(event, TaskCompletionEvent)]


def test_a_call_is_told_from_begin_to_end(tracker: ListTracker) -> None:
    """Started, finished, and the whole with tokens and cost; all three are the same span of the same run."""
    with scope(agent="writer", run_id="r") as around, call(tracker=tracker, model="claude-sonnet-4-5") as it:
        it.record_response(ANTHROPIC)
    started, finished, whole = moments(tracker)
    assert isinstance(finished, CallFinishedEvent)
    for event in (started, finished, whole):
        assert (event.run_id, event.trace_id, event.span_id) == ("r", around.trace_id, it.scope.span_id)
        assert event.parent_span_id == around.span_id
    assert started.payload.call_id == finished.payload.call_id == whole.call_id == it.call_id
    assert (whole.agent, whole.provider, whole.requested_model) == (
        "writer",
        "anthropic",
        "claude-sonnet-4-5",
    )
    assert whole.actual_cost_usd_micros == 11_250
    assert finished.payload.token_usage == {
        "input_tokens": 9200,
        "output_tokens": 350,
        "total_tokens": 9550,
        "cache_read_tokens": 8000,
    }
    assert (finished.payload.finish_reason, finished.payload.api_cost_usd_micros) == ("end_turn", 11_250)
    assert finished.payload.latency_ms == whole.task_duration_ms > 0
    assert it.event is whole


def test_what_was_asked_is_kept_as_settings_and_hashes(tracker: ListTracker) -> None:
    """Temperature, limit, evidence and hashes; never the texts."""
    with call(
        tracker=tracker,
        prompt="the secret prompt",
        temperature=0.2,
        max_tokens=100,
        evidence_path="evidence/1.json",
    ) as it:
        it.record_output("the secret answer")
    started, finished, _ = moments(tracker)
    payload = started.payload
    assert payload.prompt_hash == sha256(b"the secret prompt").hexdigest()
    assert finished.payload.output_hash == sha256(b"the secret answer").hexdigest()
    assert (payload.temperature, payload.max_tokens, payload.evidence_path) == (0.2, 100, "evidence/1.json")
    assert b"secret" not in b"".join(map(encode_event, tracker.tracked))


@pytest.mark.parametrize(
    ("usage", "tokens"),
    [
        ({"prompt_tokens": 7, "completion_tokens": 2}, (7, 2)),
        ({"input_tokens": 7, "output_tokens": 2}, (7, 2)),
        ({"prompt_eval_count": 7, "eval_count": 2}, (7, 2)),
        ({"promptTokenCount": 7, "candidatesTokenCount": 2}, (7, 2)),
        (SimpleNamespace(prompt_tokens=7, completion_tokens=2), (7, 2)),
        (b'{"usage": {"prompt_tokens": 7, "completion_tokens": 2}}', (7, 2)),
        (Usage(uncached_input_tokens=7, text_output_tokens=2), (7, 2)),
    ],
    ids=str,
)
def test_usage_is_taken_in_any_shape(tracker: ListTracker, usage: Any, tokens: tuple[int, int]) -> None:
    """Of any provider, decoded or not."""
    with call(tracker=tracker, model="gpt-4o") as it:
        it.record_usage(usage)
    assert it.event is not None
    assert (it.event.actual_input_tokens, it.event.actual_output_tokens) == tokens


@pytest.mark.parametrize("name", ["openai.chat.sse", "anthropic.messages.sse", "ollama.chat.ndjson"])
@pytest.mark.parametrize("as_text", [False, True])
def test_the_body_of_a_stream_is_a_response(tracker: ListTracker, name: str, as_text: bool) -> None:
    """As a whole, in bytes or text, with or without its last line's end."""
    body = (FOLDER / name).read_bytes().rstrip()
    with call(tracker=tracker) as it:
        it.record_response(body.decode() if as_text else body)
    assert it.event is not None
    assert (it.event.outcome, it.event.usage_status, it.event.streaming) == ("success", "reported", True)
    assert it.event.actual_output_tokens
    assert not tracker.losses


def test_a_usage_beside_the_response_wins(tracker: ListTracker) -> None:
    """The response says who answered, the usage what it took."""
    with call(tracker=tracker) as it:
        it.record_usage({"input_tokens": 1, "output_tokens": 1})
        it.record_usage({"input_tokens": 10, "output_tokens": 20})
        it.record_response(ANTHROPIC)
    assert it.event is not None
    assert (it.event.model, it.event.actual_input_tokens) == ("claude-sonnet-4-5-20250929", 10)


def test_the_request_tells_the_task(tracker: ListTracker) -> None:
    """Its system prompt is read and not kept."""
    request = {"model": "gpt-4o", "messages": [{"role": "system", "content": "You are a code reviewer."}]}
    with call(tracker=tracker, request=request) as it:
        pass
    assert it.event is not None
    assert (it.event.task_type, it.event.requested_model) == (TaskType.CODE_REVIEW, "gpt-4o")


def test_what_is_known_later_can_be_noted(tracker: ListTracker) -> None:
    """Fields of the event, at construction or inside."""
    with call(tracker=tracker, harness="pipeline", attempt=2) as it:
        it.note(quality_gate_passed=False, quality_gates_run=3, actual_cost_usd_micros=12)
    assert it.event is not None
    assert (it.event.harness, it.event.attempt, it.event.quality_gates_run) == ("pipeline", 2, 3)
    assert it.event.actual_cost_usd_nanos == 12_000


class RateLimitError(Exception):
    """As SDKs have it."""

    status_code = 429


class ApiTimeoutError(Exception):
    """As SDKs have it."""


@pytest.mark.parametrize(
    ("error", "outcome", "summary", "retryable"),
    [
        (RateLimitError("you sent: secret"), Outcome.FAILURE, "RateLimitError (HTTP 429)", True),
        (ApiTimeoutError("secret"), Outcome.TIMEOUT, "ApiTimeoutError", True),
        (TimeoutError(), Outcome.TIMEOUT, "TimeoutError", True),
        (ValueError("secret"), Outcome.FAILURE, "ValueError", None),
        (KeyboardInterrupt(), Outcome.CANCELLED, "KeyboardInterrupt", None),
        (asyncio.CancelledError(), Outcome.CANCELLED, "CancelledError", None),
    ],
    ids=repr,
)
def test_a_failed_call_is_told_and_its_exception_goes_on(
    tracker: ListTracker, error: BaseException, outcome: Outcome, summary: str, retryable: bool | None
) -> None:
    """The very same exception, with nothing added; of it the class and the status are kept, not its text."""
    with pytest.raises(type(error)) as raised, call(tracker=tracker, model="gpt-4o"):
        raise error
    assert raised.value is error
    assert error.__context__ is error.__cause__ is None
    _, failed, whole = moments(tracker)
    assert isinstance(failed, CallFailedEvent)
    assert (whole.outcome, whole.error_type) == (outcome, type(error).__name__)
    assert (failed.payload.error_summary, failed.payload.retryable) == (summary, retryable)
    assert b"secret" not in b"".join(map(encode_event, tracker.tracked))


def test_error_texts_are_kept_on_request_cut_and_without_keys(tracker: ListTracker) -> None:
    """500 characters of the message, 5,000 of the traceback, and nothing in them that looks like a key."""
    error = RuntimeError(
        "key sk-proj-abcdefgh12345678, Bearer abcdef.ghijkl, https://me:pass@host " + "x" * 9000
    )
    with pytest.raises(RuntimeError), call(tracker=tracker, keep_error_text=True):
        raise error
    payload = moments(tracker)[1].payload
    assert payload.error_summary.startswith("RuntimeError: key [redacted]")
    assert (len(payload.error_summary), len(payload.error_details)) == (500, 5000)
    for secret in ("abcdefgh", "ghijkl", "me:pass"):
        assert secret not in payload.error_summary + payload.error_details


def test_an_answer_that_is_an_error_is_a_failed_call(tracker: ListTracker) -> None:
    """Clients that return errors instead of raising them."""
    with call(tracker=tracker, provider="openai") as it:
        it.record_response({"error": {"type": "insufficient_quota", "code": 429, "message": "pay up"}})
    _, failed, whole = moments(tracker)
    assert isinstance(failed, CallFailedEvent)
    assert (failed.payload.error_class, failed.payload.retryable) == ("insufficient_quota", True)
    assert whole.outcome == Outcome.FAILURE


def test_a_wrong_field_is_named_at_construction(tracker: ListTracker) -> None:
    """A typing mistake is found the first time; inside the block it costs nobody the call."""
    with pytest.raises(ConfigurationError, match="agnet"):
        call(agnet="x")
    with pytest.raises(ConfigurationError, match="tags"):
        call(tags=["a"])
    with call(tracker=tracker) as it:
        it.note(quality="good")
    assert tracker.losses == {"capture_error": 1}
    assert it.event is not None


def test_nothing_that_is_recorded_can_raise(tracker: ListTracker) -> None:
    """Objects that raise when they are looked at, texts that are no JSON, values that no field holds."""

    class Hostile:
        def __getattr__(self, name: str) -> Any:
            raise RuntimeError(name)

        def __str__(self) -> str:
            raise RuntimeError

    with call(tracker=tracker, prompt=Hostile(), model=5, temperature="hot") as it:  # type: ignore[arg-type]  # wrong on purpose
        it.record_response(Hostile())
        it.record_response("no json")
        it.record_usage([Hostile()])
        it.record_output(Hostile())
        it.note(tool_call_count=Hostile())
    assert [type(event) for event in tracker.tracked][-1] is TaskCompletionEvent


def test_a_broken_tracker_reaches_nobody() -> None:
    """Neither at the begin nor at the end, and the scope is there all the same."""
    with call(tracker=BrokenTracker(), agent="a") as it:
        assert current_scope().agent == "a"
        it.record_usage({"prompt_tokens": 1})
    assert current_scope() is NOBODY
    assert it.event is None


def test_without_a_tracker_nothing_is_recorded(caplog: pytest.LogCaptureFixture) -> None:
    """The call goes on, its scope is there, and a warning says so once."""
    gc.collect()
    for _ in range(2):
        with taximeter.call(model="gpt-4o", agent="a") as it:
            it.record_usage({"prompt_tokens": 1})
            assert current_scope().call_id == it.call_id
    assert it.event is None
    assert [record.getMessage() for record in caplog.records] in (
        ["taximeter: nothing is recorded, because no tracker is open; keep what taximeter.start() returns"],
        [],  # said in an earlier test of this process
    )


def test_the_newest_tracker_takes_the_call() -> None:
    """And `tracker.call` names one."""
    with taximeter.start("memory:") as older, taximeter.start("memory:") as newer:
        with taximeter.call():
            pass
        with older.call(model="m"):
            pass
        assert (older.flush().tracked, newer.flush().tracked) == (3, 3)


def answering(request: httpx2.Request) -> httpx2.Response:
    """Play OpenAI, which has too much to do now and then."""
    if request.headers.get("x-stainless-retry-count") == "0":
        return httpx2.Response(429, json={"error": {"type": "rate_limit_exceeded"}})
    answer = {
        "object": "chat.completion",
        "model": "gpt-4o-2024-08-06",
        "usage": {"prompt_tokens": 4, "completion_tokens": 1},
        "choices": [{"finish_reason": "stop"}],
    }
    return httpx2.Response(200, content=iter([json.dumps(answer).encode()]))


@pytest.fixture
def client(tracker: ListTracker) -> Iterator[httpx2.Client]:
    with meter(httpx2.Client(transport=httpx2.MockTransport(answering)), tracker) as client:
        yield client


URL = "https://api.openai.com/v1/chat/completions"


def test_a_metered_call_inside_is_the_same_event(tracker: ListTracker, client: httpx2.Client) -> None:
    """What the wire said, as this call's span, with what the block states; recorded usage adds nothing."""
    with call(tracker=tracker, quality_gates_run=1, agent="a") as it:
        it.record_usage(client.post(URL, json={"model": "gpt-4o"}).json())
    _, finished, whole = moments(tracker)
    assert (whole.actual_input_tokens, whole.model, whole.quality_gates_run) == (4, "gpt-4o-2024-08-06", 1)
    assert (whole.span_id, whole.call_id, whole.agent) == (it.scope.span_id, it.call_id, "a")
    assert finished.payload.api_cost_usd_nanos == whole.actual_cost_usd_nanos == 20_000


def test_attempts_inside_share_the_call_and_are_told_apart(
    tracker: ListTracker, client: httpx2.Client
) -> None:
    """A retry of the SDK's is an event of its own; the last one is the call's."""
    with call(tracker=tracker) as it:
        for count in ("0", "1"):
            client.post(URL, json={"model": "gpt-4o"}, headers={"x-stainless-retry-count": count})
    first, last = wholes(tracker)
    assert (first.attempt, first.error_status, first.parent_span_id) == (1, 429, it.scope.span_id)
    assert (last.attempt, last.outcome, last.span_id) == (2, Outcome.SUCCESS, it.scope.span_id)
    assert first.call_id == last.call_id == it.call_id


def test_what_fails_after_a_good_answer_has_its_cost(tracker: ListTracker, client: httpx2.Client) -> None:
    """The tokens were used, and the block failed."""
    it = call(tracker=tracker)
    with pytest.raises(ValueError, match="invalid literal"), it:
        int(client.post(URL, json={"model": "gpt-4o"}).text)
    assert it.event is not None
    assert (it.event.outcome, it.event.error_type, it.event.actual_input_tokens) == (
        Outcome.FAILURE,
        "ValueError",
        4,
    )


def test_a_stream_that_is_read_later_is_the_wires_event(tracker: ListTracker, client: httpx2.Client) -> None:
    """The block makes no second one of a metered call that outlives it."""
    with call(tracker=tracker) as it:
        response = client.send(client.build_request("POST", URL, json={"model": "gpt-4o"}), stream=True)
    assert it.event is None
    response.read()
    started, finished, whole = moments(tracker)
    assert isinstance(finished, CallFinishedEvent)
    assert (whole.parent_span_id, whole.actual_input_tokens) == (started.span_id, 4)


def test_calls_inside_calls_are_one_event(tracker: ListTracker) -> None:
    """A wrapper of ours in a wrapper of the application's."""
    with call(tracker=tracker, agent="outer") as outer, call(tracker=tracker) as inner:
        inner.record_response(ANTHROPIC)
    (whole,) = wholes(tracker)
    assert (whole.span_id, whole.actual_cost_usd_micros) == (outer.scope.span_id, 11_250)


@pytest.mark.anyio
async def test_concurrent_calls_do_not_mix(tracker: ListTracker) -> None:
    """Each task's call has its own span and tokens, under the one scope."""

    async def ask(n: int) -> None:
        async with call(tracker=tracker, agent=f"a{n}") as it:
            await anyio.lowlevel.checkpoint()
            it.record_usage({"prompt_tokens": n})

    with scope() as around:
        async with anyio.create_task_group() as group:
            for n in range(20):
                group.start_soon(ask, n)
    events = wholes(tracker)
    assert sorted((event.agent, event.actual_input_tokens) for event in events) == sorted(
        (f"a{n}", n) for n in range(20)
    )
    assert len({event.span_id for event in events}) == 20
    assert {event.parent_span_id for event in events} == {around.span_id}


@pytest.mark.anyio
async def test_a_cancelled_call_is_cancelled(tracker: ListTracker) -> None:
    """By a cancel scope of either library."""
    with anyio.move_on_after(0):
        async with call(tracker=tracker):
            await anyio.sleep_forever()
    _, failed, whole = moments(tracker)
    assert whole.outcome == Outcome.CANCELLED
    assert "Cancelled" in failed.payload.error_class


# What was wrong in the system whose place this takes, each by its name.


def test_fault_unknown_model_is_not_free(tracker: ListTracker) -> None:
    """An unknown model was priced $0.00; here its price is unknown."""
    with call(tracker=tracker, model="no-such-model-9") as it:
        it.record_usage({"prompt_tokens": 1000, "completion_tokens": 1000})
    assert it.event is not None
    assert it.event.actual_cost_usd_micros is None
    assert it.event.cost_status == CostStatus.UNKNOWN
    assert moments(tracker)[1].payload.api_cost_usd_nanos is None


def test_fault_cache_tokens_are_priced(tracker: ListTracker) -> None:
    """Cache reads and writes were left out of the cost."""
    costs = []
    for counter in ("cache_read_input_tokens", "cache_creation_input_tokens"):
        with call(tracker=tracker, provider="anthropic", model="claude-sonnet-4-5") as it:
            it.record_usage({"input_tokens": 0, "output_tokens": 0, counter: 100_000})
        assert it.event is not None
        costs.append(it.event.actual_cost_usd_micros)
    assert costs == [30_000, 375_000]  # $0.30 and $3.75 per million


def test_fault_call_without_usage_has_not_failed(tracker: ListTracker) -> None:
    """A call that ended without `record_usage` was logged as failed; here it is finished, its usage missing."""
    with call(tracker=tracker, model="gpt-4o"):
        pass
    _, finished, whole = moments(tracker)
    assert isinstance(finished, CallFinishedEvent)
    assert finished.payload.token_usage is None
    assert (whole.outcome, whole.usage_status) == (Outcome.SUCCESS, UsageStatus.MISSING)


def test_fault_durations_do_not_follow_the_wall_clock(tracker: ListTracker) -> None:
    """The wall clock was used for durations; here an hour that it is put back is not in them."""
    with call(tracker=tracker) as it:
        began = it._started_at_us
        it._started_at_us += 3_600_000_000
    assert it.event is not None
    assert it.event.task_duration_ms is not None
    assert 0 < it.event.task_duration_ms < 60_000
    assert it.event.started_at_us == began + 3_600_000_000
