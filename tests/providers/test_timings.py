"""llama.cpp counts in `timings` when nobody asks for a usage."""

import json
from typing import Any

import pytest

from taximeter.providers import identify, read_payload, read_response
from taximeter.usage import Usage

TIMINGS = {"prompt_n": 5, "cache_n": 25, "predicted_n": 8, "predicted_ms": 123.344}
CHUNK = {"id": "c1", "model": "m", "object": "chat.completion.chunk"}
END = {"choices": [{"finish_reason": "length", "index": 0, "delta": {}}]}


def stream(*chunks: dict[str, Any]) -> bytes:
    return b"".join(b"data: %s\n\n" % json.dumps(chunk).encode() for chunk in chunks) + b"data: [DONE]\n\n"


def read(*chunks: dict[str, Any]) -> Usage | None:
    endpoint = identify("POST", "http://127.0.0.1:8080/v1/chat/completions")
    assert endpoint is not None
    headers = {"content-type": "text/event-stream"}
    return read_response(endpoint, {"stream": True}, 200, headers, stream(*chunks)).usage


def test_a_stream_is_counted_by_its_timings() -> None:
    """The prompt is what was processed and what was cached; the answer what was predicted."""
    usage = read({**CHUNK, **END, "timings": TIMINGS})
    assert usage == Usage(uncached_input_tokens=5, cache_read_tokens=25, text_output_tokens=8)


def test_a_usage_is_stronger() -> None:
    """Timings beside a usage are the same counts again."""
    usage = {"prompt_tokens": 30, "completion_tokens": 8, "total_tokens": 38}
    assert read({**CHUNK, **END, "timings": TIMINGS}, {**CHUNK, "choices": [], "usage": usage}) == Usage(
        uncached_input_tokens=30, text_output_tokens=8
    )


@pytest.mark.parametrize("timings", [None, [], {}, {"prompt_n": "x"}, {"prompt_n": -1, "predicted_n": None}])
def test_timings_without_counts_are_no_usage(timings: Any) -> None:
    """Unknown stays unknown."""
    assert read({**CHUNK, **END, "timings": timings}) is None


def test_a_decoded_answer_may_have_only_timings() -> None:
    """Who hands over llama.cpp's own object gets the counts."""
    usage = read_payload({"timings": TIMINGS}, provider="llama.cpp").usage
    assert usage is not None
    assert (usage.input_tokens, usage.output_tokens) == (30, 8)
