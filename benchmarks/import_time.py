"""How much does `import taximeter` cost, beside importing what it stands on?

Floor: `import msgspec, anyio`. Each statement runs in fresh interpreters, interleaved; a bare interpreter's start is
subtracted, and both statements are checked to have loaded what they name before anything is timed.
"""

import platform
import statistics
import subprocess
import sys
import time

BARE = "pass"
FLOOR = "import msgspec, anyio"
OURS = "import taximeter"
SURFACE = "import taximeter; taximeter.start, taximeter.scope, taximeter.TaskCompletionEvent"
ROUNDS = 25


def check(statement: str, expected: str) -> None:
    """Make sure that the statement loads what it is timed for."""
    code = f"{statement}\nimport sys; assert {expected!r} in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def seconds(statement: str) -> float:
    """Run the statement once in a fresh interpreter."""
    start = time.perf_counter()
    subprocess.run([sys.executable, "-c", statement], check=True)
    return time.perf_counter() - start


def main() -> None:
    """Print medians and ratios."""
    for statement, expected in ((FLOOR, "anyio"), (OURS, "taximeter"), (SURFACE, "taximeter.tracker")):
        check(statement, expected)
    times: dict[str, list[float]] = {BARE: [], FLOOR: [], OURS: [], SURFACE: []}
    for _ in range(ROUNDS):
        for statement, taken in times.items():
            taken.append(seconds(statement))
    medians = {statement: statistics.median(taken) for statement, taken in times.items()}
    floor = medians[FLOOR] - medians[BARE]
    print(f"import time, Python {platform.python_version()}, median of {ROUNDS} fresh interpreters")
    for statement, median in medians.items():
        added = median - medians[BARE]
        print(f"  {added * 1000:7.1f} ms added  {added / floor:5.2f} x floor  {statement}")


if __name__ == "__main__":
    main()
