"""Metered: a model of any library, wrapped; one call, one event, one line."""

import copy
import gc
import inspect
import json
import logging
import pickle
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import anyio
import anyio.lowlevel
import httpx2
import pytest

import taximeter
from list_tracker import BrokenTracker, ListTracker
from model_stack import Adapter, Answer, BusyError, Counts, Fallback, Layer, RateLimit, Retry
from taximeter import ConfigurationError, Metered, Override, Usage
from taximeter.capture import meter
from taximeter.capture.call import leave_open_calls
from taximeter.event import TaskCompletionEvent
from taximeter.observation import Observation
from taximeter.vocabulary import CostSource, CostStatus, Operation, Outcome, TaskType, UsageStatus

SONNET, MINI = "claude-sonnet-4-5", "gpt-4o-mini"
ASK = [{"role": "user", "content": "Hello"}]


def answer(taken: int = 1000, given: int = 100, **fields: Any) -> Answer:
    return Answer("Hi", Counts(taken, given), **fields)


def stack(*adapters: Any) -> Any:
    """Wrap adapters as applications do."""
    return Retry(Fallback([RateLimit(adapter) for adapter in adapters]))


@pytest.fixture
def tracker() -> ListTracker:
    """A tracker to look into."""
    return ListTracker()


@pytest.fixture
def lines() -> Iterator[list[str]]:
    """The lines of the log as they come."""
    found: list[str] = []
    handler, log = logging.Handler(), logging.getLogger("taximeter.calls")
    handler.emit = lambda record: found.append(record.getMessage())  # type: ignore[method-assign]  # all it does
    log.addHandler(handler)
    level = log.level
    log.setLevel(logging.DEBUG)
    yield found
    log.removeHandler(handler)
    log.setLevel(level)


@pytest.mark.anyio
async def test_a_call_is_one_event(tracker: ListTracker) -> None:
    """Tokens, cost, labels and time of a call; the caller gets the very object that the model returned."""
    response = answer(model=f"{SONNET}-20250929", provider="anthropic")
    adapter = Adapter("anthropic", SONNET, response)
    with taximeter.scope(agent="reviewer"):
        got = await Metered(stack(adapter), tracker).invoke(ASK, ["tool"], temperature=0)
    assert got is response
    assert adapter.calls == [(ASK, ["tool"], {"temperature": 0})]
    event = tracker.event
    assert (event.provider, event.model, event.requested_model) == ("anthropic", response.model, SONNET)
    assert (event.actual_input_tokens, event.actual_output_tokens) == (1000, 100)
    assert (event.actual_cost_usd_micros, event.cost_status) == (4500, CostStatus.PRICED)
    assert (event.outcome, event.finish_reasons, event.agent) == (Outcome.SUCCESS, ("end_turn",), "reviewer")
    assert event.operation == Operation.CHAT
    assert event.task_duration_ms is not None


@pytest.mark.anyio
async def test_one_line_per_call(tracker: ListTracker, lines: list[str]) -> None:
    """In the format of the log sink, cache fields only when they are known."""
    plain, cached = answer(), Answer("Hi", Counts(200, 30, cache_read_tokens=1000, cache_write_tokens=50))
    model = Metered(Adapter("anthropic", SONNET, plain, cached), tracker)
    await model.invoke(ASK)
    await model.invoke(ASK)
    first, second = lines
    assert first.startswith(f"LLM call | provider=anthropic model={SONNET} duration_ms=")
    assert first.endswith(
        " input_tokens=1000 output_tokens=100 total_tokens=1100 cost_usd=0.004500000 stop_reason=end_turn"
    )
    assert " total_tokens=1280 cache_read_tokens=1000 cache_write_tokens=50 cost_usd=0.001537500 " in second


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("level", "number"), [("debug", logging.DEBUG), ("WARNING", logging.WARNING), (None, None)]
)
async def test_the_level_is_configurable(
    caplog: pytest.LogCaptureFixture, level: str | None, number: int | None
) -> None:
    """INFO unless told otherwise; None writes no line."""
    with caplog.at_level(logging.DEBUG, "calls.mine"):
        await Metered(Adapter("a", "m", answer()), level=level, logger_name="calls.mine").invoke(ASK)
    assert [record.levelno for record in caplog.records] == ([] if number is None else [number])


