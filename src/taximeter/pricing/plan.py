"""Plan: the rates of one model in one context, resolved once and used for every call in the same situation."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import msgspec

from taximeter.pricing.condition import Conditions, meets
from taximeter.pricing.kind import INPUT_KINDS, PIECES, TOKEN_KINDS, fill
from taximeter.pricing.money import round_half_even
from taximeter.pricing.table import Multiplier, Row, Window
from taximeter.usage import Usage
from taximeter.vocabulary import CostSource

counters: Callable[[Usage], tuple[Any, ...]] = msgspec.structs.astuple
_REASONING = tuple(TOKEN_KINDS).index("reasoning")
_OUTPUT = tuple(TOKEN_KINDS).index("output")
_INPUTS = len(INPUT_KINDS)
_DAY_US = 86_400_000_000
_UNASKED = ("request", "audio_ms")  # pieces that matter even where the usage has none
_FOREVER_US = 1 << 100  # beyond any number that a clock could give


FlatRates = tuple[Any, ...]  # integers or None, in the order of `Usage`


class Level(msgspec.Struct, frozen=True, gc=False):
    """The rates above one size of the input. `tokens` is in the order of `Usage`; None where there is no rate."""

    above_tokens: int
    marginal: bool
    tokens: tuple[int | None, ...]
    pieces: dict[str, int]


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """How to price a model from `from_us` until `until_us`. Without `levels` the model has no known price."""

    levels: tuple[Level, ...] = ()
    source: CostSource = CostSource.NONE
    price_id: str | None = None
    from_us: int
    until_us: int
    rules: tuple[str, ...] = ()
    minimums: dict[str, int] = {}
    free: bool = False
    lacks: str | None = None
    """What the list sells at prices of their own, but has none of for this model: the standard ones are a stand-in."""
    by_tokens_alone: bool = False
    """Whether tokens times the rates of one level are all there is: no fee for the call, nothing marginal."""

    def level(self, usage: Usage) -> Level:
        """Return the level that a usage has reached; a marginal one is reached by part of it only."""
        reached = self.levels[0]
        if len(self.levels) > 1:
            size = sum(filter(None, counters(usage)[:_INPUTS]))
            for level in self.levels[1:]:
                if size > level.above_tokens and not level.marginal:
                    reached = level
        return reached

    def amount(self, usage: Usage) -> tuple[int, bool]:
        """Return what a usage costs in femtodollars, and whether every quantity had a rate."""
        level = self.level(usage)
        total = sum(extra for _, _, extra in self.marginal_parts(usage))
        complete = self.lacks is None and not _is_untimed(usage, level)
        quantities = (*counters(usage)[:_REASONING], reasoned(usage))
        for quantity, rate in zip(quantities, level.tokens, strict=True):
            if quantity and rate is not None:
                total += quantity * rate
            elif quantity:
                complete = False
        for kind, quantity in self.piece_quantities(usage, level):
            if kind in level.pieces:
                total += piece_amount(kind, quantity, level.pieces[kind])
            else:
                complete = False
        return total, complete

    def piece_quantities(self, usage: Usage, level: Level) -> Iterable[tuple[str, int]]:
        """Yield what is billed by the piece, at least the minimum of each; and the call itself where it has a fee."""
        for kind, quantity in (usage.units or {}).items():
            if quantity > 0:
                yield kind, max(quantity, self.minimums.get(kind, 0))
        if "request" in level.pieces and "request" not in (usage.units or {}):
            yield "request", 1

    def marginal_parts(self, usage: Usage) -> Iterable[tuple[int, Level, int]]:
        """Yield (tokens, level, extra femtodollars) for input beyond each marginal threshold.

        Cached tokens come first in a prompt, so they are the last to pass a threshold.
        """
        for below, level in zip(self.levels, self.levels[1:], strict=False):
            if level.marginal:
                tokens, extra = _beyond(counters(usage)[:_INPUTS], level, below)
                if tokens:
                    yield tokens, level, extra


def flat_amount(usage: Usage, rates: FlatRates) -> int | None:  # noqa: C901 - see the docstring
    """Return what a usage costs in femtodollars by flat rates; None when it has something that they do not price.

    Every call that is tracked passes here, so the counters are spelled out: a loop over them takes twice as long.
    """
    if usage.units:
        return None
    fresh, read, write_5m, write_1h, audio, read_audio, image, text, audio_out, image_out, _ = rates
    total = 0
    try:
        if tokens := usage.uncached_input_tokens:
            total += tokens * fresh
        if tokens := usage.cache_read_tokens:
            total += tokens * read
        if tokens := usage.cache_write_5m_tokens:
            total += tokens * write_5m
        if tokens := usage.cache_write_1h_tokens:
            total += tokens * write_1h
        if tokens := usage.audio_input_tokens:
            total += tokens * audio
        if tokens := usage.cache_read_audio_tokens:
            total += tokens * read_audio
        if tokens := usage.image_input_tokens:
            total += tokens * image
        if tokens := usage.text_output_tokens:
            total += tokens * text
        if tokens := usage.audio_output_tokens:
            total += tokens * audio_out
        if tokens := usage.image_output_tokens:
            total += tokens * image_out
    except TypeError:  # a rate that is None
        return None
    return total


def is_by_tokens_alone(plan: Plan) -> bool:
    """Whether `flat_amount` at the level reached is the whole cost of a call that has no pieces."""
    if not plan.levels or plan.lacks is not None:
        return False
    return not any(
        level.marginal or level.tokens[_REASONING] or not level.pieces.keys().isdisjoint(_UNASKED)
        for level in plan.levels
    )


def reasoned(usage: Usage) -> int:
    """Return how much of the output was reasoning."""
    return min(usage.reasoning_tokens or 0, usage.text_output_tokens or 0)


def _is_untimed(usage: Usage, level: Level) -> bool:
    """Whether audio is billed by its length, which the answer does not tell."""
    if "audio_ms" not in level.pieces or "audio_ms" in (usage.units or {}):
        return False
    return bool(usage.audio_input_tokens) or not level.tokens[0]


def _beyond(inputs: Sequence[int | None], level: Level, below: Level) -> tuple[int, int]:
    left = beyond = max(sum(quantity or 0 for quantity in inputs) - level.above_tokens, 0)
    extra = 0
    order = sorted(range(_INPUTS), key=lambda index: "cache" in INPUT_KINDS[index])
    for index in order:
        part = min(left, inputs[index] or 0)
        extra += part * ((level.tokens[index] or 0) - (below.tokens[index] or 0))
        left -= part
    return beyond, extra


def piece_amount(kind: str, quantity: int, rate: int) -> int:
    """Return what so many pieces cost, in femtodollars."""
    return round_half_even(quantity * rate, PIECES[kind]) if kind in PIECES else quantity * rate


def make_level(above_tokens: int, rates: Mapping[str, int], *, marginal: bool = False) -> Level:
    """Lay rates by kind out in the order of `Usage`."""
    full = fill(rates)
    tokens = [full.get(kind) for kind in TOKEN_KINDS]
    tokens[_REASONING] = _surcharge(full)
    pieces = {kind: rate for kind, rate in full.items() if kind not in TOKEN_KINDS}
    return Level(above_tokens, marginal, tuple(tokens), pieces)


def _surcharge(rates: Mapping[str, int]) -> int:
    """Return what a reasoning token costs beside the output token it already is; usually nothing."""
    return rates["reasoning"] - rates.get("output", 0) if "reasoning" in rates else 0


NO_LEVEL = make_level(-1, {})
"""For a model without a price: no rate for anything."""


def is_active(row: Row | Multiplier, at_us: int) -> bool:
    """Whether a row holds at an instant."""
    if (row.from_us is not None and at_us < row.from_us) or (
        row.until_us is not None and at_us >= row.until_us
    ):
        return False
    return not isinstance(row, Row) or row.window is None or _in_window(row.window, at_us)


def _in_window(window: Window, at_us: int) -> bool:
    day, rest_us = divmod(at_us, _DAY_US)
    if not window.days >> (day + 3) % 7 & 1:  # 1 January 1970 was a Thursday
        return False
    second = rest_us // 1_000_000
    if window.end_s < window.start_s:
        return second >= window.start_s or second < window.end_s
    return window.start_s <= second < window.end_s


def validity(rows: Iterable[Row | Multiplier], at_us: int) -> tuple[int, int]:
    """Return the span around an instant in which no row begins or ends: [from, until)."""
    marks = [-_FOREVER_US, _FOREVER_US]
    for row in rows:
        marks += [mark for mark in (row.from_us, row.until_us) if mark is not None]
        if isinstance(row, Row) and row.window is not None:
            midnight = at_us - at_us % _DAY_US
            seconds = (0, row.window.start_s, row.window.end_s, 86_400)
            marks += [midnight + second * 1_000_000 for second in seconds]
    return max(mark for mark in marks if mark <= at_us), min(mark for mark in marks if mark > at_us)


def resolve(rows: Sequence[Row], found: Conditions, at_us: int) -> tuple[Row | None, list[Row]]:
    """Return the standard row in force (the last one that holds) and the variants in force (the first one wins)."""
    active = [row for row in rows if is_active(row, at_us)]
    standard = [row for row in active if not row.when]
    variants = [row for row in active if row.when and meets(row.when, found)]
    return (standard[-1] if standard else None), variants


def levels_of(standard: Row, variants: Sequence[Row]) -> dict[int, dict[str, int]]:
    """Return the rates by threshold, variants replacing the kinds they name."""
    rows = (standard, *variants)
    thresholds = sorted({-1, *(tier.above_tokens for row in rows for tier in row.tiers)})
    return {above: _merged(rows, above) for above in thresholds}


def _merged(rows: Sequence[Row], above: int) -> dict[str, int]:
    merged: dict[str, int] = {}
    for row in reversed(rows[1:]):  # the first variant is written last and so wins
        merged.update(row.rates_above(above))
    return {**rows[0].rates_above(above), **merged}
