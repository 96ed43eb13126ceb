"""HTTP contract: what passes between the HTTP sink and the server it posts to.

Both sides use these types, and `taximeter.openapi` describes them for others.
"""

from typing import Annotated

import msgspec

from taximeter.event import Event

EVENTS_PATH = "/v1/events"
"""Below the server's address."""
BATCH_PATH = f"{EVENTS_PATH}/batch"
LOSSES_PATH = f"{EVENTS_PATH}/losses"
HEALTH_PATH = "/healthz"

MAX_ID_LENGTH = 128
"""Characters of an event id that a server has to take."""

INVALID = "invalid"
MISSING_ID = "missing_id"
UNKNOWN_TYPE = "unknown_type"
TOO_LARGE = "too_large"
REJECTED = "rejected"
REASONS = (INVALID, MISSING_ID, UNKNOWN_TYPE, TOO_LARGE, REJECTED)
"""The words that say why an event was rejected; any other counts as the last one."""


Count = Annotated[int, msgspec.Meta(ge=0)]
_Total = Annotated[int, msgspec.Meta(ge=0, le=1 << 53)]
_Word = Annotated[str, msgspec.Meta(min_length=1, max_length=128)]
_ByReason = Annotated[dict[_Word, _Total], msgspec.Meta(max_length=100)]


class EventBatch(msgspec.Struct, frozen=True):
    """The body of a request."""

    events: tuple[Event, ...]
    """In the order they were tracked."""


class Rejection(msgspec.Struct, frozen=True, omit_defaults=True):
    """Why a server will never take one event of a batch."""

    index: Count
    """The event's place in the batch, from 0."""
    reason: str
    """One word: `invalid`, `missing_id`, `unknown_type`, `too_large` or `rejected`."""
    event_id: str | None = None
    """The event's id, where it has one."""


class BatchResult(msgspec.Struct, frozen=True):
    """What became of each event of a batch: `accepted`, `duplicates` and the rejections add up to all of them."""

    accepted: Count
    """Events that are stored now and were not there before."""
    duplicates: Count
    """Events whose id was there already; nothing has changed for them."""
    rejected: tuple[Rejection, ...] = ()
    """Events that were not stored."""


class LossReport(msgspec.Struct, frozen=True):
    """How many events of a source will never come, since it began; the same counts may come again."""

    source: _Word
    """Who has lost them: a tracker or a journal, by an id that no other one has."""
    lost: _ByReason
    """Events by reason."""


class LossesNoted(msgspec.Struct, frozen=True):
    """That a report of losses is stored."""

    events: Count
    """How many events it told of."""


class Problem(msgspec.Struct, frozen=True):
    """Why a whole request was refused."""

    error: str
    """One word."""
    detail: str
    """A sentence for people."""


class Health(msgspec.Struct, frozen=True):
    """That the server takes requests."""

    status: str = "ok"
