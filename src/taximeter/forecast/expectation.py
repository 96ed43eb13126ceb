"""Expectations: what a call, or a job of many calls, will probably consume."""

import msgspec


class Expectation(msgspec.Struct, frozen=True, kw_only=True):
    """What is expected of one call before it is made.

    Half of such calls stay within the p50 and nine in ten within the p90. None means unknown: an input that nothing
    tells of, a cost without a price or an input.
    """

    provider: str
    model: str | None
    input_tokens: int | None
    input_basis: str
    """Where the input is from: `given`, `tokenizer`, `length of the request`, `history` or `unknown`."""
    output_tokens_p50: int
    output_tokens_p90: int
    cost_p50_usd_nanos: int | None
    cost_p90_usd_nanos: int | None
    is_priced: bool
    """Whether the model has a price. A cost may still be unknown, for want of an input."""
    samples: int
    """Past calls in the group that counts most; 0 means that nothing of the kind was seen."""
    level: str
    """What those calls have in common with this one."""
    basis: str
    """The same in words, with how often such forecasts have held."""


class JobExpectation(msgspec.Struct, frozen=True, kw_only=True):
    """What is expected of many calls together; the p90 of a sum is not the sum of p90s."""

    calls: int
    input_tokens: int | None
    """Of all calls."""
    output_tokens_p50: int
    output_tokens_p90: int
    cost_p50_usd_nanos: int | None
    cost_p90_usd_nanos: int | None
    unpriced_calls: int
    """All of them where the model has no price, else 0."""
    each: Expectation
    """Of one call."""
