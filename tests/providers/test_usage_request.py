"""A stream's usage is asked for where the provider would keep quiet, and what is asked for can be told apart."""

import json

import pytest

from taximeter.providers import ask_for_usage, endpoint_for, identify, is_usage_only

CHAT = endpoint_for("openai.chat", provider="openai")


def test_a_stream_is_asked_for_its_usage() -> None:
    """The option is added; every other field keeps its bytes, order and spelling."""
    body = b'{ "model": "m\\u00e9", "temperature": 1.10, "stream": true }'
    asked = ask_for_usage(CHAT, body)
    assert asked is not None
    assert b'"m\\u00e9"' in asked
    assert b"1.10" in asked
    assert json.loads(asked) == {**json.loads(body), "stream_options": {"include_usage": True}}


def test_other_stream_options_are_kept() -> None:
    """Only `include_usage` is set."""
    asked = ask_for_usage(CHAT, b'{"stream":true,"stream_options":{"include_obfuscation":false}}')
    assert asked is not None
    assert json.loads(asked)["stream_options"] == {"include_obfuscation": False, "include_usage": True}


@pytest.mark.parametrize(
    "body",
    [
        b'{"model":"m"}',
        b'{"stream":true,"data_sources":[{"type":"azure_search"}]}',
        b'{"stream":false}',
        b'{"stream":true,"stream_options":{"include_usage":true}}',
        b'{"stream":true',
        b'["stream"]',
        b'{"stream":true,"stream_options":7}',
        b"",
    ],
)
def test_there_may_be_nothing_to_change(body: bytes) -> None:
    """No stream, asked already, or no JSON that we understand: the body stays the application's."""
    assert ask_for_usage(CHAT, body) is None


def test_providers_that_tell_anyway_are_not_asked() -> None:
    """Some refuse unknown fields, and formats without the option have nothing to ask."""
    for endpoint in (endpoint_for("openai.chat", provider="mistral"), endpoint_for("anthropic.messages")):
        assert ask_for_usage(endpoint, b'{"stream":true}') is None


@pytest.mark.parametrize(
    ("version", "asked"), [("2023-05-15", False), ("2024-09-01-preview", True), ("2025-01-01", True)]
)
def test_older_versions_of_azure_are_not_asked(version: str, asked: bool) -> None:
    """They would answer with an error; the date in the address tells."""
    url = f"https://me.openai.azure.com/openai/deployments/d/chat/completions?x=1&api-version={version}"
    endpoint = identify("POST", url)
    assert endpoint is not None
    assert endpoint.api_version == version
    assert (ask_for_usage(endpoint, b'{"stream":true}') is not None) is asked


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        (b'{"choices":[],"usage":{"prompt_tokens":1}}', True),
        (b'{"choices": [], "usage": {"prompt_tokens": 1}, "timings": {}}', True),
        (b'{"choices":[{"delta":{}}],"usage":{"prompt_tokens":1}}', False),
        (b'{"choices":[],"usage":null}', False),
        (b'{"choices":[],"prompt_filter_results":[]}', False),
        (b'{"usage":{}}', False),
        (b'"usage" [', False),
        (b"[DONE]", False),
    ],
)
def test_the_extra_chunk_is_known(document: bytes, expected: bool) -> None:
    """Only a usage without choices is the chunk that asking causes."""
    assert is_usage_only(CHAT, document) is expected
    assert not is_usage_only(endpoint_for("openai.responses"), document)
