"""How does the time of a report grow with the number of events?

The same store is asked after 10,000, 30,000, 100,000 and 300,000 calls of ninety days: totals by model, by day in Kathmandu
and by user, warm, and `taximeter report` as a process. `--calls 10000000` goes on in the same steps. Counts are checked.
"""

import argparse
import platform
import statistics
import subprocess
import sys
import tempfile
from itertools import islice
from pathlib import Path
from time import perf_counter
from zoneinfo import ZoneInfo

from measure import UNTIL_US, tell
from taximeter.event import encode_event
from taximeter.sinks.row_writer import RowWriter
from taximeter.sinks.sqlite import open_database
from taximeter.store import Store
from traffic import DAY_US, traffic

STEPS = (10_000, 30_000, 100_000, 300_000, 1_000_000, 3_000_000, 10_000_000)
BATCH = 5000
ASKED = 7
ZONE = ZoneInfo("Asia/Kathmandu")


def add(path: Path, count: int, seed: int) -> None:
    """Write so many more calls of the same ninety days."""
    connection = open_database(path)
    writer = RowWriter(connection)
    events = traffic(count, seed=seed, since_us=UNTIL_US - 90 * DAY_US, until_us=UNTIL_US)
    while batch := [encode_event(event) for event in islice(events, BATCH)]:
        connection.execute("BEGIN IMMEDIATE")
        writer.write(batch)
        connection.execute("COMMIT")
    connection.close()


def milliseconds(path: Path, calls: int) -> dict[str, float]:
    """Return the median time of each question, and of the command."""
    found: dict[str, list[float]] = {"by_model": [], "by_day": [], "by_user": [], "command": []}
    command = [str(Path(sys.executable).with_name("taximeter")), "report", str(path)]
    with Store(path) as store:
        for _ in range(ASKED):
            for name, dimension in (("by_model", "model"), ("by_day", "day"), ("by_user", "user")):
                before = perf_counter()
                groups = store.totals([dimension], zone=ZONE)
                found[name].append((perf_counter() - before) * 1e3)
                assert sum(group.totals.calls for group in groups) == calls
    for _ in range(3):
        before = perf_counter()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        found["command"].append((perf_counter() - before) * 1e3)
    return {name: statistics.median(times) for name, times in found.items()}


def main() -> None:
    """Answer the question."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--calls", type=int, default=300_000, choices=STEPS, help="the last step")
    most = parser.parse_args().calls
    print(f"Python {platform.python_version()}, milliseconds, warm, median of {ASKED}")
    figures: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as folder:
        path, before = Path(folder, "usage.db"), 0
        for calls in (step for step in STEPS if step <= most):
            add(path, calls - before, seed=calls)
            before = calls
            found = milliseconds(path, calls)
            figures |= {f"{calls}_{name}_ms": taken for name, taken in found.items()}
            print(f"  {calls:10,} " + "  ".join(f"{name} {taken:8.1f}" for name, taken in found.items()))
    tell(figures)


if __name__ == "__main__":
    main()
