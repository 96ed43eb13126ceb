"""`taximeter replay`: events out of recorded interactions."""

import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack

import msgspec
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TaskProgressColumn, TextColumn, TimeRemainingColumn

import taximeter
from taximeter.builder import EventBuilder
from taximeter.cli.console import console, plain
from taximeter.cli.message import complain
from taximeter.cli.receipt import delivery_lines
from taximeter.cli.totals_table import print_totals
from taximeter.event import TaskCompletionEvent, encode_event
from taximeter.recording import UnreadableRecordingError, read_recording, replay_recording
from taximeter.report.dimension import read_dimensions
from taximeter.report.group import Group, grand_total, group_events
from taximeter.report.money import plural
from taximeter.report.window import read_zone
from taximeter.store import StoreError
from taximeter.store.line_file import LineFile

_NAMED_LINES = 20  # further bad lines are only counted: a wrong file has thousands
_EVENTS_A_FLUSH = 1_000  # far below what the queue holds, so that a quick reader never meets a full one


class Counts(msgspec.Struct):
    """What became of the lines."""

    recordings: int = 0
    events: int = 0
    not_inference: int = 0
    unparsed: int = 0
    unreadable: int = 0

    def describe(self) -> str:
        """Return the counts in words; what went wrong only where it did."""
        parts = [plural(self.events, "event"), f"{self.not_inference:,} not an inference"]
        if self.unparsed:
            parts.append(f"{self.unparsed:,} of the events not fully understood")
        if self.unreadable:
            parts.append(plural(self.unreadable, "unreadable line"))
        return f"{plural(self.recordings, 'recording')}: {', '.join(parts)}"


def replay(path: str, sinks: Sequence[str], by: Sequence[str], *, ndjson: bool, tz: str) -> None:
    """Read a file of recordings line by line; print the events, or a table of their totals.

    Raises:
        ConfigurationError: An option that cannot be.
        StoreError: The file, or the rest of it, cannot be read, or nothing in it is a recording; what was read is shown
            all the same.
    """
    names, zone = read_dimensions(by), read_zone(tz, "--tz")
    counts, broken = Counts(), list[StoreError]()
    with ExitStack() as stack:
        tracker = stack.enter_context(taximeter.start(*sinks)) if sinks else None
        lines = stack.enter_context(LineFile(path))
        events = read_events(_until_broken(stack.enter_context(_Watched(lines)), broken), lines, counts)
        if tracker:
            events = _sent(events, tracker)
        if ndjson:
            events = _printed(events)
        groups = group_events(events, names, zone=zone)
    if not ndjson:
        _print(names, groups)
    _print_counts(console(stderr=ndjson), counts, tracker.close() if tracker else None)
    for error in broken:
        raise error
    if counts.unreadable and not counts.recordings:
        raise StoreError(f"{path}: holds no recording")


def read_events(lines: Iterable[bytes], source: LineFile, counts: Counts) -> Iterator[TaskCompletionEvent]:
    """Yield the event of each recording that is an inference; name and count the lines that are no recordings."""
    builder = EventBuilder()
    for line in lines:
        try:
            replayed = replay_recording(read_recording(line), builder)
        except UnreadableRecordingError as error:
            counts.unreadable += 1
            if counts.unreadable <= _NAMED_LINES:
                complain(f"{source.path}: line {source.line_number}: {error}")
            continue
        counts.recordings += 1
        counts.unparsed += replayed.unparsed > 0
        if replayed.event is None:
            counts.not_inference += 1
        else:
            counts.events += 1
            yield replayed.event


def _until_broken(lines: Iterable[bytes], broken: list[StoreError]) -> Iterator[bytes]:
    """End early where the file cannot be read on, and keep the reason for the end."""
    try:
        yield from lines
    except StoreError as error:
        broken.append(error)


def _printed(events: Iterable[TaskCompletionEvent]) -> Iterator[TaskCompletionEvent]:
    write = sys.stdout.buffer.write
    for event in events:
        write(encode_event(event) + b"\n")
        yield event
    sys.stdout.buffer.flush()


def _sent(
    events: Iterable[TaskCompletionEvent], tracker: "taximeter.Tracker"
) -> Iterator[TaskCompletionEvent]:
    for count, event in enumerate(events, 1):
        tracker.track_task_completion(event)
        if count % _EVENTS_A_FLUSH == 0:
            tracker.flush()
        yield event


class _Watched:
    """The lines of a file, with a bar on stderr where somebody watches."""

    def __init__(self, lines: LineFile) -> None:
        self._lines = lines
        self._bar = Progress(
            TextColumn("replay"),
            BarColumn(),
            TaskProgressColumn(),
            TimeRemainingColumn(),
            console=console(stderr=True),
            transient=True,
            disable=not sys.stderr.isatty(),
        )

    def __enter__(self) -> Iterator[bytes]:
        self._bar.start()
        task = self._bar.add_task("replay", total=self._lines.size_bytes or None)
        return self._watch(task)

    def _watch(self, task: TaskID) -> Iterator[bytes]:
        for line in self._lines:
            yield line
            if self._lines.line_number % 50 == 0:
                self._bar.update(task, completed=self._lines.read_bytes)

    def __exit__(self, *_: object) -> None:
        self._bar.stop()


def _print(names: Sequence[str], groups: Sequence[Group]) -> None:
    if groups:
        out = console()
        print_totals(out, names, groups, grand_total(groups))
        out.print()


def _print_counts(out: Console, counts: Counts, receipt: "taximeter.Receipt | None") -> None:
    out.print(plain(counts.describe()))
    for line in delivery_lines(receipt) if receipt else ():
        out.print(line)
