"""DashScope's own format wraps its choices and says `null` in a word until it has ended."""

from typing import Any

from wire_samples import read_body, read_events

FORMAT = "alibaba.generation"


def event(text: str, reason: str, output_tokens: int) -> dict[str, Any]:
    choice = {"message": {"role": "assistant", "content": text}, "finish_reason": reason}
    return {
        "request_id": "own-1",
        "output": {"choices": [choice]},
        "usage": {"input_tokens": 5, "output_tokens": output_tokens, "total_tokens": 5 + output_tokens},
    }


def test_a_single_text_is_an_answer() -> None:
    """Without choices the output itself is one."""
    body = event("", "", 6) | {"output": {"text": "ok", "finish_reason": "stop"}}
    facts = read_body(FORMAT, body)
    assert (facts.response_id, facts.finish_reasons) == ("own-1", ("stop",))
    assert facts.usage is not None
    assert (facts.usage.input_tokens, facts.usage.output_tokens) == (5, 6)


def test_a_stream_is_open_until_it_says_why_it_ended() -> None:
    """Its usage is a running total until then."""
    first, last = event("o", "null", 1), event("k", "stop", 2)
    cut, whole = read_events(FORMAT, first), read_events(FORMAT, first, last)
    assert (cut.truncated, cut.partial, cut.finish_reasons) == (True, True, ())
    assert whole.usage is not None
    assert (whole.truncated, whole.usage.output_tokens) == (False, 2)


def test_an_error_has_a_code() -> None:
    """It stands where the output would."""
    assert read_events(FORMAT, {"code": "Throttling", "message": "x"}).error_type == "Throttling"
