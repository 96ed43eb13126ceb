"""Samples say what the test told them to, as a meter reads them."""

from typing import Any

import httpx2
import pytest
from anthropic import Anthropic
from hypothesis import given, settings
from hypothesis import strategies as st
from openai import OpenAI

from list_tracker import ListTracker
from taximeter import ConfigurationError
from taximeter.capture import meter
from taximeter.providers import identify, read_response
from taximeter.testing import SAMPLE_FORMATS, Sample, sample
from taximeter.testing.shape import SHAPES
from taximeter.vocabulary import Operation, Outcome

UNCACHED = {name for name in SAMPLE_FORMATS if name.partition(".")[0] in {"cohere", "ollama"}} | {
    "openai.embeddings"
}
STREAMED = [name for name in SAMPLE_FORMATS if SHAPES[name].stream is not None]
NAMELESS = {"bedrock.converse", "cohere.chat_v2", "cohere.embed"}


@settings(deadline=None, max_examples=200)
@given(
    wire_format=st.sampled_from(SAMPLE_FORMATS),
    cached=st.integers(0, 10**6),
    uncached=st.integers(0, 10**6),
    produced=st.integers(0, 10**6),
    stream=st.booleans(),
)
def test_a_sample_is_read_as_it_was_told(
    wire_format: str, cached: int, uncached: int, produced: int, *, stream: bool
) -> None:
    """Tokens, model and format come back, from whole answers and from streams."""
    cached = 0 if wire_format in UNCACHED else cached
    made = sample(
        wire_format,
        input_tokens=cached + uncached,
        cached_tokens=cached,
        output_tokens=produced,
        stream=stream and wire_format in STREAMED,
    )
    endpoint = identify("POST", made.url)
    assert endpoint is not None
    facts = read_response(endpoint, None, made.status, made.headers, made.body)
    assert facts.usage is not None
    assert (facts.usage.input_tokens, facts.usage.cache_read_tokens or 0) == (cached + uncached, cached)
    if facts.operation != Operation.EMBEDDINGS:
        assert facts.usage.output_tokens == produced
    assert (facts.truncated, facts.failed) == (False, False)
    assert wire_format in NAMELESS or facts.model == SHAPES[wire_format].model


@pytest.mark.parametrize("wire_format", SAMPLE_FORMATS)
def test_an_error_is_one(wire_format: str) -> None:
    """From 400 on an answer is a failure of that status."""
    made = sample(wire_format, status=429)
    endpoint = identify("POST", made.url)
    assert endpoint is not None
    facts = read_response(endpoint, None, made.status, made.headers, made.body)
    assert (facts.failed, facts.error_status) == (True, 429)


def serving(made: Sample) -> Any:
    return httpx2.Client(
        transport=httpx2.MockTransport(
            lambda _: httpx2.Response(made.status, headers=made.headers, content=iter([made.body]))
        )
    )


TEXT = "One two three"


@pytest.mark.parametrize("stream", [False, True])
def test_openais_client_reads_them(*, stream: bool) -> None:
    """It gets the text, and a meter on it the tokens."""
    tracker, served = ListTracker(), serving(sample("openai.responses", text=TEXT, stream=stream))
    client: Any = meter(OpenAI(api_key="none", http_client=served), tracker)
    with client:
        answer = client.responses.create(model="gpt-5-mini", input="Count.", stream=stream)
        text = "".join(getattr(event, "delta", "") for event in answer) if stream else answer.output_text
    assert (text, tracker.event.actual_input_tokens, tracker.event.outcome) == (TEXT, 12, Outcome.SUCCESS)


@pytest.mark.parametrize("stream", [False, True])
def test_anthropics_client_reads_them(*, stream: bool) -> None:
    """The same for the other."""
    tracker, served = ListTracker(), serving(sample("anthropic.messages", text=TEXT, stream=stream))
    client: Any = meter(Anthropic(api_key="none", http_client=served), tracker)
    messages = [{"role": "user", "content": "Count."}]
    with client:
        answer = client.messages.create(
            model="claude-haiku-4-5", max_tokens=9, messages=messages, stream=stream
        )
        deltas = [part.delta for part in answer if part.type == "content_block_delta"] if stream else []
        text = "".join(delta.text for delta in deltas) if stream else answer.content[0].text
    assert (text, tracker.event.actual_input_tokens, tracker.event.outcome) == (TEXT, 12, Outcome.SUCCESS)


def test_what_there_is_no_sample_of_is_refused() -> None:
    """The nearest format is named."""
    with pytest.raises(ConfigurationError, match=r"did you mean 'openai\.chat'"):
        sample("opnai.chat")
    with pytest.raises(ConfigurationError, match=r"stream=True: must be False for openai\.embeddings"):
        sample("openai.embeddings", stream=True)
    assert sample("ollama.chat").payload["eval_count"] == 5
