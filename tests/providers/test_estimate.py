"""Tokens of cut streams are estimated from their texts, and flagged."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from taximeter.builder import EventBuilder
from taximeter.providers import Facts, Reading, endpoint_for
from taximeter.providers.estimate import TextLength, add_estimate, prompt_bytes, text_bytes, tokens_of
from taximeter.usage import Usage
from taximeter.vocabulary import CostStatus, Operation, UsageStatus

REQUEST = {
    "model": "gpt-4o",
    "stream": True,
    "messages": [
        {"role": "system", "content": "x" * 40},
        {"role": "user", "content": [{"type": "text", "text": "y" * 60}]},
        {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:" + "z" * 999}}]},
    ],
}


def openai_chunk(text: str, **fields: Any) -> dict[str, Any]:
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion.chunk",
        "model": "gpt-4o",
        "obfuscation": "abc",
        "choices": [{"index": 0, "delta": {"content": text}, "finish_reason": None}],
        **fields,
    }


ANTHROPIC_START = {
    "type": "message_start",
    "message": {"model": "claude-sonnet-4-5", "usage": {"input_tokens": 500, "output_tokens": 1}},
}


def anthropic_chunk(text: str) -> dict[str, Any]:
    return {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": text}}


def cut(wire_format: str, *chunks: dict[str, Any], estimate: bool = True) -> Facts:
    """Return the facts of a stream of these events that never ended."""
    reading = Reading(
        endpoint_for(wire_format, provider=wire_format.partition(".")[0]), json.dumps(REQUEST).encode()
    )
    reading.respond(200, {"content-type": "text/event-stream"})
    for chunk in chunks:
        reading.feed(f"data: {json.dumps(chunk, ensure_ascii=False)}\n\n".encode())
    return reading.finish(whole=False, estimate=estimate)


@pytest.mark.parametrize("texts", [["a" * 8] * 50, ["ab", "c" * 30, "d"] * 9, ["Tür ", "日本語"] * 20])
def test_a_cut_chat_is_estimated_whole(texts: list[str]) -> None:
    """Output by the text that has come, input by the text of the request; pictures count nothing."""
    facts = cut("openai.chat", *map(openai_chunk, texts))
    assert facts.usage == Usage(
        uncached_input_tokens=tokens_of(100),
        text_output_tokens=tokens_of(sum(len(text.encode()) for text in texts)),
    )
    assert facts.estimated
    assert not facts.partial


def test_a_cut_message_keeps_what_was_counted() -> None:
    """Anthropic tells the input at the start; only the output is a guess."""
    facts = cut("anthropic.messages", ANTHROPIC_START, *[anthropic_chunk("abcd")] * 30)
    assert facts.usage == Usage(uncached_input_tokens=500, text_output_tokens=30)
    assert facts.estimated


def test_events_say_so() -> None:
    """Estimated tokens, priced; a total that holds them is marked with a tilde."""
    event = EventBuilder().from_facts(cut("openai.chat", *map(openai_chunk, ["a" * 40] * 10)))
    assert (event.usage_status, event.cost_status) == (UsageStatus.ESTIMATED, CostStatus.PRICED)
    assert (event.actual_input_tokens, event.actual_output_tokens) == (25, 100)
    assert event.actual_cost_usd_nanos == 25 * 2500 + 100 * 10_000


def test_tool_arguments_and_reasoning_are_output() -> None:
    """Whatever is generated is billed."""
    call = {"index": 0, "function": {"name": "f", "arguments": "x" * 40}}
    delta = {"tool_calls": [call], "reasoning_content": "y" * 40}
    facts = cut("openai.chat", openai_chunk("z" * 40), openai_chunk("", choices=[{"delta": delta}]))
    assert facts.usage is not None
    assert facts.usage.text_output_tokens == 30


def test_what_is_told_again_as_a_whole_counts_once() -> None:
    """OpenAI's responses repeat each finished part."""
    facts = cut(
        "openai.responses",
        {"type": "response.created", "response": {"model": "gpt-4o", "instructions": "i" * 400}},
        *[{"type": "response.output_text.delta", "delta": "x" * 40}] * 3,
        {"type": "response.output_text.done", "text": "x" * 120},
        {"type": "response.output_item.done", "item": {"content": [{"text": "x" * 120}]}},
    )
    assert facts.usage is not None
    assert facts.usage.text_output_tokens == 30


