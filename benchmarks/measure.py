"""What the questions share: interleaved rounds, ratios by round, percentiles, and how an answer is told.

A question is a file that checks its results, times them beside their floor in the same run, prints what it found for
people, and prints the same as one JSON object in its last line: names with their unit, and numbers.
"""

import argparse
import json
import sqlite3
import statistics
import timeit
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from taximeter.event import TaskCompletionEvent
from taximeter.sinks.batch import Batch
from traffic import DAY_US, traffic

UNTIL_US = 1_793_491_200_000_000  # 2026-11-01T00:00Z


class Nowhere:
    """A sink that keeps nothing."""

    name = "nowhere"

    async def write(self, _batch: Batch) -> None:
        """Forget the batch."""

    async def aclose(self) -> None:
        """Do nothing."""


def interleaved(
    *functions: Callable[[], object], rounds: int = 61, round_s: float = 0.002
) -> list[list[float]]:
    """Return the nanoseconds per call of each function by round, their short rounds taking turns.

    What else the machine does then falls on all of them alike, and a ratio is taken within a round.
    """
    timers = [timeit.Timer(function) for function in functions]
    counts = [max(1, int(round_s / max(timer.timeit(50) / 50, 1e-9))) for timer in timers]
    times: list[list[float]] = [[] for _ in timers]
    for _ in range(rounds):
        for taken, timer, count in zip(times, timers, counts, strict=True):
            taken.append(timer.timeit(count) / count * 1e9)
    return times


def ratio(ours: Sequence[float], floor: Sequence[float]) -> float:
    """Return the median of the ratios of interleaved rounds."""
    return statistics.median(mine / least for mine, least in zip(ours, floor, strict=True))


def percentile(values: Sequence[float], share: float) -> float:
    """Return the value that this share of all is below."""
    ordered = sorted(values)
    return ordered[min(int(len(ordered) * share), len(ordered) - 1)]


def calls(count: int, *, seed: int = 1) -> list[TaskCompletionEvent]:
    """Return so many distinct events of a made-up company, a day's worth, about 1,240 bytes each as JSON."""
    return list(traffic(count, seed=seed, since_us=UNTIL_US - DAY_US, until_us=UNTIL_US))


def rows_in(database: Path) -> int:
    """Return how many distinct events a SQLite file of ours holds."""
    connection = sqlite3.connect(database)
    (rows,) = connection.execute("SELECT count(DISTINCT event_id) FROM events").fetchone()
    connection.close()
    return int(rows)


def positive(text: str) -> int:
    """Read a number of things of which there has to be one at least, for argparse."""
    if (number := int(text)) < 1:
        raise argparse.ArgumentTypeError(f"{text} is not above 0")
    return number


def tell(figures: Mapping[str, float]) -> None:
    """Print the figures for programs, with four digits, as the last line."""
    print(json.dumps({name: _rounded(value) for name, value in figures.items()}))


def _rounded(value: float) -> float:
    return int(value) if value == int(value) else float(f"{value:.4g}")
