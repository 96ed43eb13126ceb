"""The model of a watsonx chat has another name than OpenAI's."""

import json

from taximeter.providers import endpoint_for, read_response
from wire_samples import JSON


def test_the_model_is_read_from_its_own_field() -> None:
    """In the request and in the answer."""
    answer = {
        "id": "chat-own",
        "model_id": "ibm/granite-own",
        "choices": [{"index": 0, "message": {"content": "ok"}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 4, "completion_tokens": 2},
    }
    request = {"model_id": "ibm/granite", "messages": []}
    facts = read_response(endpoint_for("watsonx.chat"), request, 200, JSON, json.dumps(answer).encode())
    assert (facts.model, facts.request.model) == ("ibm/granite-own", "ibm/granite")
    assert facts.usage is not None
    assert (facts.usage.input_tokens, facts.usage.output_tokens) == (4, 2)