@pytest.mark.anyio
async def test_without_a_tracker_there_is_the_log(lines: list[str]) -> None:
    """A wrapped model alone writes its lines."""
    await Metered(Adapter("anthropic", SONNET, answer())).invoke(ASK)
    assert len(lines) == 1


@pytest.mark.anyio
async def test_retries_are_inside_the_call(tracker: ListTracker) -> None:
    """Two busy attempts and an answer are one event that took as long as all three."""
    adapter = Adapter("anthropic", SONNET, BusyError(), BusyError(), answer())
    await Metered(stack(adapter), tracker).invoke(ASK)
    assert len(adapter.calls) == 3
    assert tracker.event.outcome == Outcome.SUCCESS


# What the system that this replaces was known to get wrong


def two_providers(*fallback: Any, primary: Any = None) -> tuple[Adapter, Adapter]:
    return Adapter("anthropic", SONNET, primary or BusyError()), Adapter("openai", MINI, *fallback)


@pytest.mark.anyio
@pytest.mark.parametrize(
    "says",
    [{"model": f"{MINI}-2024-07-18"}, {"model": MINI, "provider": "openai"}, {"provider": "openai"}],
)
async def test_regression_d_fallback_is_labelled_and_priced_as_who_answered(
    tracker: ListTracker, says: dict[str, Any]
) -> None:
    """The response's own word on provider or model decides, and a price of the primary's is not applied."""
    own = {"input_usd_per_mtok": 999, "output_usd_per_mtok": 999}
    await Metered(stack(*two_providers(answer(**says))), tracker, prices=own).invoke(ASK)
    event = tracker.event
    assert (event.provider, event.model) == ("openai", says.get("model", MINI))
    assert (event.actual_cost_usd_micros, event.cost_source) == (210, CostSource.TABLE)


@pytest.mark.anyio
async def test_regression_d_fallback_that_says_nothing_is_not_guessed(tracker: ListTracker) -> None:
    """Where two providers may have answered and nothing tells which, both name and cost are unknown."""
    await Metered(stack(*two_providers(answer())), tracker).invoke(ASK)
    event = tracker.event
    assert (event.provider, event.model) == ("unknown", None)
    assert (event.actual_input_tokens, event.actual_cost_usd_micros) == (1000, None)


@pytest.mark.anyio
async def test_regression_d_metered_adapters_tell_who_answered(
    tracker: ListTracker, lines: list[str]
) -> None:
    """Wrapped inside as well as outside, the call is one event and one line, labelled by the adapter that answered."""
    inner = (Metered(adapter, tracker) for adapter in two_providers(answer()))
    await Metered(stack(*inner), tracker).invoke(ASK)
    event = tracker.event
    assert (event.provider, event.model, event.actual_cost_usd_micros) == ("openai", MINI, 210)
    assert (event.retry_count, event.attempt, event.outcome) == (1, 2, Outcome.SUCCESS)
    assert len(lines) == 1


@pytest.mark.anyio
async def test_regression_d_failed_call_is_recorded(tracker: ListTracker, lines: list[str]) -> None:
    """An exception goes on as it is, and leaves an event and a line."""
    error = BusyError("please wait, customer 17")
    with pytest.raises(BusyError) as caught:
        await Metered(stack(Adapter("anthropic", SONNET, error)), tracker).invoke(ASK)
    assert caught.value is error
    event = tracker.event
    assert (event.outcome, event.error_type, event.error_status) == (Outcome.FAILURE, "BusyError", 529)
    assert (event.provider, event.model, event.requested_model) == ("anthropic", SONNET, SONNET)
    assert event.actual_cost_usd_micros is None
    assert lines[0].endswith("cost_usd=unknown stop_reason=BusyError")
    assert "customer" not in lines[0] + taximeter.encode_event(event).decode()


@pytest.mark.anyio
async def test_regression_d_cached_tokens_of_openai_are_read(tracker: ListTracker) -> None:
    """A response in OpenAI's own format has its cached tokens read and priced as such."""
    response = {
        "object": "chat.completion",
        "model": MINI,
        "choices": [],
        "usage": {
            "prompt_tokens": 1000,
            "completion_tokens": 100,
            "prompt_tokens_details": {"cached_tokens": 800},
        },
    }
    await Metered(Adapter("openai", MINI, response), tracker).invoke(ASK)
    event = tracker.event
    assert (event.actual_input_tokens, event.cache_read_tokens, event.uncached_input_tokens) == (
        1000,
        800,
        200,
    )
    assert event.actual_cost_usd_nanos == 200 * 150 + 800 * 75 + 100 * 600


