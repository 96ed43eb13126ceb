"""Chunks that are like an earlier one are left undecoded, and nothing that is read changes by it."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from taximeter.providers import Facts, Reading, endpoint_for
from taximeter.providers.likeness import Likeness
from wire_samples import STREAM


def chat(text: str, **more: Any) -> bytes:
    """Return one chunk of a chat."""
    choice = {"index": 0, "delta": {"content": text}, "finish_reason": None} | more
    return b"data: %s\n\n" % json.dumps({"id": "c-1", "model": "m", "choices": [choice]}).encode()


def message(text: str, **more: Any) -> bytes:
    """Return one event of Anthropic's."""
    event = {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": text}} | more
    return b"event: content_block_delta\ndata: %s\n\n" % json.dumps(event).encode()


FORMATS = {"openai.chat": chat, "anthropic.messages": message}
END = b'data: {"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":4}}\n\ndata: [DONE]\n\n'


def read(wire_format: str, chunks: list[bytes]) -> Facts:
    """Return the facts of a stream that came in these chunks, its tokens estimated where nobody counted them."""
    reading = Reading(endpoint_for(wire_format), b"{}")
    reading.respond(200, STREAM)
    for chunk in chunks:
        reading.feed(chunk)
    return reading.finish(whole=False, estimate=True)


texts = st.lists(st.text(st.sampled_from('ab"\\\n{}:,é'), max_size=6), max_size=20)


@pytest.mark.parametrize("wire_format", FORMATS)
@given(texts=texts, cut=st.integers(min_value=1, max_value=400), ended=st.booleans())
def test_chunking_changes_nothing(wire_format: str, texts: list[str], cut: int, ended: bool) -> None:
    """An event a chunk, which is compared, gives the facts of pieces cut anywhere, which are not."""
    events = [FORMATS[wire_format](text) for text in texts]
    events += [chat("", finish_reason="stop"), END] if ended and wire_format == "openai.chat" else []
    whole = b"".join(events)
    pieces = [whole[start : start + cut] for start in range(0, len(whole), cut)]
    assert msgspec.structs.asdict(read(wire_format, events)) == msgspec.structs.asdict(
        read(wire_format, pieces)
    )


@pytest.mark.parametrize("event", FORMATS.values())
def test_text_may_differ_and_nothing_else(event: Any) -> None:
    """Quotes, ends, other choices and what comes in the middle of an event are never taken for plain text."""
    likeness = Likeness()
    first = event("fare")
    assert not likeness.holds(first)
    likeness.learn(first, first[6:-2])
    assert likeness.holds(event("another one"))
    for other in (
        event('a "quote"'),
        event("a \\"),
        event("x", index=1),
        event("x") + event("y"),
        b"data: x",
    ):
        assert not likeness.holds(other)
    assert not likeness.holds(event("in the middle of an event"))
    assert likeness.holds(event("again"))


def test_chunks_that_always_differ_are_given_up() -> None:
    """Where more than the text differs, a stream is not compared for ever."""
    likeness = Likeness()
    for number in range(100):
        chunk = chat("x", logprobs=number)
        assert not likeness.holds(chunk)
        likeness.learn(chunk, chunk[6:-2])
    likeness.learn(chat("y"), chat("y")[6:-2])
    assert not likeness.holds(chat("z"))
