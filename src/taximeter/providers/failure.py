"""Failure: what an error answer says, in the wire's own word.

Documented (2026-11) at platform.openai.com/docs/guides/error-codes, docs.anthropic.com/en/api/errors,
cloud.google.com/apis/design/errors, docs.aws.amazon.com/bedrock/latest/APIReference/CommonErrors.html,
help.aliyun.com/zh/model-studio/error-code, platform.moonshot.ai/docs/api/chat.
"""

from collections.abc import Mapping
from typing import Any

from taximeter.providers.values import as_count, as_text

_RETRYABLE_STATUSES = frozenset({408, 409, 425, 429})
_RETRYABLE_WORDS = frozenset(
    {
        "api_error",
        "deadline_exceeded",
        "engine_overloaded_error",
        "internal",
        "internal_error",
        "internal_server_error",
        "internalerror",
        "internalfailure",
        "internalserverexception",
        "modelnotreadyexception",
        "modelstreamerrorexception",
        "modeltimeoutexception",
        "overloaded",
        "overloaded_error",
        "rate_limit_error",
        "rate_limit_exceeded",
        "rate_limit_reached_error",
        "ratelimitreached",
        "resource_exhausted",
        "server_error",
        "service_unavailable",
        "serviceunavailableexception",
        "throttling",
        "throttlingexception",
        "timeout",
        "timeout_error",
        "too_many_requests",
        "too_many_requests_error",
        "unavailable",
    }
)

_WORD_LIMIT = 64

Failure = tuple[str | None, int | None, bool | None]
"""The error's word, its HTTP status, and whether to try again may help; None means the wire does not tell."""


def is_retryable(word: str | None, status: int | None) -> bool:
    """Return whether the same request may succeed later."""
    if status is not None and (status in _RETRYABLE_STATUSES or status >= 500):
        return True
    return word is not None and word.lower().partition(".")[0] in _RETRYABLE_WORDS  # Throttling.RateQuota


def failure_of(word: str | None, status: int | None) -> Failure:
    """Return the failure of that word and status."""
    return word, status, is_retryable(word, status)


def read_failure(document: Mapping[str, Any], status: int | None = None) -> Failure | None:
    """Return the failure that *document* tells of under `error`, None when there is none.

    Args:
        document: The decoded body or stream event.
        status: The HTTP status when it is an error; None takes the code in the body if that is one.
    """
    error = document.get("error")
    if isinstance(error, str) and error:
        return failure_of("error", status)
    if not isinstance(error, Mapping) or not error:
        return None
    code = as_count(error.get("code"))
    if status is None and code is not None and 400 <= code <= 599:
        status = code
    return failure_of(_word_of(error), status)


def bare_word(document: Mapping[str, Any]) -> str | None:
    """Return the word of a refusal without an `error`: its type beside a message, as Mistral and Cerebras have it.

    A message alone is just an error; None means that not even that is there.
    """
    says_something = any(isinstance(document.get(name), str) for name in ("message", "detail", "Message"))
    if (
        not says_something and document.get("object") != "error"
    ):  # Mistral's message may list the faults instead
        return None
    word = as_text(document.get("type"))
    return word if word and _is_word(word) else "error"


def _word_of(error: Mapping[str, Any]) -> str:
    for name in ("type", "status", "code"):
        word = as_text(error.get(name))
        if word and _is_word(word):
            return word
        if (number := as_count(error.get(name))) is not None:
            return str(number)
    return "error"


def _is_word(text: str) -> bool:
    """Whether *text* names an error; a sentence may quote the prompt and is not kept."""
    return len(text) <= _WORD_LIMIT and not any(map(str.isspace, text))