@pytest.mark.anyio
async def test_regression_d_unknown_model_has_no_price(tracker: ListTracker, lines: list[str]) -> None:
    """It is unknown and said to be, never $0."""
    await Metered(Adapter("acme", "acme-7b", answer()), tracker).invoke(ASK)
    assert (tracker.event.actual_cost_usd_micros, tracker.event.cost_status) == (None, CostStatus.UNKNOWN)
    assert " cost_usd=unknown " in lines[0]


@pytest.mark.anyio
async def test_regression_d_money_is_whole_numbers(tracker: ListTracker) -> None:
    """Prices that no float can hold add up exactly."""
    prices = {"input_usd_per_mtok": "0.1", "output_usd_per_mtok": "0.2"}
    model = Metered(Adapter("acme", "acme-7b", answer(1, 1)), tracker, prices=prices)
    for _ in range(10):
        await model.invoke(ASK)
    costs = [event.actual_cost_usd_nanos for event in tracker.tracked]
    assert costs == [300] * 10


@pytest.mark.anyio
async def test_regression_d_prices_of_one_model_do_not_reach_another(
    tracker: ListTracker, tmp_path: Path
) -> None:
    """Models wrapped one after another with the same settings keep to their own prices."""
    file = tmp_path / "acme.toml"
    file.write_text("[models.one.prices]\ninput_usd_per_mtok = 1\noutput_usd_per_mtok = 1\n")
    settings: dict[str, Any] = {"level": "INFO"}
    costs = []
    for name in ("one", "two", "one"):
        adapter = Adapter("acme", name, answer(1_000_000, 0))
        model = Metered.configured(adapter, settings, tracker, prices=file)
        await model.invoke(ASK)
        costs.append(tracker.tracked[-1].actual_cost_usd_micros)
    assert costs == [1_000_000, None, 1_000_000]
    assert settings == {"level": "INFO"}


@pytest.mark.anyio
async def test_regression_d_streams_are_metered(tracker: ListTracker, lines: list[str]) -> None:
    """The items go on as they come; the event has the tokens of the last ones and the time to the first."""
    items = ["Hi", " there", answer(model=SONNET)]
    model = Metered(Adapter("anthropic", SONNET, *items), tracker, methods=("invoke", "stream"))
    got = [item async for item in model.stream(ASK)]
    assert got == items
    event = tracker.event
    assert (event.actual_cost_usd_micros, event.outcome, event.streaming) == (4500, Outcome.SUCCESS, True)
    assert event.time_to_first_token_ms is not None
    assert event.task_duration_ms is not None
    assert event.time_to_first_token_ms <= event.task_duration_ms
    assert len(lines) == 1


# Streams


@pytest.mark.anyio
async def test_a_stream_left_early_is_cancelled(tracker: ListTracker) -> None:
    """Closed, or broken off and thrown away, it is one event."""
    model = Metered(Adapter("anthropic", SONNET, "Hi", "there"), tracker, methods="stream")
    stream = model.stream(ASK)
    assert await anext(stream) == "Hi"
    await stream.aclose()
    del stream
    gc.collect()
    assert (tracker.event.outcome, tracker.event.usage_status) == (Outcome.CANCELLED, UsageStatus.ESTIMATED)


@pytest.mark.anyio
async def test_a_stream_open_at_the_end_of_the_program_is_cancelled(tracker: ListTracker) -> None:
    """It ends before the tracker does."""
    stream = Metered(Adapter("anthropic", SONNET, "Hi", "there"), tracker, methods="stream").stream(ASK)
    assert await anext(stream) == "Hi"
    leave_open_calls()
    assert tracker.event.outcome == Outcome.CANCELLED
    await stream.aclose()
    assert len(tracker.tracked) == 1


