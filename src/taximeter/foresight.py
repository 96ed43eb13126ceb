"""Foresight: what is expected of a call before its answer has come, as the builder asks for it."""

from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol, TypedDict, Unpack


class Estimate(NamedTuple):
    """What goes into an event's `estimated_*` fields; None is unknown."""

    input_tokens: int | None = None
    output_tokens: int | None = None
    cost_usd_micros: int | None = None


class UpcomingCall(TypedDict):
    """What the builder says of a call."""

    provider: str
    model: str | None
    operation: str
    task_type: str
    complexity: str
    agent: str | None
    request: bytes | Mapping[str, Any] | None
    """Its body, as JSON or decoded."""
    at_us: int
    """When it began, for the price."""


class HeedInput(Protocol):
    """A forecast's method `heed_input`, where it has one: it wants to know what the input of a request has come to."""

    def __call__(self, estimated: int, actual: int, *, model: str | None, agent: str | None) -> None:
        """Compare what `estimate` has said with what the provider has counted; quick, and safe from any thread."""


class Foresees(Protocol):
    """What knows what calls consume; `taximeter.forecast.Forecast` is one."""

    def estimate(self, **call: Unpack[UpcomingCall]) -> Estimate:
        """Return what is expected of a call; quick, because it is asked for every call, and safe from any thread."""
