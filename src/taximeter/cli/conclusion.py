"""Conclusions: the sentence below an answer with the whole amount."""

from collections.abc import Iterator

from rich.console import Console

from taximeter.cli.choice import Choice
from taximeter.cli.console import plain
from taximeter.cli.message import complain
from taximeter.report.lost import describe_lost
from taximeter.report.money import plural
from taximeter.report.totals import Totals
from taximeter.store import EventFile, Store


def conclude(out: Console, store: Store | EventFile, total: Totals, choice: Choice) -> None:
    """Print how many calls of which choice cost what: exact, estimated or unknown.

    Every total for people goes through here, so that what qualifies all of a store's totals is said in one place.
    """
    if not total.calls:
        out.print(plain(f"{no_calls(store, choice)}."))
    else:
        out.print(
            plain(
                f"{' '.join(filter(None, (plural(total.calls, 'call'), choice.describe())))}: {total.money}"
            )
        )
    for note in describe_losses(store, choice):
        out.print(plain(note, "yellow"))


def describe_losses(store: Store | EventFile, choice: Choice) -> Iterator[str]:
    """Yield what a store's totals are known to be short of; of lost events nobody knows whose they were."""
    if lost := store.lost(choice.window):
        yield f"Not in it: {describe_lost(lost)}."


def no_calls(store: Store | EventFile, choice: Choice) -> str:
    """Return that there is nothing to show, and of what."""
    return " ".join(filter(None, (f"No calls in {store.path}", choice.describe())))


def mention_unreadable(store: Store | EventFile) -> None:
    """Say on stderr how many lines of a file were left out, lest a damaged file looks like a clean one."""
    if isinstance(store, EventFile) and store.unreadable_lines:
        complain(f"{store.path}: {plural(store.unreadable_lines, 'line')} not an event, left out")