@pytest.mark.anyio
async def test_a_stream_that_fails_is_a_failure(tracker: ListTracker) -> None:
    """The exception is the stream's own; what it had counted before is kept."""
    model = Metered(Adapter("anthropic", SONNET, answer(), BusyError()), tracker, methods="stream")
    with pytest.raises(BusyError):
        [item async for item in model.stream(ASK)]
    event = tracker.event
    assert (event.outcome, event.error_type, event.actual_input_tokens) == (
        Outcome.FAILURE,
        "BusyError",
        1000,
    )


def test_plain_streams_are_metered(tracker: ListTracker) -> None:
    """A generator is followed as an async one is, and keeps its own attributes."""

    class Plain:
        name, model_name = "openai", MINI

        def stream(self, prompt: str) -> Iterator[Any]:
            yield prompt
            choice = {"index": 0, "delta": {}, "finish_reason": "stop"}
            yield {"choices": [choice], "usage": {"prompt_tokens": 7, "completion_tokens": 2}}

    stream = Metered(Plain(), tracker, methods="stream").stream("Hi")
    assert next(stream) == "Hi"
    assert stream.gi_frame is not None
    assert len(list(stream)) == 1
    assert (tracker.event.actual_input_tokens, tracker.event.outcome) == (7, Outcome.SUCCESS)


@pytest.mark.anyio
async def test_a_stream_of_a_providers_chunks_is_read(tracker: ListTracker) -> None:
    """Chunks as SDKs hand them out tell the tokens together, even if nobody reads on after the last one."""
    chunks = [
        {
            "type": "message_start",
            "message": {"model": SONNET, "usage": {"input_tokens": 9, "output_tokens": 1}},
        },
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Hi"}},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 3}},
        {"type": "message_stop"},
    ]
    stream = Metered(Adapter("anthropic", SONNET, *chunks), tracker, methods="stream").stream(ASK)
    assert [await anext(stream) for _ in chunks] == chunks
    await stream.aclose()
    event = tracker.event
    assert (event.actual_input_tokens, event.actual_output_tokens, event.model) == (9, 3, SONNET)
    assert (event.outcome, event.finish_reasons) == (Outcome.SUCCESS, ("end_turn",))


@pytest.mark.anyio
async def test_a_stream_of_texts_is_estimated(tracker: ListTracker) -> None:
    """Where nobody counts, four bytes are a token, and the event says that this is an estimate."""
    model = Metered(Adapter("anthropic", SONNET, "four", "word", "text"), tracker, methods="stream")
    assert len([item async for item in model.stream(ASK)]) == 3
    event = tracker.event
    assert (event.actual_output_tokens, event.usage_status) == (3, UsageStatus.ESTIMATED)
    assert (event.outcome, event.provider, event.model) == (Outcome.SUCCESS, "anthropic", SONNET)


@pytest.mark.anyio
async def test_a_stream_is_read_in_ones_own_way(tracker: ListTracker) -> None:
    """`read` is given the last item."""

    def read(item: Any) -> Usage:
        return Usage(text_output_tokens=len(item))

    model = Metered(Adapter("anthropic", SONNET, "a", "abc"), tracker, methods="stream", read=read)
    assert [item async for item in model.stream(ASK)] == ["a", "abc"]
    assert (tracker.event.actual_output_tokens, tracker.event.usage_status) == (3, UsageStatus.REPORTED)


# Whom it is around


def test_plain_methods_are_metered(tracker: ListTracker) -> None:
    """A method that is no coroutine function stays none."""

    class Plain:
        name, model_name = "openai", MINI

        def complete(self, prompt: str) -> dict[str, Any]:
            return {"usage": {"prompt_tokens": 7, "completion_tokens": 2}, "choices": []}

    model = Metered(Plain(), tracker, methods=["complete"])
    assert model.complete("Hi")["choices"] == []
    assert tracker.event.actual_input_tokens == 7


@pytest.mark.anyio
async def test_an_awaitable_is_followed(tracker: ListTracker) -> None:
    """A plain method that returns a coroutine is over when that is."""

    class Lazy(Layer):
        def invoke(self, *args: Any, **kwargs: Any) -> Any:
            return self._inner.invoke(*args, **kwargs)

    await Metered(Lazy(Adapter("anthropic", SONNET, answer())), tracker).invoke(ASK)
    assert tracker.event.actual_input_tokens == 1000


