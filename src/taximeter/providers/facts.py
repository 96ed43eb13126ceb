"""Facts: what the wire said of one call, before anyone asks what it cost or why it was made."""

from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

import msgspec

from taximeter.usage import Usage
from taximeter.vocabulary import Operation


class RequestFacts(msgspec.Struct, gc=False):
    """What a request tells. The texts are for inference in memory and reach no event.

    `choices` is how many answers it asks for, which one stream brings side by side.
    """

    model: str | None = None
    streaming: bool = False
    system_prompt: str | None = None
    tool_names: tuple[str, ...] = ()
    service_tier: str | None = None
    choices: int = 1


class Facts(msgspec.Struct, gc=False):
    """What a response tells, whole or streamed.

    `model` is the one that answered, None where the response does not say. `truncated`: a stream without its end
    mark. `partial`: there is a usage, but it is only a lower bound. `estimated`: a part of it is our guess. `usage` is
    what was consumed in all. `charges` says what to price where that differs from `usage` at `model`: other quantities than were processed (Cohere's billed units), or
    several models at work in one call (a fallback, a compound system); a model of None means the one that answered.
    """

    wire_format: str
    operation: Operation
    provider: str
    streaming: bool = False
    model: str | None = None
    response_id: str | None = None
    usage: Usage | None = None
    charges: tuple[tuple[str | None, Usage], ...] = ()
    raw_usage: dict[str, Any] | None = None
    reported_cost_usd: Decimal | None = None  # exactly as the provider writes it
    paid_elsewhere_usd: Decimal | None = None  # the rest of the cost, which another one charges
    service_tier: str | None = None
    price_context: dict[str, str] | None = (
        None  # what else moves the price: speed, inference_geo, batch, region
    )
    finish_reasons: tuple[str, ...] = ()
    tool_call_count: int = 0
    server_tool_call_count: int = 0
    error_type: str | None = None
    error_status: int | None = None
    error_retryable: bool | None = None
    truncated: bool = False
    partial: bool = False
    estimated: bool = False
    request: RequestFacts = msgspec.field(default_factory=RequestFacts)

    @property
    def reported_cost_usd_nanos(self) -> int | None:
        """What the provider says the call cost, in whole nanodollars, rounded half to even."""
        usd = self.reported_cost_usd
        return None if usd is None else int(usd.scaleb(9).to_integral_value(ROUND_HALF_EVEN))

    @property
    def exact_reported_nanos(self) -> Decimal | None:
        """What the call cost in all by what its answer reports, in nanodollars, not rounded."""
        usd = self.reported_cost_usd
        return None if usd is None else (usd + (self.paid_elsewhere_usd or 0)).scaleb(9)

    @property
    def failed(self) -> bool:
        """Whether the provider answered with an error."""
        return self.error_type is not None or self.error_status is not None