def test_nothing_is_estimated_that_was_counted() -> None:
    """A whole stream, one cut after its usage, or one whose running total is as high as the text."""
    usage = {"prompt_tokens": 3, "completion_tokens": 2}
    end = openai_chunk("", choices=[{"delta": {}, "finish_reason": "stop"}], usage=usage)
    facts = cut("openai.chat", openai_chunk("a" * 400), end)
    assert facts.usage == Usage(uncached_input_tokens=3, text_output_tokens=2)
    assert not facts.estimated
    running = {
        "candidates": [{"content": {"parts": [{"text": "a" * 40}]}}],
        "usageMetadata": {"promptTokenCount": 7, "candidatesTokenCount": 50},
    }
    assert not cut("gemini.generate", running).estimated


def test_nothing_is_estimated_unasked_or_without_output() -> None:
    """Recordings are read as they are; of a stream cut before its first text nobody knows what it took."""
    assert cut("openai.chat", openai_chunk("abcd"), estimate=False).usage is None
    assert cut("openai.chat").usage is None


@given(st.lists(st.text(min_size=1, max_size=50), min_size=1, max_size=20))
def test_plain_chunks_are_measured_by_their_size(texts: list[str]) -> None:
    """Exact where nothing in the texts is escaped, and never off by more than the escapes."""
    length = TextLength()
    for text in texts:
        length.note_plain(json.dumps(openai_chunk(text), ensure_ascii=False).encode("utf-8", "replace"))
    exact = sum(len(text.encode("utf-8", "replace")) for text in texts)
    escapes = sum(len(json.dumps(text, ensure_ascii=False)) - 2 - len(text) for text in texts)
    assert abs(length.in_bytes - exact) <= escapes + len(texts) * escapes


@given(
    st.recursive(st.none() | st.text() | st.integers(), lambda v: st.lists(v) | st.dictionaries(st.text(), v))
)
def test_any_value_has_a_length(value: Any) -> None:
    """Nothing that a server or an application sends makes it raise."""
    assert text_bytes(value) >= 0
    prompt_bytes(value if isinstance(value, dict) else json.dumps(value).encode())
    add_estimate(Facts(wire_format="", operation=Operation.CHAT, provider="x"), 5, value)


@pytest.mark.parametrize(
    "request_body", [None, b"no json", b"5", b"x" * (3 << 20)], ids=["none", "bad", "5", "big"]
)
def test_a_request_that_tells_nothing_has_no_length(request_body: bytes | None) -> None:
    """Then the input stays unknown."""
    assert prompt_bytes(request_body) is None


def test_tools_are_part_of_the_prompt() -> None:
    """Their description is read by the model too."""
    assert prompt_bytes({"input": "abcd", "tools": [{"name": "f"}]}) == 4 + len('[{"name":"f"}]')


def test_the_first_count_of_a_stream_is_no_count_of_its_output() -> None:
    """Anthropic's streams begin with one output token; a cut after two letters is an estimate like any other."""
    start = {
        "type": "message_start",
        "message": {"id": "m", "model": "claude", "usage": {"input_tokens": 10, "output_tokens": 1}},
    }
    delta = {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Hi"}}
    facts = cut("anthropic.messages", start, delta)
    assert facts.usage == Usage(uncached_input_tokens=10, text_output_tokens=1)
    assert (facts.estimated, facts.partial) == (True, False)
    assert not cut("anthropic.messages", start).estimated