def test_everything_else_is_the_wrapped_objects(tracker: ListTracker) -> None:
    """Attributes are read, set and deleted inside; kind, name and signature of the method stay."""
    adapter = Adapter("anthropic", SONNET, answer())
    model = Metered(adapter, tracker)
    assert (model.name, model.model_name) == ("anthropic", SONNET)
    model.temperature = 0.5
    assert adapter.temperature == 0.5  # type: ignore[attr-defined]  # set from outside
    del model.temperature
    assert not hasattr(adapter, "temperature")
    assert "calls" in dir(model)
    assert inspect.iscoroutinefunction(model.invoke)
    assert inspect.signature(model.invoke) == inspect.signature(adapter.invoke)
    assert copy.copy(model).name == "anthropic"
    assert "Adapter" in repr(model)
    with pytest.raises(AttributeError, match="nothing"):
        _ = model.nothing


@pytest.mark.anyio
async def test_cancellation_is_recorded_and_goes_on(tracker: ListTracker) -> None:
    """A call whose task is cancelled is one event of that outcome."""

    class Slow(Adapter):
        async def invoke(self, *args: Any, **kwargs: Any) -> None:
            await anyio.sleep_forever()

    with anyio.move_on_after(0) as scope:
        await Metered(Slow("anthropic", SONNET), tracker).invoke(ASK)
    assert scope.cancelled_caught
    assert tracker.event.outcome == Outcome.CANCELLED


@pytest.mark.anyio
async def test_a_timeout_is_called_one(tracker: ListTracker) -> None:
    """Whatever class the library has for it."""

    class ReadTimeoutError(Exception):
        pass

    for error in (TimeoutError(), ReadTimeoutError()):
        with pytest.raises(type(error)):
            await Metered(Adapter("anthropic", SONNET, error), tracker).invoke(ASK)
    assert [event.outcome for event in tracker.tracked] == [Outcome.TIMEOUT] * 2


@pytest.mark.anyio
async def test_the_task_type_is_inferred(tracker: ListTracker) -> None:
    """From the system prompt, a dict or an object, which is not kept."""

    class System:
        role, content = "system", "You are a code reviewer."

        def __init__(self) -> None:
            self.__dict__.update(role=self.role, content=self.content)

    model = Metered(Adapter("anthropic", SONNET, answer()), tracker)
    for system in ({"role": "system", "content": "You are a code reviewer."}, System()):
        await model.invoke([system, *ASK])
    assert [event.task_type for event in tracker.tracked] == [TaskType.CODE_REVIEW] * 2


@pytest.mark.anyio
async def test_a_response_can_be_read_in_ones_own_way(tracker: ListTracker) -> None:
    """`read` returns a usage, a payload or something like a response; where it fails, only the usage is missing."""
    ways: list[Any] = [
        lambda response: Usage(uncached_input_tokens=response["in"]),
        lambda response: {"usage": {"input_tokens": response["in"], "output_tokens": 0}},
        lambda response: answer(response["in"], 0),
        lambda response: response["nothing"],
    ]
    for read in ways:
        await Metered(Adapter("anthropic", SONNET, {"in": 1000}), tracker, read=read).invoke(ASK)
    assert [event.actual_input_tokens for event in tracker.tracked] == [1000, 1000, 1000, None]
    assert tracker.tracked[-1].usage_status == UsageStatus.MISSING


@pytest.mark.anyio
@pytest.mark.parametrize("response", [None, 7, "text", object(), [], {"usage": object()}, Answer("no usage")])
async def test_a_strange_response_costs_nothing_but_the_usage(tracker: ListTracker, response: Any) -> None:
    """Whatever comes back goes on, and is an event without counters."""
    assert await Metered(Adapter("anthropic", SONNET, response), tracker).invoke(ASK) is response
    event = tracker.event
    assert (event.usage_status, event.actual_input_tokens) == (UsageStatus.MISSING, None)
    assert (event.provider, event.model) == ("anthropic", SONNET)


@pytest.mark.anyio
async def test_a_response_inside_the_response_is_read(tracker: ListTracker) -> None:
    """A library that only keeps the provider's answer has it read."""
    raw = {"model": MINI, "object": "chat.completion", "usage": {"prompt_tokens": 7, "completion_tokens": 2}}
    await Metered(Adapter("openai", MINI, {"text": "Hi", "raw": raw}), tracker).invoke(ASK)
    assert (tracker.event.model, tracker.event.actual_input_tokens) == (MINI, 7)


