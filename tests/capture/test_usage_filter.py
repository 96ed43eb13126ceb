"""The filter takes one kind of event out of a stream and nothing else."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from taximeter.capture.usage_filter import HELD_LIMIT_BYTES, UsageFilter, adds_nulls
from taximeter.providers import Endpoint, is_usage_only
from taximeter.vocabulary import Operation

ENDPOINT = Endpoint(provider="openai", wire_format="openai.chat", operation=Operation.CHAT)

USAGE_ONLY = (
    b'data: {"id":"x","choices":[],"usage":{"prompt_tokens":5,"completion_tokens":2,"total_tokens":7}}'
)
OTHERS = (
    b'data: {"id":"x","choices":[{"index":0,"delta":{"content":"Hi"}}],"usage":null}',
    b'data: {"id":"x","choices":[{"index":0,"delta":{},"finish_reason":"stop"}],"usage":{"prompt_tokens":5}}',
    b'data: {"id":"x","choices":[],"usage":null,"prompt_filter_results":[]}',
    b'data: {"choices":[{"index":0,"delta":{"content":"\\"choices\\":[] \\"usage\\":{}"}}]}',
    b": keep-alive",
    b"event: ping\nid: 7\nretry: 10",
    b"",
    b"data: [DONE]",
    b"data: not json, choices [] and usage",
)


def filtered(chunks: list[bytes], *, takes_nulls: bool = False) -> list[bytes]:
    usage_filter = UsageFilter(lambda document: is_usage_only(ENDPOINT, document), takes_nulls=takes_nulls)
    return [*(usage_filter.feed(chunk) for chunk in chunks), usage_filter.finish()]


def cut(data: bytes, places: list[int]) -> list[bytes]:
    edges = [0, *sorted(place % (len(data) + 1) for place in places), len(data)]
    return [data[begin:end] for begin, end in pairwise(edges)]


@pytest.mark.parametrize("line_end", [b"\n", b"\r\n", b"\r"])
@given(
    events=st.lists(st.sampled_from([*OTHERS, USAGE_ONLY]), max_size=8),
    places=st.lists(st.integers(min_value=0), max_size=12),
)
def test_everything_else_is_byte_identical(line_end: bytes, events: list[bytes], places: list[int]) -> None:
    """However the stream is cut, what comes out is what went in without the usage-only events."""

    def stream(parts: list[bytes]) -> bytes:
        return b"".join(part.replace(b"\n", line_end) + 2 * line_end for part in parts)

    output = b"".join(filtered(cut(stream(events), places)))
    assert output == stream([event for event in events if event != USAGE_ONLY])


@given(data=st.binary(), places=st.lists(st.integers(min_value=0), max_size=5))
def test_bytes_that_are_no_events_pass(data: bytes, places: list[int]) -> None:
    """Anything goes through unchanged, be it a stream of events or not."""
    assert b"".join(filtered(cut(data, places))) == data


WITH_AND_WITHOUT_NULL = {
    "last": (
        b'{"choices":[{"delta":{"content":"Hi"}}],"usage":null}',
        b'{"choices":[{"delta":{"content":"Hi"}}]}',
    ),
    "in the middle": (b'{"a":{},"usage":null,"obfuscation":"x"}', b'{"a":{},"obfuscation":"x"}'),
    "before braces": (b'{"a":1,"usage":null,"choices":[{"b":"}"}]}', b'{"a":1,"choices":[{"b":"}"}]}'),
    "first": (b'{"usage":null,"a":1}', b'{"a":1}'),
    "spaced": (b'{"a": 1, "usage" : null }', b'{"a": 1 }'),
    "beside its name as text": (b'{"c":[{"d":"usage"}],"usage":null}', b'{"c":[{"d":"usage"}]}'),
    "inside a text": (b'{"a":"\\"usage\\":null}"}', b'{"a":"\\"usage\\":null}"}'),
    "further inside": (b'{"a":{"b":1,"usage":null},"c":2}', b'{"a":{"b":1,"usage":null},"c":2}'),
    "a number": (b'{"a":1,"usage":{"prompt_tokens":5}}', b'{"a":1,"usage":{"prompt_tokens":5}}'),
    "no JSON": (b'{"a":},"usage":null}}', b'{"a":},"usage":null}}'),
}


@pytest.mark.parametrize("name", WITH_AND_WITHOUT_NULL)
@given(places=st.lists(st.integers(min_value=0), max_size=4))
def test_null_usage_is_taken_out_where_it_was_added(name: str, places: list[int]) -> None:
    """Only the field of the outermost object goes, with one comma, and only where it is to go."""
    sent, left = (b"data: %s\n\n" % document for document in WITH_AND_WITHOUT_NULL[name])
    assert b"".join(filtered(cut(sent, places), takes_nulls=True)) == left
    assert b"".join(filtered(cut(sent, places))) == sent


def test_nulls_are_taken_out_of_those_who_add_them() -> None:
    """Servers that write the field in any case keep it."""
    assert adds_nulls(ENDPOINT)
    assert adds_nulls(replace(ENDPOINT, provider="openai-compatible"))
    assert not adds_nulls(replace(ENDPOINT, provider="openai-compatible", wire_format="openai.completions"))
    assert not adds_nulls(replace(ENDPOINT, provider="vllm"))


def test_complete_events_are_not_held_back() -> None:
    """What completes an event leaves in the same step, the beginning of the next one waits for its end."""
    usage_filter = UsageFilter(lambda _: False)
    assert usage_filter.feed(b"data: 1\n\ndata: 2\n\nda") == b"data: 1\n\ndata: 2\n\n"
    assert usage_filter.feed(b"ta: 3\n") == b""
    assert usage_filter.feed(b"\n") == b"data: 3\n\n"


def test_usage_in_several_data_lines_is_found() -> None:
    """An event's data may be spread over lines; pretty-printed JSON often is."""
    event = b'data: {\ndata:   "choices": [ ],\ndata:   "usage": {"prompt_tokens": 5}\ndata: }\n\n'
    assert b"".join(filtered([event])) == b""


def test_last_event_without_its_end_is_taken_out_too() -> None:
    """Some servers forget the blank line after the last event."""
    assert b"".join(filtered([USAGE_ONLY])) == b""
    assert b"".join(filtered([b"data: [DONE]"])) == b"data: [DONE]"


def test_endless_event_is_let_go() -> None:
    """What is too long to be a usage is passed on; memory stays bounded."""
    chunk = b"x" * (HELD_LIMIT_BYTES // 4)
    usage_filter = UsageFilter(lambda _: True)
    output = b"".join(usage_filter.feed(chunk) for _ in range(8)) + usage_filter.finish()
    assert output == chunk * 8
