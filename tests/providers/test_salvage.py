"""A body too long to keep still tells its usage from its end."""

import json

from taximeter.framing import BODY_LIMIT_BYTES
from taximeter.providers import Reading, endpoint_for, read_response
from taximeter.providers.salvage import salvage


def test_usage_and_names_stand_at_the_end() -> None:
    """The last usage counts, with the names around it."""
    tail = b'0.1, 0.2]}], "model": "m-1", "usage" : {"prompt_tokens": 7, "more": {"a": [1]}}\n}'
    assert salvage(tail, "usage") == {"model": "m-1", "usage": {"prompt_tokens": 7, "more": {"a": [1]}}}


def test_there_may_be_nothing_to_save() -> None:
    """No usage, half a usage or noise is nothing; quoted text is never a field."""
    quoted = json.dumps({"text": json.dumps({"usage": {"prompt_tokens": 9}})}).encode()
    for tail in (
        b"",
        b"\xff\xfe",
        b'"usage": null}',
        b'"usage": {"prompt',
        quoted,
        b'"usage":' + b"{" * 50_000,
    ):
        assert salvage(tail, "usage") == {}


def test_a_huge_batch_of_vectors_is_counted() -> None:
    """Twice what is kept of a body: its tokens are known, its memory is not used, the loss is counted."""
    reading = Reading(endpoint_for("openai.embeddings", provider="openai"))
    reading.respond(200, {"content-type": "application/json"})
    reading.feed(b'{"object":"list","data":[{"embedding":[')
    chunk = b"0.123456," * 10_000
    for _ in range(2 * BODY_LIMIT_BYTES // len(chunk)):
        reading.feed(chunk)
    reading.feed(b'0]}],"model":"text-embedding-3-large","usage":{"prompt_tokens":8191,"total_tokens":8191}}')
    facts = reading.finish()
    assert facts.usage is not None
    assert (facts.usage.input_tokens, facts.model, facts.truncated) == (8191, "text-embedding-3-large", False)
    assert reading.unparsed == 1


def test_a_huge_request_tells_its_short_fields() -> None:
    """Megabytes of pictures are not decoded for a model's name, which may stand before or after them."""
    picture = {"role": "user", "content": 'A "model": "not-me" ' + "x" * 3_000_000}
    for request in (
        {"model": "gpt-4o", "stream": True, "messages": [picture]},
        {"messages": [picture], "stream": True, "model": "gpt-4o"},
    ):
        facts = read_response(
            endpoint_for("openai.chat"), json.dumps(request).encode(), 200, {}, b"{}"
        ).request
        assert (facts.model, facts.streaming) == ("gpt-4o", True)
