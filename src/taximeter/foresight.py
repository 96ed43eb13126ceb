"""Foresight: what is expected of a call before its answer has come, as the builder asks for it."""

from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol


class Estimate(NamedTuple):
    """What goes into an event's `estimated_*` fields; None is unknown."""

    input_tokens: int | None = None
    output_tokens: int | None = None
    cost_usd_micros: int | None = None


class Foresees(Protocol):
    """What knows what calls consume; `taximeter.forecast.Forecast` is one."""

    def estimate(
        self,
        *,
        provider: str,
        model: str | None,
        operation: str,
        task_type: str,
        complexity: str,
        agent: str | None,
        request: bytes | Mapping[str, Any] | None,
        at_us: int,
    ) -> Estimate:
        """Return what is expected of a call; quick, because it is asked for every call, and safe from any thread."""
