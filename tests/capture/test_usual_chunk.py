"""Chunks that are like an earlier one are passed on undecoded, and nothing that is read or passed on changes by it."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from list_tracker import ListTracker
from taximeter.capture import meter
from taximeter.capture.usage_filter import UsageFilter
from taximeter.capture.usual_chunk import UsualChunk
from taximeter.event import TaskCompletionEvent
from taximeter.providers.likeness import likeness_of

USAGE = {"prompt_tokens": 3, "completion_tokens": 4}


def sse(document: Mapping[str, Any], name: str = "") -> bytes:
    """Return one event."""
    event = b"event: %s\n" % name.encode() if name else b""
    return event + b"data: %s\n\n" % json.dumps(document, separators=(",", ":")).encode()


def chat(text: str, **more: Any) -> bytes:
    """Return one chunk of a chat, as OpenAI writes it for those who ask for the usage."""
    choice = {"index": 0, "delta": {"content": text}, "finish_reason": None} | more
    return sse({"id": "c-1", "model": "m", "choices": [choice], "usage": None})


def obfuscated(text: str, **more: Any) -> bytes:
    """The same with the noise that OpenAI adds by itself."""
    noise = "n" * (len(text) % 5)
    return chat(text, **more)[:-3] + b',"obfuscation":"%s"}\n\n' % noise.encode()


def message(text: str, **more: Any) -> bytes:
    """Return one event of Anthropic's."""
    delta = {"type": "text_delta", "text": text}
    return sse({"type": "content_block_delta", "index": 0, "delta": delta} | more, "content_block_delta")


KINDS = {"chat": chat, "obfuscated": obfuscated, "message": message}
PATHS = {"chat": "chat/completions", "obfuscated": "chat/completions", "message": "messages"}
END = sse({"id": "c-1", "choices": [], "usage": USAGE}) + b"data: [DONE]\n\n"


class Chunks(httpx2.SyncByteStream):
    """A body that comes in given pieces."""

    def __init__(self, chunks: list[bytes]) -> None:
        self.chunks = chunks

    def __iter__(self) -> Iterator[bytes]:
        return iter(self.chunks)


def passed_on(kind: str, chunks: list[bytes]) -> tuple[bytes, Any]:
    """Return what the application gets of a stream in these chunks, and the event."""

    def answer(request: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(200, headers={"content-type": "text/event-stream"}, stream=Chunks(chunks))

    tracker = ListTracker()
    body = {"model": "m", "stream": True, "messages": [{"role": "user", "content": "Hi"}]}
    url = f"https://api.openai.com/v1/{PATHS[kind]}"
    with (
        meter(httpx2.Client(transport=httpx2.MockTransport(answer)), tracker) as client,
        client.stream("POST", url, json=body) as response,
    ):
        received = b"".join(response.iter_raw())
    return received, tracker.event


def told(event: TaskCompletionEvent) -> tuple[Any, ...]:
    """Return what a stream says of itself; an estimate of tokens may differ by what escapes take."""
    return event.outcome, event.usage_status, event.model, event.actual_input_tokens, event.raw_usage


texts = st.lists(st.text(st.sampled_from('ab"\\\n{}:,é'), max_size=6), min_size=1, max_size=20)


@pytest.mark.parametrize("kind", KINDS)
@given(texts=texts, cut=st.integers(min_value=1, max_value=400), ended=st.booleans())
def test_chunking_changes_nothing(kind: str, texts: list[str], cut: int, ended: bool) -> None:
    """An event a chunk, which is compared, gives the bytes and the event of pieces cut anywhere, which are not."""
    events = [KINDS[kind](text) for text in ["first", "second", *texts]]
    if ended and kind != "message":
        events += [KINDS[kind]("", finish_reason="stop"), END]
    whole = b"".join(events)
    received, event = passed_on(kind, events)
    in_pieces, same = passed_on(kind, [whole[start : start + cut] for start in range(0, len(whole), cut)])
    assert received == in_pieces
    assert told(event) == told(same)
    if kind == "message":
        assert received == whole
    else:
        assert b"usage" not in received
    difference = abs((event.actual_output_tokens or 0) - (same.actual_output_tokens or 0))
    # Escapes take bytes that are no text; noise hides the length of texts from an estimate too, a token each at most.
    assert difference <= sum(map(len, texts)) + (len(events) if kind == "obfuscated" else 0)


def usual_of(event: Any) -> UsualChunk:
    """Return what is learnt from one chunk."""
    chunk = event("fare")
    likeness = likeness_of(chunk, chunk[chunk.index(b"{") : -2])
    assert likeness is not None
    usual = UsualChunk.of(likeness, UsageFilter(lambda _: False, takes_nulls=True))
    assert usual is not None
    return usual


@pytest.mark.parametrize("event", KINDS.values())
def test_text_may_differ_and_nothing_else(event: Any) -> None:
    """Quotes, ends and other choices are never taken for plain text."""
    usual = usual_of(event)
    assert usual.left_of(event("another one")) == event("another one").replace(b',"usage":null', b"")
    assert usual.left_of(event("line\nbreak")) is not None
    for other in (
        event('a "quote"'),
        event("a \\")[:-1],
        event("x", index=1),
        event("x", finish_reason="stop"),
        event("x") + event("y"),
        b"data: x",
        b"",
    ):
        assert usual.left_of(other) is None
    assert usual.text_bytes == len("another one") + len(r"line\nbreak")


def test_text_that_escapes_its_end_is_another_chunk() -> None:
    """A backslash before what looks like the end of the text makes it go on."""
    usual = usual_of(chat)
    head, tail = chat("|").split(b"|")
    assert usual.left_of(head + b"a\\" + tail) is None


@pytest.mark.parametrize("event", KINDS.values())
def test_nothing_to_take_out_leaves_the_very_same_bytes(event: Any) -> None:
    """No chunk is copied where the request was not changed."""
    chunk = event("fare")
    likeness = likeness_of(chunk, chunk[chunk.index(b"{") : -2])
    assert likeness is not None
    usual = UsualChunk.of(likeness, None)
    assert usual is not None
    assert usual.left_of(chunk) is chunk


def test_what_is_taken_out_before_the_text_is_left_to_the_filter() -> None:
    """A server that writes the field first has its chunks read one by one."""
    chunk = b'data: {"usage":null,"choices":[{"delta":{"content":"x"}}]}\n\n'
    likeness = likeness_of(chunk, chunk[6:-2])
    assert likeness is not None
    assert UsualChunk.of(likeness, UsageFilter(lambda _: False, takes_nulls=True)) is None
