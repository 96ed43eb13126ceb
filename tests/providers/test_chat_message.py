"""LangChain's messages say who answered, with what model and for how many tokens, whichever provider it was."""

from typing import Any

import pytest

from taximeter.providers import read_payload
from taximeter.providers.chunks import ChunkReading
from taximeter.usage import Usage


def message(**fields: Any) -> dict[str, Any]:
    """Return what `AIMessage.model_dump()` gives."""
    return {
        "content": "Hi",
        "additional_kwargs": {},
        "response_metadata": {},
        "type": "ai",
        "id": "run--1",
        "tool_calls": [],
        "usage_metadata": None,
        **fields,
    }


USAGE = {
    "input_tokens": 100,
    "output_tokens": 30,
    "total_tokens": 130,
    "input_token_details": {"cache_read": 40, "cache_creation": 0, "ephemeral_1h_input_tokens": 10},
    "output_token_details": {"reasoning": 20},
}


class Message:
    """An object of a library that is not installed here."""

    def __init__(self, **fields: Any) -> None:
        self.fields = fields

    def model_dump(self, **options: Any) -> dict[str, Any]:
        """Return the fields, as pydantic does."""
        return self.fields


@pytest.mark.parametrize(
    ("told", "provider"),
    [
        ({"model_provider": "openai", "model_name": "m", "finish_reason": "stop"}, "openai"),
        ({"model_provider": "anthropic", "model": "m", "stop_reason": "end_turn"}, "anthropic"),
        ({"model_provider": "google_genai", "model_name": "m", "finish_reason": "STOP"}, "google"),
        ({"model_name": "m", "finish_reason": "stop"}, "unknown"),
    ],
)
def test_a_message_is_labelled_by_who_answered(told: dict[str, Any], provider: str) -> None:
    """Its own field for the usage does not make it Google's."""
    facts = read_payload(Message(**message(response_metadata=told, usage_metadata=USAGE)))
    assert (facts.provider, facts.model, len(facts.finish_reasons)) == (provider, "m", 1)
    assert facts.usage == Usage(
        uncached_input_tokens=50,
        cache_read_tokens=40,
        cache_write_5m_tokens=0,
        cache_write_1h_tokens=10,
        text_output_tokens=30,
        reasoning_tokens=20,
    )


def test_who_is_stated_is_believed() -> None:
    """A provider that the caller names stands, as with any payload."""
    assert (
        read_payload(message(response_metadata={"model_provider": "openai"}), provider="azure").provider
        == "azure"
    )


def test_tool_calls_are_counted() -> None:
    """They stand in the message, parsed."""
    calls = [{"name": "search", "args": {}, "id": "1"}, {"name": "search", "args": {}, "id": "2"}]
    assert read_payload(message(tool_calls=calls)).tool_call_count == 2


def test_a_message_without_counts_has_no_usage() -> None:
    """Nothing is made up."""
    assert read_payload(message()).usage is None


def test_pieces_add_up() -> None:
    """The input comes with the first piece of Anthropic's, the output with the last."""
    reading = ChunkReading()
    told = {"model_provider": "anthropic", "model_name": "claude-haiku-4-5"}
    for piece in (
        message(content="", response_metadata=told, usage_metadata={"input_tokens": 9, "output_tokens": 0}),
        message(content="Hello"),
        message(
            content="",
            response_metadata={"stop_reason": "end_turn"},
            usage_metadata={"input_tokens": 0, "output_tokens": 4},
        ),
    ):
        reading.add(Message(**piece | {"type": "AIMessageChunk"}))
    facts = reading.finish(whole=True)
    assert (facts.provider, facts.model, facts.truncated) == ("anthropic", "claude-haiku-4-5", False)
    assert facts.usage == Usage(uncached_input_tokens=9, text_output_tokens=4)


def test_pieces_that_were_cut_are_estimated() -> None:
    """Without a reason to stop it is a cut stream like any other."""
    reading = ChunkReading()
    reading.add(message(content="Hello there"))
    facts = reading.finish(whole=False)
    assert (facts.truncated, facts.estimated) == (True, True)


@pytest.mark.parametrize("strange", [{"usage_metadata": 5}, {"response_metadata": "x"}, {"tool_calls": [1]}])
def test_a_strange_message_is_no_error(strange: dict[str, Any]) -> None:
    """Whatever a library puts there, reading goes on."""
    assert read_payload(message(**strange)).usage is None
