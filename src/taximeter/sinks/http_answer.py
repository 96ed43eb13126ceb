"""HTTP answer: what a server's status and body mean for a batch."""

from collections.abc import Sequence
from email.utils import parsedate_to_datetime
from math import isfinite
from time import time

import msgspec

from taximeter.http_contract import REASONS, REJECTED, TOO_LARGE, BatchResult, Rejection
from taximeter.sinks.refusal import AccessDenied, BatchRefused, EventsRefused, TryLater

REFUSED = "refused"

_BUSY = {408, 425, 429}
_REFUSED = {400: REFUSED, 413: TOO_LARGE, 422: REFUSED}

_decode = msgspec.json.Decoder(BatchResult).decode


class _Identified(msgspec.Struct, frozen=True):
    event_id: str | None = None


_decode_id = msgspec.json.Decoder(_Identified).decode


class HttpAnswer(msgspec.Struct, frozen=True):
    """What came back."""

    status: int
    retry_after: str | None = None
    """The header, whatever it holds."""
    body: bytes | None = None
    """None when there is too much of it, or when it is compressed, which was not asked for."""


def settle(answer: HttpAnswer, lines: Sequence[bytes]) -> None:
    """Return when the server has taken all events of a batch.

    Nothing of the answer but its status and known words goes on from here.

    Raises:
        EventsRefused: It has taken the others.
        BatchRefused: It will not take the batch as it is.
        AccessDenied: It does not let us in, or is not the server we were sent to: the address leads elsewhere.
        TryLater: It is busy or down, or what it said cannot be understood.
    """
    check_status(answer)
    _settle_each(answer.body, lines)


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


def _settle_each(body: bytes | None, lines: Sequence[bytes]) -> None:
    """Believe a result only when it accounts for every event: else the batch is sent again, which adds nothing."""
    try:
        result = _decode(body or b"")
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise TryLater("answered with something else than a result") from error
    refused = {each.index: _word(each.reason) for each in result.rejected}
    told = result.accepted + result.duplicates + len(refused)
    if told != len(lines) or not all(_is_of(each, lines) for each in result.rejected):
        raise TryLater("answered with a result that does not add up")
    if refused:
        raise EventsRefused(refused)


def _is_of(rejection: Rejection, lines: Sequence[bytes]) -> bool:
    """Whether the event at the rejection's place is the one that it names, if it names one: a server may count from 1."""
    if rejection.index >= len(lines):
        return False
    return rejection.event_id is None or rejection.event_id == _id_of(lines[rejection.index])


def _id_of(line: bytes) -> str | None:
    try:
        return _decode_id(line).event_id
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def _word(reason: str) -> str:
    """Return a reason that may be counted by: what a server makes up could be anything, and any number of things."""
    return reason if reason in REASONS else REJECTED
