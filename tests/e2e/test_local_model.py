"""Real SDKs against a real model: the events say what the server says, and the application notices nothing."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import httpx
import pytest
from anthropic import Anthropic
from openai import OpenAI

import taximeter
from taximeter.event import TaskCompletionEvent
from taximeter.sinks.memory import MemorySink
from taximeter.vocabulary import Outcome, UsageStatus

pytestmark = pytest.mark.e2e

MODEL = "gemma-3-270m"
MESSAGES: Any = [{"role": "user", "content": "Name three colours of the rainbow."}]
GREEDY = {"temperature": 0}
NO_CONTENT: Any = [{"role": "user"}]
VOLATILE = {"id", "created", "created_at", "completed_at", "timings", "item_id"}


class Meter:
    """A tracker with a memory, and the last event of it."""

    def __init__(self) -> None:
        self.sink = MemorySink()
        self.tracker = taximeter.start(self.sink)
        self._seen = 0

    def only_event(self) -> TaskCompletionEvent:
        """Return the one event since the last time this was asked."""
        assert self.tracker.flush(timeout_s=10).complete
        (event,) = self.sink.events[self._seen :]
        self._seen += 1
        assert isinstance(event, TaskCompletionEvent)
        return event


@pytest.fixture
def meter() -> Iterator[Meter]:
    meter = Meter()
    with meter.tracker:
        yield meter


class Clients(ExitStack):
    """Official clients of a server on loopback, closed at the end of the test."""

    def openai(self, address: str) -> OpenAI:
        """Return a client that does not try again."""
        return self.enter_context(OpenAI(base_url=f"{address}/v1", api_key="none", max_retries=0))

    def anthropic(self, address: str) -> Anthropic:
        """Return a client that does not try again."""
        return self.enter_context(Anthropic(base_url=address, api_key="none", max_retries=0))


@pytest.fixture
def clients() -> Iterator[Clients]:
    with Clients() as clients:
        yield clients


def prompt_tokens(address: str) -> int:
    """Count the prompt with the server's own template and tokenizer."""
    prompt = httpx.post(f"{address}/apply-template", json={"messages": MESSAGES}).json()["prompt"]
    answer = httpx.post(
        f"{address}/tokenize", json={"content": prompt, "add_special": True, "parse_special": True}
    )
    return len(answer.json()["tokens"])


def steady(value: Any) -> Any:
    """Return *value* with what differs between any two calls, ids and times, made equal."""
    if isinstance(value, dict):
        return {key: "any" if key in VOLATILE else steady(item) for key, item in value.items()}
    return [steady(item) for item in value] if isinstance(value, list) else value


def shapes(items: Any) -> list[Any]:
    return [steady(item.model_dump(exclude_unset=True)) for item in items]


def without_timings(chunks: list[Any]) -> list[Any]:
    """Drop the server's own field, which moves to the usage chunk when that is asked for, and so is not seen."""
    return [{key: item for key, item in chunk.items() if key != "timings"} for chunk in chunks]


def check_stream(event: TaskCompletionEvent, prompt_tokens: int) -> None:
    """Check what every whole stream of eight tokens says."""
    assert (event.actual_input_tokens, event.actual_output_tokens) == (prompt_tokens, 8)
    assert (event.outcome, event.usage_status, event.streaming) == (
        Outcome.SUCCESS,
        UsageStatus.REPORTED,
        True,
    )
    assert event.time_to_first_token_ms is not None
    assert event.task_duration_ms is not None
    assert 0 < event.time_to_first_token_ms <= event.task_duration_ms


def warm(clients: Clients, address: str) -> None:
    """Fill the model's prompt cache, so that two calls compared start from the same state."""
    clients.openai(address).chat.completions.create(
        model=MODEL, messages=MESSAGES, max_tokens=1, temperature=0
    )


def test_chat_counts_what_the_server_counts(chat_model: str, meter: Meter, clients: Clients) -> None:
    """Tokens equal the response's usage, the prompt equals the tokenizer's count, the second call is cached."""
    client = meter.tracker.meter(clients.openai(chat_model))
    for turn in range(2):
        answer = client.chat.completions.create(model=MODEL, messages=MESSAGES, max_tokens=8, temperature=0)
        event = meter.only_event()
        assert answer.usage is not None
        assert answer.usage.prompt_tokens_details is not None
        assert event.actual_input_tokens == answer.usage.prompt_tokens == prompt_tokens(chat_model)
        assert event.actual_output_tokens == answer.usage.completion_tokens
        assert event.cache_read_tokens == answer.usage.prompt_tokens_details.cached_tokens
        assert turn == 0 or (event.cache_read_tokens or 0) > 0
        assert event.finish_reasons == (answer.choices[0].finish_reason,)
        assert event.model == answer.model
        assert event.provider_response_id == answer.id


def test_a_stream_without_usage_asked_for_is_counted(chat_model: str, meter: Meter, clients: Clients) -> None:
    """The application sees the chunks it sees without the meter, and the event has the tokens all the same."""

    def chunks(client: OpenAI) -> list[Any]:
        warm(clients, chat_model)
        return shapes(
            client.chat.completions.create(
                model=MODEL, messages=MESSAGES, max_tokens=8, temperature=0, stream=True
            )
        )

    plain = chunks(clients.openai(chat_model))
    client = meter.tracker.meter(clients.openai(chat_model))
    assert without_timings(chunks(client)) == without_timings(plain)
    check_stream(meter.only_event(), prompt_tokens(chat_model))
    assert chunks(client) == plain  # by now the meter knows that this server counts without being asked
    event = meter.only_event()
    check_stream(event, prompt_tokens(chat_model))
    assert event.actual_input_tokens == prompt_tokens(chat_model)
    texts = [chunk["choices"][0]["delta"].get("content") for chunk in plain]
    assert event.actual_output_tokens == 8 == sum(text is not None for text in texts)  # a chunk a token
    assert (event.outcome, event.usage_status, event.streaming) == (
        Outcome.SUCCESS,
        UsageStatus.REPORTED,
        True,
    )
    assert event.time_to_first_token_ms is not None
    assert event.task_duration_ms is not None
    assert 0 < event.time_to_first_token_ms <= event.task_duration_ms


