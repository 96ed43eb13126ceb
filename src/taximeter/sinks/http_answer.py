"""HTTP answer: what a server's status and body mean for a batch."""

from email.utils import parsedate_to_datetime
from math import isfinite
from time import time

import msgspec

from taximeter.http_contract import REASONS, REJECTED, TOO_LARGE, BatchResult
from taximeter.sinks.refusal import AccessDenied, BatchRefused, EventsRefused, TryLater

REFUSED = "refused"

_BUSY = {408, 425, 429}
_REFUSED = {400: REFUSED, 413: TOO_LARGE, 422: REFUSED}

_decode = msgspec.json.Decoder(BatchResult).decode


class HttpAnswer(msgspec.Struct, frozen=True):
    """What came back."""

    status: int
    retry_after: str | None = None
    """The header, whatever it holds."""
    body: bytes | None = None
    """None when there is too much of it, or when it is compressed, which was not asked for."""


def settle(answer: HttpAnswer, n_events: int) -> None:
    """Return when the server has taken all events of a batch.

    Nothing of the answer but its status and known words goes on from here.

    Raises:
        EventsRefused: It has taken the others.
        BatchRefused: It will not take the batch as it is.
        AccessDenied: It does not let us in, or is not the server we were sent to: the address leads elsewhere.
        TryLater: It is busy or down, or what it said cannot be understood.
    """
    check_status(answer)
    _settle_each(answer.body, n_events)


def check_status(answer: HttpAnswer) -> None:
    """Return when the server has taken what was sent, as far as the status tells.

    Raises:
        BatchRefused: It will not take it as it is.
        AccessDenied, TryLater: See `settle`.
    """
    status = answer.status
    if 200 <= status < 300:
        return
    if status in _REFUSED:
        raise BatchRefused(_REFUSED[status], f"answered {status}")
    if status in _BUSY or status >= 500:
        raise TryLater(f"answered {status}", retry_after_s=retry_after_s(answer.retry_after, time()))
    raise AccessDenied(f"answered {status}")


def retry_after_s(header: str | None, now_s: float) -> float | None:
    """Return the seconds to wait that a header `Retry-After` asks for, as a number or a date; None for anything else.

    Args:
        header: Its value; None where there was none.
        now_s: Unix time.
    """
    if header is None:
        return None
    try:
        seconds = float(header)
    except ValueError:
        seconds = _seconds_until(header, now_s)
    return seconds if isfinite(seconds) and seconds >= 0 else None


def _seconds_until(date: str, now_s: float) -> float:
    try:
        return max(parsedate_to_datetime(date).timestamp() - now_s, 0.0)
    except (ValueError, OverflowError):
        return -1.0


def _settle_each(body: bytes | None, n_events: int) -> None:
    """Believe a result only when it accounts for every event: else the batch is sent again, which adds nothing."""
    try:
        result = _decode(body or b"")
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise TryLater("answered with something else than a result") from error
    refused = {each.index: _word(each.reason) for each in result.rejected}
    told = result.accepted + result.duplicates + len(refused)
    if told != n_events or any(index >= n_events for index in refused):
        raise TryLater("answered with a result that does not add up")
    if refused:
        raise EventsRefused(refused)


def _word(reason: str) -> str:
    """Return a reason that may be counted by: what a server makes up could be anything, and any number of things."""
    return reason if reason in REASONS else REJECTED
