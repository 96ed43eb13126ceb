"""How often does a p90 hold, of what a job of many calls costs too, and what does asking for it take?

Every call of a history is foreseen from the calls before it, as `taximeter forecast --calibration` does for a store. The
histories are made up (tests/histories.py and traffic.py), four of them to be difficult. For jobs, each history is cut in
many places, and the next fifty calls are compared with what is expected of fifty such calls.
"""

import platform
import sys
import timeit
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1] / "tests"))

from histories import HISTORIES, START_US
from measure import tell
from taximeter.event import TaskCompletionEvent
from taximeter.forecast import CalibrationRow, Forecast
from traffic import traffic

CALLS = 20_000
JOB_CALLS = 50
DAY_US = 86_400_000_000
BODY = b'{"model":"gpt-4o-mini","messages":[{"role":"user","content":"' + b"words and " * 100 + b'"}]}'


def company(count: int) -> Iterator[TaskCompletionEvent]:
    """Yield a month of a company's calls."""
    return traffic(count, seed=11, since_us=START_US, until_us=START_US + 30 * DAY_US)


def percent(share: float | None) -> str:
    """Return a share as people read it."""
    return "    -" if share is None else f"{share:5.1%}"


def row_of(row: CalibrationRow) -> str:
    """Return a line of the table."""
    return (
        f"  {row.history:>12}  {row.output.calls:6,} calls"
        f"  output p50 {percent(row.output.p50_share)}  p90 {percent(row.output.p90_share)}"
        f"  cost p50 {percent(row.cost.p50_share)}  p90 {percent(row.cost.p90_share)}"
    )


def jobs_held(events: list[TaskCompletionEvent]) -> tuple[int, int]:
    """Return how many jobs were within the p90 of their sum, and how many there were: of the busiest agent and model."""
    name = events[-1].agent, events[-1].requested_model
    alike = [
        event
        for event in events
        if (event.agent, event.requested_model) == name and event.actual_output_tokens
    ]
    forecast, held, jobs = Forecast(), 0, 0
    for at, event in enumerate(alike):
        following = alike[at : at + JOB_CALLS]
        if at >= JOB_CALLS and at % JOB_CALLS == 0 and len(following) == JOB_CALLS:
            expected = forecast.expect_job(
                JOB_CALLS,
                provider=event.provider,
                model=name[1],
                agent=name[0],
                task_type=event.task_type,
                at_us=event.started_at_us,
            )
            held += sum(each.actual_output_tokens or 0 for each in following) <= expected.output_tokens_p90
            jobs += 1
        forecast.learn(event)
    return held, jobs


def microseconds(function: Callable[[], object], count: int = 500) -> float:
    """Return the best time of a few rounds."""
    return min(timeit.repeat(function, number=count, repeat=7)) / count * 1e6


def calibration_figures() -> dict[str, float]:
    """Print how often forecasts held, history by history, and return the shares of all calls."""
    figures = {}
    for name, history in {"company": company, **HISTORIES}.items():
        forecast, events = Forecast(), list(history(CALLS))
        for event in events:
            forecast.learn(event)
        rows = forecast.calibration()
        assert rows[-1].output.calls > CALLS * 0.9
        held, jobs = jobs_held(events)
        print(f"{name}: calls of the same kind before it, and how often p50 and p90 held")
        print("\n".join(map(row_of, rows)))
        if jobs:
            print(f"  {held} of {jobs} jobs of {JOB_CALLS} calls were within the p90 of their sum")
            figures[f"{name}_jobs_held"] = held / jobs
        figures[f"{name}_output_held"] = rows[-1].output.p90_share or 0.0
        figures[f"{name}_cost_held"] = rows[-1].cost.p90_share or 0.0
    return figures


def time_figures() -> dict[str, float]:
    """Print what asking takes, and return it."""
    forecast, events = Forecast(), list(company(CALLS))
    for event in events:
        forecast.learn(event)
    asked = {"provider": "openai", "model": "gpt-4o-mini", "task_type": "chat", "agent": "a1"}
    known = {"operation": "chat", "complexity": "unknown", "at_us": START_US}
    estimate = partial(forecast.estimate, **asked, **known)  # type: ignore[arg-type] # names of both kinds
    expect = partial(forecast.expect, **asked, input_tokens=700)  # type: ignore[arg-type] # as above
    figures = {
        "estimate_us": microseconds(partial(estimate, request=None)),
        "estimate_with_request_us": microseconds(partial(estimate, request=BODY)),
        "expect_us": microseconds(expect),
        "learn_us": microseconds(partial(forecast.learn, events[-1])),
        "learned_bytes": float(len(forecast.to_json())),
    }
    print(f"estimates for an event: {figures['estimate_us']:.1f} us,")
    print(f"  with a request of {len(BODY):,} bytes: {figures['estimate_with_request_us']:.1f} us")
    print(f"an expectation: {figures['expect_us']:.0f} us")
    print(f"to learn a call: {figures['learn_us']:.0f} us")
    print(f"what was learned: {figures['learned_bytes'] / 1e6:.1f} MB of JSON")
    return figures


def main() -> None:
    """Print the tables and the times."""
    print(f"Python {platform.python_version()}")
    tell(calibration_figures() | time_figures())


if __name__ == "__main__":
    main()
