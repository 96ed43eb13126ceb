"""Histories of made-up calls: steady, drifting, with long tails, of many rare kinds."""

from collections.abc import Iterator
from random import Random
from typing import Any

from taximeter.event import TaskCompletionEvent
from taximeter.vocabulary import CostStatus, Operation, UsageStatus

START_US = 1_793_491_200_000_000  # 2026-11-01T00:00Z
MINUTE_US = 60_000_000


def answered(at: int = 0, output: int = 100, *, taken: int = 1000, **fields: Any) -> TaskCompletionEvent:
    """Return a call of gpt-4o-mini at its list price, so many minutes after the start."""
    nanos = taken * 150 + output * 600
    defaults = {
        "started_at_us": START_US + at * MINUTE_US,
        "provider": "openai",
        "model": "gpt-4o-mini-2024-07-18",
        "requested_model": "gpt-4o-mini",
        "operation": Operation.CHAT,
        "actual_input_tokens": taken,
        "actual_output_tokens": output,
        "usage_status": UsageStatus.REPORTED,
        "cost_status": CostStatus.PRICED,
        "actual_cost_usd_nanos": nanos,
    }
    return TaskCompletionEvent(**{**defaults, **fields})


def steady(count: int, seed: int = 1) -> Iterator[TaskCompletionEvent]:
    """Yield calls of four agents that each write in a way of their own."""
    random = Random(seed)
    for at in range(count):
        agent = random.randrange(4)
        output = 1 + round(random.lognormvariate(3 + agent, 0.4 + agent / 4))
        yield answered(at, output, taken=round(random.lognormvariate(7, 1)) + 1, agent=f"a{agent}")


def drifting(count: int, seed: int = 2) -> Iterator[TaskCompletionEvent]:
    """Yield calls whose answers get three times as long, and once within a moment twice as long again."""
    random = Random(seed)
    for at in range(count):
        mean = 4 + 1.1 * at / count + (0.7 if at > count * 0.6 else 0.0)
        yield answered(at, 1 + round(random.lognormvariate(mean, 0.6)), agent="writer")


def heavy_tailed(count: int, seed: int = 3) -> Iterator[TaskCompletionEvent]:
    """Yield calls of which a few write hundreds of times what most do."""
    random = Random(seed)
    for at in range(count):
        yield answered(at, min(round(20 * random.paretovariate(0.9)), 100_000), agent="thinker")


def thin(count: int, seed: int = 4, calls_each: int = 6) -> Iterator[TaskCompletionEvent]:
    """Yield calls of hundreds of agents that make a handful each, and differ by a factor of ten."""
    random = Random(seed)
    means: dict[int, float] = {}
    for at in range(count):
        agent = random.randrange(count // calls_each)
        mean = means.setdefault(agent, random.gauss(5, 1.2))
        yield answered(at, 1 + round(random.lognormvariate(mean, 0.5)), agent=f"a{agent}")


HISTORIES = {"steady": steady, "drifting": drifting, "heavy_tailed": heavy_tailed, "thin": thin}
