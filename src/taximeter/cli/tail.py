"""`taximeter tail`: the newest calls, a line each, and those that come."""

import select
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from datetime import tzinfo
from pathlib import Path

from rich.console import Console
from rich.text import Text

from taximeter.cli.choice import Choice
from taximeter.cli.console import console, plain
from taximeter.errors import ConfigurationError
from taximeter.event import TaskCompletionEvent, encode_event
from taximeter.report.money import format_usd
from taximeter.report.totals import Totals
from taximeter.report.window import local_time
from taximeter.store.answers import check_limit
from taximeter.store.arrivals import open_arrivals
from taximeter.vocabulary import Complexity, Outcome, TaskType

SHORTEST_INTERVAL_S = 0.05


def tail(
    path: Path,
    choice: Choice,
    *,
    count: int,
    follow: bool,
    interval_s: float,
    ndjson: bool,
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """Print the calls that came last, and go on with those that come.

    Args:
        path: The store.
        choice: Which calls, and the zone of their times.
        count: How many of those that are there.
        follow: Whether to go on until interrupted.
        interval_s: How long to wait before looking again.
        ndjson: Whether to print events as they are, one a line.
        sleep: What waits.

    Raises:
        ConfigurationError: There is no such file, or an option cannot be.
        StoreError: The file is no store.
    """
    check_interval(interval_s)
    out = console()
    with open_arrivals(path, choice.where) as arrivals:
        _show(out, arrivals.newest(check_limit(count, "--lines")), choice.zone, ndjson=ndjson)
        while follow:
            sleep(interval_s)
            _check_reader()
            _show(out, arrivals.fresh(), choice.zone, ndjson=ndjson)


def check_interval(interval_s: float) -> float:
    """Return the seconds between two looks.

    Raises:
        ConfigurationError: It is so short that looking would be all there is.
    """
    if not SHORTEST_INTERVAL_S <= interval_s <= 86_400:
        raise ConfigurationError("--interval", interval_s, f"from {SHORTEST_INTERVAL_S} to 86,400 seconds")
    return interval_s


def _check_reader() -> None:
    """End where nobody reads the output any more (`| head`): without a call to write it would not show.

    Raises:
        BrokenPipeError: Whoever read has left.
    """
    if hasattr(select, "poll"):  # Windows has none
        output = select.poll()
        output.register(sys.stdout, 0)  # errors and hang-ups are told unasked
        if output.poll(0):
            raise BrokenPipeError


def _show(out: Console, events: Iterable[TaskCompletionEvent], zone: tzinfo, *, ndjson: bool) -> None:
    for event in events:
        if ndjson:
            sys.stdout.buffer.write(encode_event(event) + b"\n")  # UTF-8 whatever the locale
        else:
            out.print(call_line(event, zone))
    sys.stdout.flush()


def call_line(event: TaskCompletionEvent, zone: tzinfo) -> Text:
    """Return a call on one line: when, what, how much, how long, how it went, who and why."""
    one = Totals()
    one.add(event)
    tokens = f"{event.actual_input_tokens or 0:,} in, {event.actual_output_tokens or 0:,} out"
    if event.actual_input_tokens is None and event.actual_output_tokens is None:
        tokens = "no usage"
    cost = "no price" if one.unpriced_calls else format_usd(one.cost_usd_nanos)
    parts = [
        plain(_local_time(event.started_at_us, zone), "dim"),
        plain(f"{event.provider}/{event.model or event.requested_model or '(none)'}", "bold"),
        plain(tokens),
        plain(f"{'~' if one.estimated_calls else ''}{cost}", "yellow" if one.unpriced_calls else "green"),
    ]
    if event.task_duration_ms is not None:
        parts.append(plain(_duration(event.task_duration_ms)))
    if event.outcome != Outcome.SUCCESS:
        error = event.error_status or event.error_type
        parts.append(plain(f"{event.outcome}{f' ({error})' if error else ''}", "red"))
    return Text("  ").join([*parts, *(plain(word, "cyan") for word in _circumstances(event))])


def _circumstances(event: TaskCompletionEvent) -> Iterator[str]:
    if event.task_type != TaskType.UNKNOWN:
        yield f"task={event.task_type}"
    if event.complexity != Complexity.UNKNOWN:
        yield f"complexity={event.complexity}"
    for name in ("agent", "user", "session"):
        if (value := getattr(event, name)) is not None:
            yield f"{name}={value}"
    if event.attempt > 1:
        yield f"attempt={event.attempt}"


def _duration(milliseconds: float) -> str:
    return f"{milliseconds:,.0f} ms" if milliseconds < 1000 else f"{milliseconds / 1000:,.1f} s"


def _local_time(at_us: int, zone: tzinfo) -> str:
    try:
        local = local_time(at_us, zone)
    except (OverflowError, ValueError):
        return f"{at_us} us"
    return local.replace(tzinfo=None).isoformat(" ", "seconds")
