"""Fault: what an exception tells of how a call ended, told by names so that no SDK is imported for it."""

import re
from collections.abc import Mapping
from traceback import format_exception
from typing import Any, NamedTuple

from taximeter.event import CallFailedPayload
from taximeter.providers.failure import is_retryable
from taximeter.scrubber import Scrubber
from taximeter.vocabulary import Outcome

_TIMEOUT = re.compile(r"Timeout|TimedOut|DeadlineExceeded")
_CONNECTION = re.compile(r"Connect|RemoteProtocol|EndpointConnection")
_CANCELLED = re.compile(r"Cancell?ed")

_scrubber = Scrubber()


class Fault(NamedTuple):
    """How a call ended that an exception ended; None where the exception does not tell."""

    outcome: Outcome
    error_type: str
    """The exception's class."""
    error_status: int | None
    error_retryable: bool | None


def read_fault(error: BaseException) -> Fault:
    """Return what *error* tells; of a group's errors the first that is no cancellation speaks for all."""
    error = _leaf(error)
    status = _status_of(error)
    kind = type(error).__name__
    if not isinstance(error, Exception) or _is_named(error, _CANCELLED):
        return Fault(Outcome.CANCELLED, kind, None, None)
    if isinstance(error, TimeoutError) or _is_named(error, _TIMEOUT):
        return Fault(Outcome.TIMEOUT, kind, status, True)
    if status is not None:
        return Fault(Outcome.FAILURE, kind, status, is_retryable(None, status))
    is_network = isinstance(error, ConnectionError) or _is_named(error, _CONNECTION)
    return Fault(Outcome.FAILURE, kind, None, is_network or None)


def describe_fault(error: BaseException, *, keep_text: bool) -> tuple[str, str | None]:
    """Return summary and details of *error*, within the limits of a failed call's payload.

    Args:
        error: What ended the call.
        keep_text: Whether its message and traceback are kept; they may quote prompts. What looks like a key is taken
            out of them, before a cut could make it look like none. Without them the summary is the class and the HTTP
            status.
    """
    fault = read_fault(error)
    if not keep_text:
        return fault.error_type + (f" (HTTP {fault.error_status})" if fault.error_status else ""), None
    summary, details = f"{fault.error_type}: {error}", "".join(format_exception(error))
    return (
        _scrubber.text(summary)[: CallFailedPayload.SUMMARY_LIMIT],
        _scrubber.text(details)[: CallFailedPayload.DETAILS_LIMIT],
    )


def _leaf(error: BaseException) -> BaseException:
    while isinstance(error, BaseExceptionGroup):
        error = next((one for one in error.exceptions if isinstance(one, Exception)), error.exceptions[0])
    return error


def _is_named(error: BaseException, pattern: re.Pattern[str]) -> bool:
    return any(pattern.search(kind.__name__) for kind in type(error).__mro__)


def _status_of(error: BaseException) -> int | None:
    """Return the HTTP status that the errors of SDKs and HTTP libraries hold in one place or another."""
    response = getattr(error, "response", None)
    if isinstance(response, Mapping):  # botocore
        found = response.get("ResponseMetadata")
        places: tuple[Any, ...] = (found.get("HTTPStatusCode") if isinstance(found, Mapping) else None,)
    else:
        places = (
            *(getattr(error, name, None) for name in ("status_code", "http_status", "status", "code")),
            getattr(response, "status_code", None),
        )
    return next((status for status in places if type(status) is int and 400 <= status <= 599), None)