@pytest.mark.anyio
async def test_nothing_of_ours_reaches_the_application() -> None:
    """A tracker that raises whatever it is asked leaves the call alone."""
    response = answer()
    assert await Metered(Adapter("anthropic", SONNET, response), BrokenTracker()).invoke(ASK) is response


# Over a metered client


def wire_adapter(tracker: ListTracker, *answers: tuple[int, dict[str, Any]]) -> Any:
    """Return an adapter that calls OpenAI over a metered HTTP client whose network is a function."""
    left = list(answers)

    def serve(_: httpx2.Request) -> httpx2.Response:
        status, body = left.pop(0)
        return httpx2.Response(
            status, content=iter([json.dumps(body).encode()]), headers={"content-type": "application/json"}
        )

    client = meter(httpx2.Client(transport=httpx2.MockTransport(serve)), tracker)

    class WireAdapter:
        name, model_name = "anthropic", SONNET  # wrong, to see that the wire is believed

        def invoke(self, messages: Any, tools: Any = None) -> Any:
            url = "https://api.openai.com/v1/chat/completions"
            response = client.post(url, json={"model": MINI, "messages": messages})
            if response.status_code >= 500:
                response = client.post(url, json={"model": MINI, "messages": messages})
            return response.json()["choices"]

    return WireAdapter()


COMPLETION = {
    "id": "c-1",
    "object": "chat.completion",
    "model": MINI,
    "choices": [],
    "usage": {"prompt_tokens": 1000, "completion_tokens": 100},
}


def test_over_a_metered_client_it_is_one_event(tracker: ListTracker, lines: list[str]) -> None:
    """What the wire says of tokens and names holds, the time is the wrapper's, and a busy attempt is a retry."""
    model = Metered(wire_adapter(tracker, (503, {}), (200, COMPLETION)), tracker)
    with taximeter.scope(agent="a"):
        assert model.invoke(ASK) == []
    event = tracker.event
    assert (event.provider, event.model, event.provider_response_id) == ("openai", MINI, "c-1")
    assert (event.actual_cost_usd_micros, event.retry_count, event.attempt) == (210, 1, 2)
    assert (event.agent, event.outcome, len(lines)) == ("a", Outcome.SUCCESS, 1)


def test_own_prices_hold_over_a_metered_client(tracker: ListTracker) -> None:
    """They price what the wire has seen, if they are for who answered."""
    price = Override(provider="openai", model=MINI, usd_per_mtok={"input": "1", "output": "1"})
    Metered(wire_adapter(tracker, (200, COMPLETION)), tracker, prices=price).invoke(ASK)
    assert (tracker.event.actual_cost_usd_micros, tracker.event.cost_source) == (1100, CostSource.OVERRIDE)


def test_every_call_that_cost_something_is_recorded(tracker: ListTracker) -> None:
    """A method that asks twice is two calls: none of their tokens is lost."""
    adapter = wire_adapter(tracker, (200, COMPLETION), (200, COMPLETION))

    class Twice:
        def invoke(self, messages: Any) -> Any:
            adapter.invoke(messages)
            return adapter.invoke(messages)

    Metered(Twice(), tracker).invoke(ASK)
    assert [event.actual_input_tokens for event in tracker.tracked] == [1000, 1000]


def test_a_failure_is_not_put_down_to_an_earlier_success(tracker: ListTracker) -> None:
    """Of two requests inside, the first answered and the second refused, both are recorded as they were."""
    adapter = wire_adapter(tracker, (200, COMPLETION), (429, {"error": {"code": "rate_limit_exceeded"}}))

    class Twice:
        def invoke(self, messages: Any) -> Any:
            adapter.invoke(messages)
            return adapter.invoke(messages)

    with pytest.raises(KeyError):
        Metered(Twice(), tracker).invoke(ASK)
    outcomes = {(event.outcome, event.actual_input_tokens) for event in tracker.tracked}
    assert outcomes == {(Outcome.SUCCESS, 1000), (Outcome.FAILURE, None)}


