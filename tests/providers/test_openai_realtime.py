"""A realtime session is the sum of its responses."""

import json
from typing import Any

import pytest

from taximeter.providers import endpoint_for, read_payload, read_response

USAGE = {
    "input_tokens": 20,
    "output_tokens": 7,
    "input_token_details": {"text_tokens": 8, "audio_tokens": 12},
    "output_token_details": {"text_tokens": 3, "audio_tokens": 4},
}


def test_a_failed_response_fails_the_session() -> None:
    """It has no usage, and the word stands in its details."""
    message = {
        "type": "response.done",
        "response": {
            "status": "failed",
            "status_details": {"error": {"type": "server_error"}},
            "usage": None,
        },
    }
    endpoint = endpoint_for("openai.realtime", provider="openai")
    facts = read_response(endpoint, None, 200, {}, json.dumps(message).encode())
    assert (facts.error_type, facts.error_retryable, facts.usage) == ("server_error", True, None)


@pytest.mark.parametrize(
    ("payload", "wire_format", "times"),
    [
        (USAGE, None, 1),
        ({"usage": USAGE}, None, 1),
        (USAGE, "openai.realtime", 1),
        ({"usage": USAGE}, "openai.realtime", 1),
        ({"responses": [USAGE, USAGE]}, "openai.realtime", 2),
    ],
)
def test_a_kept_usage_is_enough(payload: dict[str, Any], wire_format: str | None, times: int) -> None:
    """Bare, in its response, or as we keep those of a session; its details name the format."""
    usage = read_payload(payload, provider="openai", wire_format=wire_format).usage
    assert usage is not None
    assert (usage.input_tokens, usage.output_tokens) == (20 * times, 7 * times)
    assert (usage.audio_input_tokens, usage.audio_output_tokens) == (12 * times, 4 * times)
