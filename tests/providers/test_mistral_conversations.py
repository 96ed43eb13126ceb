"""A conversation's answer is a list of entries, and its usage includes what connectors fed in."""

from typing import Any

import pytest

from wire_samples import read_body, read_events

FORMAT = "mistral.conversations"
USAGE = {"prompt_tokens": 10, "completion_tokens": 4}


@pytest.mark.parametrize(
    ("connected", "total", "tokens"), [(None, 14, 10), (90, 104, 100), (90, 14, 10), (0, 14, 10)]
)
def test_connector_tokens_count_where_the_total_has_them(
    connected: int | None, total: int, tokens: int
) -> None:
    """They are fed to the model like a prompt, and billed so."""
    usage = {**USAGE, "total_tokens": total, "connector_tokens": connected}
    facts = read_body(FORMAT, {"conversation_id": "conv_own", "outputs": [], "usage": usage})
    assert facts.response_id == "conv_own"
    assert facts.usage is not None
    assert (facts.usage.input_tokens, facts.usage.output_tokens) == (tokens, 4)


def test_entries_tell_the_model_and_the_calls() -> None:
    """Functions are the application's to call, tools were executed by the provider."""
    entries: list[dict[str, Any]] = [
        {"type": "tool.execution", "name": "web_search"},
        {"type": "message.output", "model": "mistral-own", "content": "ok"},
        {"type": "function.call", "name": "fare"},
    ]
    facts = read_body(FORMAT, {"conversation_id": "c", "outputs": entries, "usage": USAGE})
    assert (facts.model, facts.tool_call_count, facts.server_tool_call_count) == ("mistral-own", 1, 1)


def test_a_stream_ends_with_its_done() -> None:
    """The usage comes there, and without it the stream was cut."""
    started = {"type": "conversation.response.started", "conversation_id": "c"}
    text = {"type": "message.output.delta", "model": "mistral-own", "content": "ok"}
    done = {"type": "conversation.response.done", "usage": USAGE}
    whole, cut = read_events(FORMAT, started, text, done), read_events(FORMAT, started, text)
    assert (whole.truncated, whole.model, whole.response_id) == (False, "mistral-own", "c")
    assert whole.usage is not None
    assert cut.truncated


def test_a_stream_may_fail() -> None:
    """An event says so; its message is not kept."""
    failure = {"type": "conversation.response.error", "code": 3001, "message": "no"}
    assert read_events(FORMAT, failure).error_type == "3001"