def test_an_error_after_the_answer_keeps_its_tokens(tracker: ListTracker) -> None:
    """What was paid for an answer that the adapter could not read is in the event of the failure."""
    broken = {**COMPLETION}
    del broken["choices"]
    with pytest.raises(KeyError):
        Metered(wire_adapter(tracker, (200, broken)), tracker).invoke(ASK)
    event = tracker.event
    assert (event.outcome, event.error_type, event.actual_input_tokens) == (Outcome.FAILURE, "KeyError", 1000)


@pytest.mark.anyio
async def test_calls_at_once_are_kept_apart(tracker: ListTracker) -> None:
    """Each of many tasks has its own tokens, scope and retry, over one metered client."""

    async def serve(request: httpx2.Request) -> httpx2.Response:
        await anyio.lowlevel.checkpoint()
        asked = json.loads(request.content)
        if asked["seed"] % 2 and "x-retry" not in request.headers:
            return httpx2.Response(503, content=_chunks(b"{}"), headers={"content-type": "application/json"})
        body = {**COMPLETION, "usage": {"prompt_tokens": asked["seed"], "completion_tokens": 1}}
        return httpx2.Response(
            200, content=_chunks(json.dumps(body).encode()), headers={"content-type": "application/json"}
        )

    client = meter(httpx2.AsyncClient(transport=httpx2.MockTransport(serve)), tracker)

    class WireAdapter:
        async def invoke(self, seed: int) -> None:
            url, asked = "https://api.openai.com/v1/chat/completions", {"model": MINI, "seed": seed}
            response = await client.post(url, json=asked)
            if response.status_code == 503:
                await client.post(url, json=asked, headers={"x-retry": "1"})

    model = Metered(WireAdapter(), tracker)

    async def ask(seed: int) -> None:
        with taximeter.scope(agent=str(seed)):
            await model.invoke(seed)

    async with client, anyio.create_task_group() as tasks:
        for seed in range(40):
            tasks.start_soon(ask, seed)
    found = {(event.agent, event.actual_input_tokens, event.retry_count) for event in tracker.tracked}
    assert found == {(str(seed), seed, seed % 2) for seed in range(40)}
    assert len(tracker.tracked) == 40


async def _chunks(body: bytes) -> AsyncIterator[bytes]:
    yield body


@pytest.mark.anyio
async def test_a_call_around_it_is_the_same_call(tracker: ListTracker) -> None:
    """`taximeter.call` around a metered model is one event, of a stream that is read later too."""
    model = Metered(Adapter("anthropic", SONNET, answer()), tracker, methods=("invoke", "stream"))
    with taximeter.call(tracker=tracker, quality_gate_passed=True):
        await model.invoke(ASK)
    with taximeter.call(tracker=tracker):
        stream = model.stream(ASK)
    assert [item async for item in stream]
    tracked: list[object] = [*tracker.tracked]
    calls = [event for event in tracked if isinstance(event, TaskCompletionEvent)]
    assert [event.actual_input_tokens for event in calls] == [1000, 1000]
    assert calls[0].quality_gate_passed


def test_layers_count_what_they_hand_on(tracker: ListTracker) -> None:
    """Whatever happens inside, a layer around knows how many calls are still under way: none."""
    adapter = wire_adapter(tracker, (503, {}), (200, COMPLETION), (503, {}), (503, {}), (200, COMPLETION))
    model = Metered(Metered(adapter, tracker), tracker)
    with Observation(tracker) as seen:
        model.invoke(ASK)
        with pytest.raises(KeyError):
            model.invoke(ASK)
        model.invoke(ASK)
    assert (len(seen.calls), seen.begun, seen.unfinished) == (3, 3, 0)
    assert tracker.tracked == []


@pytest.mark.anyio
async def test_a_call_that_cannot_begin_has_ended(tracker: ListTracker) -> None:
    """Arguments that do not fit are the caller's error, and nothing is left under way."""
    with Observation(tracker) as seen, pytest.raises(TypeError, match="messages"):
        await Metered(Adapter("anthropic", SONNET, answer()), tracker).invoke()
    assert (seen.unfinished, seen.calls[0].event.error_type) == (0, "TypeError")


# Configuration


