"""How fast do events get to a server, and are any lost, when a program tracks flat out at default settings?

100,000 distinct events are tracked without a pause by one thread and posted to `taximeter receive`, a process of its
own, which stores them in SQLite. Every event has to be there once when the time is taken.
"""

import os
import platform
import subprocess
import sys
import tempfile
from pathlib import Path
from time import perf_counter

import taximeter
from measure import rows_in, tell
from taximeter.version import __version__

EVENTS = 100_000
TOKEN = "benchmark"  # noqa: S105 - of a server that lives for a moment


def send(url: str) -> tuple[float, float]:
    """Track all events; return the seconds until they were tracked and until they were delivered."""
    events = [taximeter.TaskCompletionEvent(model=f"m{n}", provider="openai") for n in range(EVENTS)]
    tracker = taximeter.start(url)
    begun = perf_counter()
    for event in events:
        tracker.track_task_completion(event)
    tracked_s = perf_counter() - begun
    receipt = tracker.close(300)
    assert receipt.complete, receipt
    return tracked_s, perf_counter() - begun


def main() -> None:
    """Answer the question."""
    os.environ["TAXIMETER_TOKEN"] = TOKEN
    with tempfile.TemporaryDirectory() as folder:
        command = [str(Path(sys.executable).with_name("taximeter")), "receive", "--port", "0"]
        with subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, text=True) as server:
            assert server.stdout
            url = server.stdout.readline().partition(" on ")[2].partition(" into ")[0]
            tracked_s, delivered_s = send(url)
            server.terminate()
        assert rows_in(Path(folder, "usage.db")) == EVENTS
    print(
        f"taximeter {__version__}, Python {platform.python_version()}, {EVENTS:,} events to `taximeter receive`"
    )
    print(f"  tracked    in {tracked_s:6.2f} s  {EVENTS / tracked_s:9,.0f} a second")
    print(
        f"  delivered  in {delivered_s:6.2f} s  {EVENTS / delivered_s:9,.0f} a second, none dropped, none twice"
    )
    tell({"tracked_per_s": EVENTS / tracked_s, "delivered_per_s": EVENTS / delivered_s})


if __name__ == "__main__":
    main()