def test_usage_that_was_asked_for_stays(chat_model: str, meter: Meter, clients: Clients) -> None:
    """An application that asks for the usage chunk gets it."""
    client = meter.tracker.meter(clients.openai(chat_model))
    chunks = list(
        client.chat.completions.create(
            model=MODEL, messages=MESSAGES, max_tokens=4, stream=True, stream_options={"include_usage": True}
        )
    )
    event = meter.only_event()
    assert chunks[-1].usage is not None
    assert event.actual_output_tokens == chunks[-1].usage.completion_tokens
    assert event.actual_input_tokens == chunks[-1].usage.prompt_tokens


def test_responses_are_counted(chat_model: str, meter: Meter, clients: Clients) -> None:
    """The Responses API, whole: tokens and status as the server says."""
    client = meter.tracker.meter(clients.openai(chat_model))
    answer = client.responses.create(model=MODEL, input=MESSAGES, max_output_tokens=8)
    event = meter.only_event()
    assert answer.usage is not None
    assert event.actual_input_tokens == answer.usage.input_tokens == prompt_tokens(chat_model)
    assert event.actual_output_tokens == answer.usage.output_tokens
    assert event.cache_read_tokens == answer.usage.input_tokens_details.cached_tokens
    assert event.operation == "responses"


def test_streamed_responses_are_counted(chat_model: str, meter: Meter, clients: Clients) -> None:
    """The Responses API, streamed: the events pass unchanged and the last one's usage is the event's."""
    client = meter.tracker.meter(clients.openai(chat_model))
    items = list(client.responses.create(model=MODEL, input=MESSAGES, max_output_tokens=8, stream=True))
    event = meter.only_event()
    last = items[-1]
    assert last.type == "response.completed"
    assert last.response.usage is not None
    assert event.actual_input_tokens == last.response.usage.input_tokens
    assert event.actual_output_tokens == last.response.usage.output_tokens


def test_anthropic_messages_are_counted(chat_model: str, meter: Meter, clients: Clients) -> None:
    """Cached tokens are beside the input on this wire, and inside the event's total."""
    client = meter.tracker.meter(clients.anthropic(chat_model))
    warm(clients, chat_model)
    answer = client.messages.create(model=MODEL, messages=MESSAGES, max_tokens=8)
    event = meter.only_event()
    assert event.uncached_input_tokens == answer.usage.input_tokens
    assert event.cache_read_tokens == answer.usage.cache_read_input_tokens
    assert (event.cache_read_tokens or 0) > 0
    assert event.actual_input_tokens == prompt_tokens(chat_model)
    assert event.actual_output_tokens == answer.usage.output_tokens
    assert event.finish_reasons == (answer.stop_reason,)


def test_streamed_anthropic_messages_are_counted(chat_model: str, meter: Meter, clients: Clients) -> None:
    """The stream passes unchanged, and the counters of its start and end are put together."""

    def items(client: Anthropic) -> list[Any]:
        warm(clients, chat_model)
        return shapes(
            client.messages.create(
                model=MODEL, messages=MESSAGES, max_tokens=8, extra_body=GREEDY, stream=True
            )
        )

    plain = items(clients.anthropic(chat_model))
    assert items(meter.tracker.meter(clients.anthropic(chat_model))) == plain
    event = meter.only_event()
    usage = plain[0]["message"]["usage"]
    assert event.actual_input_tokens == usage["input_tokens"] + usage["cache_read_input_tokens"]
    assert event.actual_input_tokens == prompt_tokens(chat_model)
    assert event.actual_output_tokens == plain[-2]["usage"]["output_tokens"]


def test_embeddings_are_counted(embedding_model: str, meter: Meter, clients: Clients) -> None:
    """Several inputs in one call: one event with the server's count and no output."""
    client = meter.tracker.meter(clients.openai(embedding_model))
    answer = client.embeddings.create(model=MODEL, input=["red", "green and blue"])
    event = meter.only_event()
    assert len(answer.data) == 2
    assert event.actual_input_tokens == answer.usage.prompt_tokens
    assert event.operation == "embeddings"


@pytest.mark.parametrize(
    "leave",
    [lambda stream: next(iter(stream)), lambda stream: stream.close()],
    ids=["after one chunk", "at once"],
)
def test_a_stream_left_early_is_one_cancelled_event(
    chat_model: str, meter: Meter, clients: Clients, leave: Callable[[Any], object]
) -> None:
    """Whoever stops reading gets one event that says so."""
    client = meter.tracker.meter(clients.openai(chat_model))
    with client.chat.completions.create(model=MODEL, messages=MESSAGES, max_tokens=16, stream=True) as stream:
        leave(stream)
    assert meter.only_event().outcome is Outcome.CANCELLED


def test_an_error_answer_is_a_failed_event(chat_model: str, meter: Meter, clients: Clients) -> None:
    """The SDK raises what it always raises, and the event has the server's word for it."""
    client = meter.tracker.meter(clients.openai(chat_model))
    with pytest.raises(Exception, match="content") as raised:
        client.chat.completions.create(model=MODEL, messages=NO_CONTENT)
    event = meter.only_event()
    assert event.outcome is Outcome.FAILURE
    assert event.error_status == getattr(raised.value, "status_code", None)
    assert event.actual_input_tokens is None
