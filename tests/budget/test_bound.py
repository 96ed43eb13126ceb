"""What a request may cost at most."""

import json
from typing import Any

import pytest

from taximeter.allowance import Intent
from taximeter.budget.bound import bound_of
from taximeter.pricing import Catalog
from taximeter.providers import Endpoint
from taximeter.scopes import NOBODY
from taximeter.vocabulary import Operation

AT_US = 1_790_000_000_000_000


def intent(body: Any, *, provider: str = "openai", wire_format: str = "openai.chat", **fields: Any) -> Intent:
    endpoint = Endpoint(provider=provider, wire_format=wire_format, **{"operation": Operation.CHAT, **fields})
    encoded = body if isinstance(body, bytes | None) else json.dumps(body).encode()
    return Intent(endpoint=endpoint, body=encoded, scope=NOBODY, at_us=AT_US)


@pytest.mark.parametrize(
    ("wire_format", "asked", "output_tokens"),
    [
        ("openai.chat", {"max_tokens": 100, "n": 3}, 300),
        ("openai.chat", {"max_completion_tokens": 50, "max_tokens": 9}, 50),
        ("openai.responses", {"max_output_tokens": 70}, 70),
        ("gemini.generate", {"generationConfig": {"maxOutputTokens": 20, "candidateCount": 2}}, 40),
        ("bedrock.converse", {"inferenceConfig": {"maxTokens": 30}}, 30),
        ("openai.chat", {}, 1000),
        ("openai.chat", {"max_tokens": "many", "n": -1}, 1000),
    ],
)
def test_the_output_is_bounded_by_what_the_request_allows(
    wire_format: str, asked: dict[str, Any], output_tokens: int
) -> None:
    """In every format; where nothing is said an expectation stands in."""
    body = {"model": "gpt-4o", "messages": [], **asked}
    found = bound_of(intent(body, wire_format=wire_format), Catalog.default(), 1000)
    input_tokens = len(json.dumps(body)) + 64
    model = "gpt-4o" if wire_format.startswith("openai") else None
    if model:
        assert found.nanos == input_tokens * 2_500 + output_tokens * 10_000
        assert found.has_price
    else:
        assert found.nanos == input_tokens // 4 * 15_000 + output_tokens * 75_000
        assert not found.has_price


def test_input_that_may_be_written_to_a_cache_is_bounded_by_that() -> None:
    """A long cache write costs twice the input's price with Anthropic."""
    body = {"model": "claude-sonnet-4-5", "max_tokens": 10, "messages": []}
    found = bound_of(
        intent(body, provider="anthropic", wire_format="anthropic.messages"), Catalog.default(), 0
    )
    assert found.nanos == (len(json.dumps(body)) + 64) * 6_000 + 10 * 15_000


@pytest.mark.parametrize("body", [None, b"", b"{", b"\xff", b'{"n": {}}', b"[]"])
def test_a_strange_request_still_costs_something(body: bytes | None) -> None:
    """What cannot be read is no free call."""
    assert bound_of(intent(body), Catalog.default(), 1000).nanos > 0


def test_an_embedding_gives_no_output() -> None:
    """Its input is all that costs."""
    body = {"model": "text-embedding-3-small", "input": "x"}
    found = bound_of(
        intent(body, wire_format="openai.embeddings", operation=Operation.EMBEDDINGS), Catalog.default(), 1000
    )
    assert found.nanos == (len(json.dumps(body)) + 64) * 20
