"""Progress: a bar on stderr where somebody watches."""

import sys
from collections.abc import Generator, Iterable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import TypeVar

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from taximeter.cli.choice import Choice
from taximeter.cli.console import console
from taximeter.event import TaskCompletionEvent
from taximeter.report.group import grand_total
from taximeter.store import EventFile, Store

T = TypeVar("T")
_STEP = 500


def watched_events(
    store: Store | EventFile, choice: Choice, name: str
) -> AbstractContextManager[Iterator[TaskCompletionEvent]]:
    """Show how far the reading of chosen events has come; see `watched`."""
    return watched(store.events(choice.window, where=choice.where), name, _expected_calls(store, choice))


def _expected_calls(store: Store | EventFile, choice: Choice) -> int | None:
    """Return how many calls there are, where that is quickly told and somebody watches."""
    if not isinstance(store, Store) or not sys.stderr.isatty():
        return None
    return grand_total(store.totals(window=choice.window, where=choice.where)).calls


@contextmanager
def watched(items: Iterable[T], name: str, total: int | None) -> Iterator[Iterator[T]]:
    """Show how far the reading of items has come, on a terminal only; at the end their source is closed.

    Args:
        items: What is read.
        name: What is done with them.
        total: How many they are; None where nobody knows.
    """
    columns = TextColumn(name), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    bar = Progress(*columns, console=console(stderr=True), transient=True, disable=not sys.stderr.isatty())
    with bar, ExitStack() as stack:
        if isinstance(
            items, Generator
        ):  # while what it reads from is open still, also where the reader has left early
            stack.callback(items.close)
        task = bar.add_task(name, total=total)

        def read() -> Iterator[T]:
            for count, item in enumerate(items, 1):
                yield item
                if count % _STEP == 0:
                    bar.update(task, completed=count)

        yield read()
