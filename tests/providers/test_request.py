"""Requests of all formats tell their system prompt and their tools."""

import json
from typing import Any

import pytest

from taximeter.providers import Reading, RequestFacts, endpoint_for

REQUESTS: list[tuple[str, dict[str, Any]]] = [
    (
        "openai.responses",
        {
            "instructions": "Be brief.",
            "input": [{"role": "user", "content": "hi"}],
            "tools": [{"type": "function", "name": "fare"}],
        },
    ),
    (
        "openai.responses",
        {"input": [{"role": "system", "content": "Be brief."}], "tools": [{"name": "fare"}]},
    ),
    ("anthropic.messages", {"system": [{"type": "text", "text": "Be brief."}], "tools": [{"name": "fare"}]}),
    (
        "gemini.generate",
        {
            "systemInstruction": {"parts": [{"text": "Be brief."}]},
            "tools": [{"functionDeclarations": [{"name": "fare"}]}],
        },
    ),
    (
        "ollama.chat",
        {
            "messages": [{"role": "system", "content": "Be brief."}],
            "tools": [{"type": "function", "function": {"name": "fare"}}],
        },
    ),
    (
        "bedrock.converse",
        {"system": [{"text": "Be brief."}], "toolConfig": {"tools": [{"toolSpec": {"name": "fare"}}]}},
    ),
    ("cohere.chat_v1", {"preamble": "Be brief.", "tools": [{"name": "fare"}]}),
]


@pytest.mark.parametrize(("wire_format", "body"), REQUESTS)
def test_system_prompt_and_tools_are_read(wire_format: str, body: dict[str, Any]) -> None:
    """Each format's own place for them, as bytes or decoded."""
    endpoint = endpoint_for(wire_format)
    for request in (body, json.dumps(body).encode()):
        facts: RequestFacts = Reading(endpoint, request).request
        assert (facts.system_prompt, facts.tool_names) == ("Be brief.", ("fare",))


def test_provider_tools_are_named_by_their_kind() -> None:
    """A hosted tool without a name of its own is its type."""
    body = {"tools": [{"type": "web_search"}, {"googleSearch": {}}]}
    assert Reading(endpoint_for("openai.responses"), body).request.tool_names == (
        "web_search",
        "googleSearch",
    )


def test_the_url_knows_what_the_body_does_not() -> None:
    """A model or a stream that only the address names is in the request's facts."""
    endpoint = endpoint_for("gemini.stream_generate", model="gemini-x")
    request = Reading(endpoint, b'{"contents":[]}').request
    assert (request.model, request.streaming) == ("gemini-x", True)


def test_user_texts_are_left_alone() -> None:
    """Only system messages are read; what users wrote is not in the facts."""
    body = {"messages": [{"role": "user", "content": "secret"}, {"role": "system", "content": None}]}
    assert "secret" not in repr(Reading(endpoint_for("openai.chat"), body).request)


def test_forms_name_their_model_too() -> None:
    """Audio and pictures are sent as forms; only the short fields of interest are looked at."""
    body = (
        b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\n\r\nRIFF\xff\r\n'
        b'--x\r\nContent-Disposition: form-data; name="model"\r\n\r\ngpt-4o-transcribe\r\n--x--\r\n'
    )
    assert Reading(endpoint_for("openai.transcription"), body).request.model == "gpt-4o-transcribe"


@pytest.mark.parametrize("wire_format", ["openai.chat", "openai.responses", "anthropic.messages"])
def test_tools_of_any_shape_are_named(wire_format: str) -> None:
    """A tool without the fields that its format documents costs the others nothing."""
    tools = [{"name": "fare", "type": "function"}, {"google_search": {}}]
    request = Reading(endpoint_for(wire_format), json.dumps({"model": "m", "tools": tools}).encode()).request
    assert (request.model, request.tool_names) == ("m", ("fare", "google_search"))


def test_messages_of_any_shape_are_read() -> None:
    """What is no message is passed over, and what the system said beside it is heard."""
    messages = [
        7,
        {"role": "system", "content": [{"text": "Be brief."}]},
        {"content": "x"},
        {"role": "system"},
    ]
    for wire_format, name in (("openai.chat", "messages"), ("openai.responses", "input")):
        for body in ({name: messages}, {name: messages[1:]}):
            request = Reading(endpoint_for(wire_format), json.dumps(body).encode()).request
            assert request.system_prompt == "Be brief."
