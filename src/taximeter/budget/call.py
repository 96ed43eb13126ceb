"""Calls as budgets see them: what one may cost before it is made, and what it did cost."""

from collections.abc import Mapping

import msgspec

from taximeter.event import TaskCompletionEvent
from taximeter.report.dimension import COLUMNS
from taximeter.report.totals import cost_nanos, was_refused
from taximeter.scopes import Scope

Dimensions = Mapping[str, str | None]
"""Who, what and for whom, by dimension; a tag is `tag:NAME`."""

# What a token of a model is taken to cost that has no price: 15 and 75 USD a million, as Claude Opus 4.1 is listed,
# one of the dearest models that are in wide use (docs.anthropic.com/en/docs/about-claude/pricing, read 2026-11).
_DEAR_INPUT_NANOS = 15_000
_DEAR_OUTPUT_NANOS = 75_000
_UNCOUNTED_TOKENS = 1000


class Claim(msgspec.Struct, frozen=True, kw_only=True):
    """What a call that is to be made may cost. `has_price`: whether *nanos* rests on a price, and not on a stand-in."""

    of: Dimensions
    at_us: int
    nanos: int
    has_price: bool = True


class Actual(msgspec.Struct, frozen=True, kw_only=True):
    """What a call has cost, as its event says. `nanos` is None where nobody knows; `stand_in` is used then."""

    of: Dimensions
    at_us: int
    event_id: str
    nanos: int | None
    stand_in_nanos: int


_NEVER_SENT = frozenset(
    {
        "BudgetExceeded",
        "BudgetUnavailable",
        "ConnectError",
        "ConnectTimeout",
        "PoolTimeout",
        "ProxyError",
        "UnsupportedProtocol",
        "ConnectTimeoutError",
        "EndpointConnectionError",
        "ProxyConnectionError",
        "SSLError",
    }
)
"""Errors of ours, of httpx and of botocore that are raised before a request has gone out."""


def actual_of(event: TaskCompletionEvent) -> Actual:
    """Return what an event says of its call's cost; one that was refused, or never sent, costs nothing."""
    nanos = cost_nanos(event)
    if nanos is None and (was_refused(event) or event.error_type in _NEVER_SENT):
        nanos = 0
    return Actual(
        of=_dimensions(event),
        at_us=event.started_at_us,
        event_id=event.event_id,
        nanos=None if nanos is None else max(nanos, 0),
        stand_in_nanos=stand_in(event.actual_input_tokens, event.actual_output_tokens),
    )


def stand_in(input_tokens: int | None, output_tokens: int | None) -> int:
    """Return what so many tokens are taken to cost where there is no price, in nanodollars; None is a guess of 1,000."""
    taken = _UNCOUNTED_TOKENS if input_tokens is None else input_tokens
    given = _UNCOUNTED_TOKENS if output_tokens is None else output_tokens
    return taken * _DEAR_INPUT_NANOS + given * _DEAR_OUTPUT_NANOS


def _dimensions(event: TaskCompletionEvent) -> Dimensions:
    found = {name: _first(event, fields) for name, fields in COLUMNS.items()}
    return found | _tags(event.tags)


def _first(event: TaskCompletionEvent, fields: tuple[str, ...]) -> str | None:
    return next((str(value) for name in fields if (value := getattr(event, name)) is not None), None)


def dimensions_of(scope: Scope, **known: str | None) -> Dimensions:
    """Return what is known of a call before it is made: its scope, and *known* beside it."""
    fields = {name: getattr(scope, columns[-1], None) for name, columns in COLUMNS.items()}
    given = {name: str(value) for name, value in {**fields, **known}.items() if value is not None}
    return given | _tags(scope.tags)


def _tags(tags: Mapping[str, str] | None) -> dict[str, str]:
    return {f"tag:{name}": value for name, value in (tags or {}).items()}
