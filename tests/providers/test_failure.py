"""An error answer keeps the wire's own word and says whether to try again."""

from typing import Any

import pytest

from taximeter.providers.failure import bare_word, is_retryable, read_failure


@pytest.mark.parametrize(
    ("document", "failure"),
    [
        ({"error": {"type": "overloaded_error"}}, ("overloaded_error", None, True)),
        (
            {"error": {"type": None, "status": "RESOURCE_EXHAUSTED", "code": 429}},
            ("RESOURCE_EXHAUSTED", 429, True),
        ),
        ({"error": {"code": 401}}, ("401", 401, False)),
        ({"error": {"message": "no"}}, ("error", None, False)),
        ({"error": "model not found"}, ("error", None, False)),
        ({"error": None}, None),
        ({"error": {}}, None),
        ({"error": []}, None),
        ({}, None),
    ],
)
def test_the_word_is_the_wires_own(document: dict[str, Any], failure: object) -> None:
    """Type, then status, then code; a message alone is just an error, and its text is not kept."""
    assert read_failure(document) == failure


def test_busy_and_broken_servers_may_be_asked_again() -> None:
    """Timeouts, conflicts, rate limits and server errors pass; refusals stay refusals."""
    assert all(is_retryable(None, status) for status in (408, 409, 429, 500, 503, 529))
    assert not any(
        is_retryable("invalid_request_error", status) for status in (400, 401, 403, 404, 422, None)
    )
    for word in ("ThrottlingException", "InternalFailure", "InternalError", "Throttling.RateQuota"):
        assert is_retryable(word, None)


@pytest.mark.parametrize("text", ["your prompt 'canary' is too long", "x" * 65, "two\nlines"])
def test_a_sentence_is_not_kept_as_the_word(text: str) -> None:
    """A server that puts its message where the word belongs gets no text of the conversation into an event."""
    assert read_failure({"error": {"type": text, "code": "invalid_prompt"}}) == (
        "invalid_prompt",
        None,
        False,
    )
    assert read_failure({"error": {"type": text}}) == ("error", None, False)


@pytest.mark.parametrize(
    ("document", "word"),
    [
        ({"object": "error", "type": "unknown_model", "message": "no"}, "unknown_model"),
        ({"type": "not_found_error", "message": "no", "code": "gone"}, "not_found_error"),
        ({"type": "a sentence with your prompt", "message": "no"}, "error"),
        ({"detail": "no"}, "error"),
        ({"type": "missing"}, None),
        (
            {"object": "error", "type": "invalid_request_error", "message": {"detail": []}},
            "invalid_request_error",
        ),
    ],
)
def test_a_refusal_may_be_all_there_is(document: dict[str, Any], word: str | None) -> None:
    """Without an `error` the type beside the message is the word."""
    assert bare_word(document) == word
