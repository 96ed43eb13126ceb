"""Attempt: which try of a logical call a request is, and what the tries of one call have in common."""

import re
from collections.abc import Mapping
from contextvars import ContextVar
from time import monotonic_ns
from typing import Any, NamedTuple

RETRY_WITHIN_S = 120.0  # the SDKs wait up to a minute where a server says how long

_NUMBER = re.compile(r"attempt=(\d{1,4})")


class Attempt(NamedTuple):
    """A try of a logical call; `call_id` is None where nothing tells that there are others."""

    number: int
    call_id: str | None


class _Failure(NamedTuple):
    """A try that has failed and may be repeated."""

    tracker: Any
    body: int
    attempt: Attempt
    ended_ns: int


# A retry is sent from the task or thread that saw the try before it fail, so no other context has to know of it.
_last_failure: ContextVar[_Failure | None] = ContextVar("taximeter_last_failure", default=None)


def attempt_of(headers: Mapping[str, str], body: bytes | None, tracker: Any) -> Attempt:
    """Return which try this request is.

    AWS's SDKs send an id of the call and a number with each try. Elsewhere a try belongs to the one before if that has
    failed in a way worth repeating, in the same task or thread, not long ago, with the very same body; the SDKs made by
    Stainless (OpenAI, Anthropic and others) count their retries in a header, which is believed in any case.
    """
    if invocation := headers.get("amz-sdk-invocation-id"):
        told = _NUMBER.search(headers.get("amz-sdk-request", ""))
        return Attempt(int(told[1]) if told else 1, invocation)
    count = headers.get("x-stainless-retry-count", "0")
    number = int(count) + 1 if count.isdecimal() else 1
    failure = _last_failure.get()
    if failure is None or not _is_repeated(failure, body, tracker):
        return Attempt(number, None)
    return Attempt(number if number > 1 else failure.attempt.number + 1, failure.attempt.call_id)


def _is_repeated(failure: _Failure, body: bytes | None, tracker: Any) -> bool:
    return (
        failure.tracker is tracker
        and failure.body == hash(body)
        and monotonic_ns() - failure.ended_ns < RETRY_WITHIN_S * 1e9
    )


def note_failure(attempt: Attempt, body: bytes | None, tracker: Any) -> None:
    """Note that a try has failed in a way worth repeating."""
    _last_failure.set(_Failure(tracker, hash(body), attempt, monotonic_ns()))


def forget_failure() -> None:
    """Note that a call has come to its end, so that the same request again is another one."""
    _last_failure.set(None)
