"""How many reservations a second can processes make on one hard limit, and do they ever pass it?

    python benchmarks/budget_race.py [--processes 8] [--calls 1000]

Every process makes calls of random cost under a bound that is never below it, until its calls are made or the limit lets
none through. The limit is half of what all calls would cost, so that most of the race is run at its edge. Some processes
are killed in the middle; what they had reserved comes back. Printed: what was spent, what was blocked, and how fast.
"""

import argparse
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from time import perf_counter, perf_counter_ns

import msgspec

from measure import positive, tell
from taximeter.budget import Budget, Budgets
from taximeter.errors import BudgetExceeded

MOST_NANOS = 20_000_000


def budget(limit_nanos: int) -> Budget:
    """Return the one limit of the race."""
    return Budget(name="race", limit_usd_micros=limit_nanos // 1000, window="lifetime", alerts=())


class Outcome(msgspec.Struct):
    """What one process has done; times in microseconds."""

    spent_nanos: int = 0
    made: int = 0
    blocked: int = 0
    reserve_us: list[float] = []


def run_one(file: Path, limit_nanos: int, seed: int, calls: int) -> Outcome:
    """Make calls of random cost."""
    random, outcome = Random(seed), Outcome()
    budgets = Budgets(None, [budget(limit_nanos)], file=file, timeout_s=60)
    for _ in range(calls):
        bound = random.randrange(1, MOST_NANOS)
        began_ns = perf_counter_ns()
        try:
            reservation = budgets.reserve(usd_nanos=bound)
        except BudgetExceeded:
            outcome.blocked += 1
        else:
            actual = random.randrange(1, bound + 1)
            reservation.settle(usd_nanos=actual)
            outcome.spent_nanos += actual
            outcome.made += 1
        outcome.reserve_us.append((perf_counter_ns() - began_ns) / 1e3)
    budgets.close()
    return outcome


def start(file: Path, limit_nanos: int, seed: int, calls: int) -> "subprocess.Popen[bytes]":
    """Start one process of the race."""
    words = [str(file), str(limit_nanos), str(seed), str(calls)]
    return subprocess.Popen([sys.executable, __file__, "--one", *words], stdout=subprocess.PIPE)


def race(processes: int, calls: int, killed: int, folder: Path) -> dict[str, float]:
    """Run the race and return its figures."""
    file = folder / "race.budgets"
    limit_nanos = processes * calls * MOST_NANOS // 8 // 1000 * 1000
    began = perf_counter()
    victims = [start(file, limit_nanos, 1000 + n, 10**9) for n in range(killed)]
    runners = [start(file, limit_nanos, n, calls) for n in range(processes)]
    outcomes = [msgspec.json.decode(_output(runners[0]), type=Outcome)]
    for victim in victims:
        os.kill(victim.pid, signal.SIGKILL)
        victim.communicate()
    outcomes += [msgspec.json.decode(_output(runner), type=Outcome) for runner in runners[1:]]
    duration_s = perf_counter() - began
    budgets = Budgets(None, [budget(limit_nanos)], file=file)
    (state,) = budgets.states()
    budgets.close()
    spent = sum(outcome.spent_nanos for outcome in outcomes)
    times = sorted(us for outcome in outcomes for us in outcome.reserve_us)
    assert spent == state.spent_usd_nanos or victims
    return {
        "limit_usd": limit_nanos / 1e9,
        "spent_usd": state.spent_usd_nanos / 1e9,
        "overshoot_nanos": max(state.spent_usd_nanos - limit_nanos, 0),
        "still_reserved_nanos": state.reserved_usd_nanos,
        "made": sum(outcome.made for outcome in outcomes),
        "blocked": sum(outcome.blocked for outcome in outcomes),
        "asked_per_s": round(len(times) / duration_s),
        "median_us": times[len(times) // 2],
        "p99_us": times[len(times) * 99 // 100],
        "duration_s": round(duration_s, 2),
    }


def _output(process: "subprocess.Popen[bytes]") -> bytes:
    output, _ = process.communicate(timeout=600)
    assert process.returncode == 0
    return output


def main(arguments: Sequence[str]) -> None:
    """Race, or run as one of the processes."""
    if arguments[:1] == ["--one"]:
        file, limit, seed, calls = arguments[1:]
        sys.stdout.buffer.write(msgspec.json.encode(run_one(Path(file), int(limit), int(seed), int(calls))))
        return
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--processes", type=positive, default=8)
    parser.add_argument("--calls", type=positive, default=1000)
    parser.add_argument("--killed", type=int, default=2, help="processes that are killed on the way, besides")
    asked = parser.parse_args(arguments)
    with TemporaryDirectory() as folder:
        found = race(asked.processes, asked.calls, asked.killed, Path(folder))
    for name, value in found.items():
        print(f"{name:22}{value:,}")
    tell(found)


if __name__ == "__main__":
    main(sys.argv[1:])
