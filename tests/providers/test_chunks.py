"""The items of streams are read as the wire is, whatever an SDK makes of them."""

import json
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from taximeter.providers import Facts, endpoint_for, read_response
from taximeter.providers.chunks import ChunkReading
from taximeter.usage import Usage
from wire_samples import FOLDER

SAMPLES = [
    ("openai.chat.sse", "openai"),
    ("openai.chat.tools.sse", "openai"),
    ("openai.responses.sse", "openai"),
    ("anthropic.messages.sse", "anthropic"),
    ("anthropic.messages.error.sse", "anthropic"),
    ("cohere.chat_v2.sse", "cohere"),
    ("gemini.stream_generate.sse", "google"),
    ("ollama.chat.ndjson", "ollama"),
]


def wire_format(name: str) -> str:
    return ".".join(name.split(".")[:2])


def events(name: str) -> list[Mapping[str, Any]]:
    """Return the decoded events of a sample."""
    lines = [line.removeprefix("data:").strip() for line in (FOLDER / name).read_text().splitlines()]
    return [json.loads(line) for line in lines if line.startswith("{")]


def read(chunks: list[Any], *, whole: bool = True, **options: Any) -> Facts:
    reading = ChunkReading(**options)
    for chunk in chunks:
        reading.add(chunk)
    return reading.finish(whole=whole)


class Pydantic:
    """As the items of SDKs are."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self._document = document

    def model_dump(self, **_: Any) -> Mapping[str, Any]:
        """Return the document."""
        return self._document


@pytest.mark.parametrize(("name", "provider"), SAMPLES)
@pytest.mark.parametrize("make", [dict, Pydantic], ids=["dicts", "objects"])
@pytest.mark.parametrize("named", [False, True], ids=["unnamed", "named"])
def test_items_tell_what_the_wire_tells(name: str, provider: str, make: Any, named: bool) -> None:
    """Usage, model, end, tools and errors, whether or not somebody names the format."""
    options: Any = {"provider": provider, "wire_format": wire_format(name)} if named else {}
    facts = read([make(event) for event in events(name)], **options)
    endpoint = endpoint_for(wire_format(name), provider=provider)
    wire = read_response(endpoint, None, 200, {}, (FOLDER / name).read_bytes())
    assert facts.usage == wire.usage or (wire.usage is None and facts.estimated)
    fields = ("model", "response_id", "finish_reasons", "tool_call_count", "error_type", "truncated")
    assert {field: getattr(facts, field) for field in fields} == {
        field: getattr(wire, field) for field in fields
    }
    assert facts.streaming


@pytest.mark.parametrize(("name", "provider"), SAMPLES)
@pytest.mark.parametrize("size", [1, 7, 10_000])
def test_bytes_of_the_wire_may_be_items(name: str, provider: str, size: int) -> None:
    """However they were cut."""
    body = (FOLDER / name).read_bytes()
    chunks = [body[at : at + size] for at in range(0, len(body), size)]
    assert read(chunks).usage == read(list(events(name))).usage


@pytest.mark.parametrize(("name", "provider"), SAMPLES)
def test_lines_of_the_wire_may_be_items(name: str, provider: str) -> None:
    """As `iter_lines` of HTTP libraries gives them."""
    lines = (FOLDER / name).read_text().splitlines()
    assert read(list(lines)).usage == read(list(events(name))).usage


def test_texts_may_be_items() -> None:
    """What is left of a stream when an SDK gives nothing but its texts: an estimate."""
    facts = read(["Once ", "upon ", "a time"], model="gpt-4o", request={"input": "Tell a tale"})
    assert facts.usage == Usage(uncached_input_tokens=3, text_output_tokens=4)
    assert facts.estimated
    assert not facts.truncated
    assert facts.request.model == "gpt-4o"


def test_a_whole_stream_that_nobody_counted_is_estimated() -> None:
    """OpenAI reports to those only who ask for it."""
    chunks = [{"object": "chat.completion.chunk", "choices": [{"delta": {"content": "a" * 40}}]}]
    chunks.append({"object": "chat.completion.chunk", "choices": [{"delta": {}, "finish_reason": "stop"}]})
    facts = read(chunks)
    assert facts.usage == Usage(text_output_tokens=10)
    assert facts.estimated
    assert not facts.truncated


def test_items_of_boto3_are_unwrapped() -> None:
    """Converse has its events by name, InvokeModel chunks of bytes."""
    converse = read(
        [
            {"messageStart": {"role": "assistant"}},
            {"contentBlockDelta": {"delta": {"text": "Hi"}}},
            {"messageStop": {"stopReason": "end_turn"}},
            {"metadata": {"usage": {"inputTokens": 5, "outputTokens": 2}}},
        ]
    )
    assert (converse.provider, converse.usage) == (
        "bedrock",
        Usage(uncached_input_tokens=5, text_output_tokens=2),
    )
    invoked = read(
        [{"chunk": {"bytes": json.dumps(event).encode()}} for event in events("anthropic.messages.sse")]
    )
    assert invoked.provider == "bedrock"
    assert invoked.usage == read(list(events("anthropic.messages.sse"))).usage


def test_items_of_mistral_are_unwrapped() -> None:
    """Its SDK hands out events with the chunk as their data."""
    facts = read([{"event": None, "data": event} for event in events("openai.chat.sse")], provider="mistral")
    assert facts.usage == read(list(events("openai.chat.sse"))).usage
    assert facts.provider == "mistral"


@pytest.mark.parametrize(("name", "provider"), SAMPLES)
def test_a_cut_stream_is_estimated_or_a_lower_bound(name: str, provider: str) -> None:
    """At whatever item it was cut, nothing is called reported that was not."""
    everything = events(name)
    for count in range(len(everything)):
        facts = read(list(everything[:count]), whole=False)
        assert facts.truncated or facts.failed or count == 0 or facts.finish_reasons or facts.usage
        if facts.usage is not None and facts.truncated and not facts.estimated:
            assert facts.partial or count >= len(everything) - 2


@given(
    st.lists(
        st.text()
        | st.binary()
        | st.integers()
        | st.dictionaries(
            st.sampled_from(["type", "choices", "data", "chunk", "usage", "x"]), st.text() | st.none()
        )
    ),
    st.booleans(),
)
def test_any_items_are_survived(chunks: list[Any], whole: bool) -> None:
    """Nothing that a stream can hold makes the reading raise."""
    read(chunks, whole=whole)
