"""Workers AI puts an answer into an envelope, which its streams do without."""

from typing import Any

import pytest

from taximeter.vocabulary import Operation
from wire_samples import read_body, read_events

FORMAT = "cloudflare.run"
USAGE = {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10}


def test_the_usage_is_found_in_the_envelope() -> None:
    """Whether the result is a text or a chat completion."""
    choice = {"index": 0, "message": {"content": "ok"}, "finish_reason": "stop"}
    for result in ({"response": "ok"}, {"choices": [choice]}):
        facts = read_body(FORMAT, {"result": {**result, "usage": USAGE}, "success": True, "errors": []})
        assert facts.usage is not None
        assert (facts.usage.input_tokens, facts.usage.output_tokens) == (7, 3)
        assert (facts.error_type, facts.truncated) == (None, False)


def test_a_stream_ends_with_its_mark() -> None:
    """Its last event before that has the usage."""
    events = ({"response": "o"}, {"response": "", "usage": USAGE})
    whole, cut = read_events(FORMAT, *events, "[DONE]"), read_events(FORMAT, *events)
    assert whole.usage == cut.usage is not None
    assert (whole.truncated, cut.truncated) == (False, True)


def test_a_refusal_has_a_number() -> None:
    """The envelope lists errors."""
    facts = read_body(FORMAT, {"result": None, "success": False, "errors": [{"code": 7009, "message": "x"}]})
    assert facts.error_type == "7009"


@pytest.mark.parametrize(
    ("result", "operation"),
    [
        ({"response": "ok"}, Operation.CHAT),
        ({"shape": [1, 2], "data": [[0.1, 0.2]], "pooling": "mean"}, Operation.EMBEDDINGS),
        ({"image": "aGk="}, Operation.IMAGE),
        ({"audio": "aGk="}, Operation.SPEECH),
        ({"text": "hi", "word_count": 1, "words": []}, Operation.TRANSCRIPTION),
        ({"response": [{"id": 0, "score": 0.5}]}, Operation.RERANK),
    ],
)
def test_the_result_tells_what_kind_of_call_it_was(result: dict[str, Any], operation: Operation) -> None:
    """All models answer at one address."""
    assert read_body(FORMAT, {"result": result, "success": True}).operation == operation