def test_settings_switch_it(tracker: ListTracker) -> None:
    """False, None and `enabled = false` give the object as it is; True and a table wrap it."""
    adapter = Adapter("a", "m", answer())
    for off in (False, None, {"enabled": False, "level": "DEBUG"}):
        assert Metered.configured(adapter, off, tracker) is adapter
    for on in (True, {}, {"enabled": True, "level": "DEBUG"}):
        assert isinstance(Metered.configured(adapter, on, tracker), Metered)


@pytest.mark.anyio
async def test_explicit_prices_win_key_by_key(tracker: ListTracker, tmp_path: Path) -> None:
    """A price of the settings stands over the provider's file, which fills in what they leave open."""
    file = tmp_path / "acme.toml"
    file.write_text("[prices]\ninput_usd_per_mtok = 3\noutput_usd_per_mtok = 15\n")
    adapter = Adapter("acme", "acme-7b", answer(1_000_000, 1_000_000))
    settings = {"prices": {"input_usd_per_mtok": 2}}
    await Metered.configured(adapter, settings, tracker, prices=file).invoke(ASK)
    assert tracker.event.actual_cost_usd_micros == 17_000_000
    await Metered(adapter, tracker, prices=[taximeter.prices.from_toml(file)[0]]).invoke(ASK)
    assert tracker.tracked[-1].actual_cost_usd_micros == 18_000_000


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"level": "LOUD"}, "modules.telemetry.level='LOUD': must be one of CRITICAL,"),
        ({"level": "INFOO"}, "did you mean 'INFO'?"),
        ({"levle": "INFO"}, "modules.telemetry.levle='INFO': must be one of enabled, methods,"),
        ({"levle": "INFO"}, "did you mean 'level'?"),
        ({"enabled": "yes"}, "modules.telemetry.enabled='yes': must be true or false"),
        (
            {"prices": {"input_usd_per_mtok": -1}},
            "modules.telemetry.prices.input_usd_per_mtok=-1: must be a number of at least 0",
        ),
        ({"prices": 3}, "modules.telemetry.prices=3: must be an Override, a table of prices,"),
        ({"methods": []}, "modules.telemetry.methods=[]: must be names of methods"),
        ({"provider": 7}, "modules.telemetry.provider=7: must be a name, or None"),
        ({"logger_name": ""}, "modules.telemetry.logger_name='': must be the name of a logger"),
        (7, "modules.telemetry=7: must be true, false or a table of options"),
    ],
)
def test_a_wrong_setting_is_an_error_at_construction(settings: Any, message: str) -> None:
    """It names the section, the key, the value, what is allowed and the nearest name there is."""
    with pytest.raises(ConfigurationError) as caught:
        Metered.configured(Adapter("a", "m", answer()), settings, section="modules.telemetry")
    assert message in str(caught.value)


def test_a_wrong_argument_is_an_error_at_construction() -> None:
    """The same for arguments, and for an object without the method."""
    adapter = Adapter("a", "m", answer())
    with pytest.raises(ConfigurationError, match=r"levle=.*did you mean 'level'"):
        Metered(adapter, levle="INFO")  # type: ignore[call-arg]  # that is the point
    with pytest.raises(ConfigurationError, match="read=7: must be a function"):
        Metered(adapter, read=7)  # type: ignore[arg-type]  # as above
    with pytest.raises(ConfigurationError, match=r"tracker='usage\.db': must be what"):
        Metered(adapter, "usage.db")
    with pytest.raises(ConfigurationError, match="an object with a method ask"):
        Metered(adapter, methods="ask")
    with pytest.raises(ConfigurationError, match=r"level='x'"):
        Metered.configured(adapter, True, level="x", section="modules.telemetry")


def test_a_copy_is_metered_too() -> None:
    """Copies, deep ones as well, are of the object inside; both record with the same tracker."""
    tracker = ListTracker()
    model = Metered(Adapter("anthropic", "claude", answer()), tracker)
    for other in (copy.copy(model), copy.deepcopy(model)):
        assert type(other) is Metered
        assert vars(other)["_inner"] is not vars(model)["_inner"]
        assert vars(other)["_meter"] is vars(model)["_meter"]


def test_a_metered_object_says_why_it_is_not_pickled() -> None:
    """Its tracker's thread and files belong to this process."""
    with pytest.raises(TypeError, match="meter it again where it arrives"):
        pickle.dumps(Metered(Adapter("anthropic", "claude", answer()), ListTracker()))
