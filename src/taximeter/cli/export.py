"""`taximeter export`: events and costs for other programs."""

import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import BinaryIO

import msgspec

from taximeter.cli.choice import Choice
from taximeter.cli.conclusion import describe_losses, mention_unreadable
from taximeter.cli.console import console, plain
from taximeter.cli.output_format import json_document
from taximeter.cli.progress import watched_events
from taximeter.errors import ConfigurationError, one_of
from taximeter.event import TaskCompletionEvent, encode_event
from taximeter.exports.calls import CALL_COLUMNS, call_rows
from taximeter.exports.column import Column, RowValues
from taximeter.exports.csv_file import CsvFile
from taximeter.exports.focus import FocusCounts, focus_rows
from taximeter.exports.focus_columns import focus_columns
from taximeter.exports.focus_metadata import focus_metadata
from taximeter.exports.focus_options import FocusOptions
from taximeter.exports.parquet_file import ParquetFile
from taximeter.prices import from_file
from taximeter.pricing import Catalog
from taximeter.private_file import make_plain_file
from taximeter.report.money import format_usd, plural
from taximeter.sqlite_file import files_of
from taximeter.store import Store, open_store

FORMATS = ("csv", "parquet", "focus", "ndjson")
_PARQUET = ".parquet"
_ENDINGS = {".csv": "csv", _PARQUET: "parquet", ".ndjson": "ndjson", ".jsonl": "ndjson"}


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """What to write where: `path` is None for standard output."""

    path: Path | None
    format: str
    verbatim: bool = False

    @property
    def is_parquet(self) -> bool:
        """Whether the file is to be Parquet; FOCUS is, where its name says so."""
        return self.format == "parquet" or (
            self.format == "focus" and self.path is not None and self.path.suffix.lower() == _PARQUET
        )


class FocusRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What only FOCUS has: the rows, the contract, and where its metadata goes."""

    options: FocusOptions
    prices: tuple[Path, ...] = ()
    metadata: Path | None = None


def read_target(path: Path | None, format_name: str | None, *, verbatim: bool) -> Target:
    """Return what is to be written where.

    Args:
        path: `--out`; None, and `-`, mean standard output.
        format_name: `--format`; None takes it from the end of the path; CSV for standard output.
        verbatim: `--verbatim`.

    Raises:
        ConfigurationError: There is no such format, no telling which, or Parquet would go to a terminal.
    """
    path = None if path is not None and str(path) == "-" else path
    name = format_name or _format_of(path)
    if name not in FORMATS:
        raise ConfigurationError("--format", name, one_of(name, FORMATS))
    target = Target(path=path, format=name, verbatim=verbatim)
    if target.is_parquet and path is None and sys.stdout.isatty():
        raise ConfigurationError("--format", "parquet", "given with --out FILE where a terminal would get it")
    return target


def _format_of(path: Path | None) -> str:
    if path is None:
        return "csv"
    found = _ENDINGS.get(path.suffix.lower())
    if found is None:
        raise ConfigurationError(
            "--out", str(path), f"a name ending in {', '.join(_ENDINGS)}, or with --format"
        )
    return found


def export(store_path: Path, choice: Choice, target: Target, focus: FocusRequest) -> None:
    """Write the calls of a store, or their costs, into a file or to standard output.

    Args:
        store_path: The store, which is only read.
        choice: Which calls.
        target: What to write where.
        focus: What only FOCUS has.

    Raises:
        ConfigurationError: There is no such store, or the file cannot be where it is to be.
        MissingExtraError: Parquet is asked for, and pyarrow is not installed.
        StoreError: The file is no store.
    """
    if target.format != "focus":
        _check_no_focus(focus)
    with open_store(store_path) as store:
        _check_apart(store_path, target, focus)
        with ExitStack() as stack:
            events = stack.enter_context(watched_events(store, choice, "export"))
            stream = stack.enter_context(_opened(target.path))
            if target.format == "focus":
                words = _write_focus(events, stream, target, focus, in_order=isinstance(store, Store))
            elif target.format == "ndjson":
                words = plural(_write_lines(events, stream), "event")
            else:
                words = plural(_write_calls(events, stream, target), "event")
        out = console(stderr=True)
        out.print(plain(f"{words}{f' in {target.path}' if target.path else ''}"))
        for note in describe_losses(store, choice):
            out.print(plain(note, "yellow"))
        mention_unreadable(store)


def _check_no_focus(focus: FocusRequest) -> None:
    """Refuse what only FOCUS would heed, lest somebody believes it was."""
    options, usual = focus.options, FocusOptions()
    given = {
        "--prices": ", ".join(map(str, focus.prices)),
        "--metadata": focus.metadata,
        "--focus-version": options.version if options.version != usual.version else None,
        "--per": options.per if options.per != usual.per else None,
        "--billing-account": options.billing_account,
        "--invoice-issuer": options.invoice_issuer,
    }
    for key, value in given.items():
        if value:
            raise ConfigurationError(key, str(value), "given with --format focus")


def _check_apart(store: Path, target: Target, focus: FocusRequest) -> None:
    """Refuse to write over a file that is read, what SQLite keeps beside a store included, or twice into one."""
    taken = [*files_of(store), *focus.prices]
    for key, path in (("--out", target.path), ("--metadata", focus.metadata)):
        if path is None:
            continue
        if not path.parent.is_dir() or path.is_symlink() or (path.exists() and not path.is_file()):
            raise ConfigurationError(key, str(path), "a file in a folder that exists, and no link to one")
        if any(_is_same(path, other) for other in taken):
            raise ConfigurationError(key, str(path), "another file than those that are read or written")
        taken.append(path)


def _is_same(one: Path, other: Path) -> bool:
    if one.exists() and other.exists():
        return one.samefile(other)
    return one.resolve() == other.resolve()


@contextmanager
def _opened(path: Path | None) -> Iterator[BinaryIO]:
    """Open a file that appears under its name when it is whole; standard output as it is."""
    if path is None:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    draft = path.with_name(f".{path.name}.{os.getpid()}.draft")
    try:
        make_plain_file(draft)
        with draft.open("wb") as stream:
            yield stream
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


def _write_lines(events: Iterable[TaskCompletionEvent], stream: BinaryIO) -> int:
    count = 0
    for count, event in enumerate(events, 1):  # noqa: B007 - the count outlives the loop
        stream.write(encode_event(event) + b"\n")
    return count


def _write_calls(events: Iterable[TaskCompletionEvent], stream: BinaryIO, target: Target) -> int:
    return _write_table(call_rows(events), CALL_COLUMNS, stream, target)


def _write_table(
    rows: Iterable[RowValues], columns: tuple[Column, ...], stream: BinaryIO, target: Target
) -> int:
    if not target.is_parquet:
        return CsvFile(stream, columns, verbatim=target.verbatim).write(rows)
    with ParquetFile(stream, columns) as file:
        return file.write(rows)


def _write_focus(
    events: Iterable[TaskCompletionEvent],
    stream: BinaryIO,
    target: Target,
    focus: FocusRequest,
    *,
    in_order: bool,
) -> str:
    counts = FocusCounts()
    prices = Catalog.default()
    own = [override for file in focus.prices for override in from_file(file)]
    rows = focus_rows(
        events,
        focus.options,
        counts,
        prices=prices,
        contract=prices.with_overrides(*own) if own else None,
        in_order=in_order,
    )
    columns = tuple(column.column for column in focus_columns(focus.options.version))
    if target.is_parquet:
        with ParquetFile(stream, columns) as file:
            file.write(rows)
            file.note({"focus": msgspec.json.encode(focus_metadata(focus.options, counts)).decode()})
    else:
        CsvFile(stream, columns, verbatim=target.verbatim).write(rows)
    if focus.metadata is not None:
        with _opened(focus.metadata) as beside:
            beside.write(json_document(focus_metadata(focus.options, counts)))
    return describe_focus(counts)


def describe_focus(counts: FocusCounts) -> str:
    """Return what the rows hold, and what they do not."""
    amount = format_usd(counts.rows_usd_nanos)
    parts = [f"{plural(counts.rows, 'row')} for {plural(counts.calls, 'call')}, {amount}"]
    if counts.unpriced_calls:
        parts.append(f"{plural(counts.unpriced_calls, 'unpriced call')} left out: FOCUS has no unknown cost")
    if counts.lower_bound_calls:
        parts.append(f"{plural(counts.lower_bound_calls, 'call')} of it as a lower bound")
    if counts.recorded_calls:
        parts.append(f"{plural(counts.recorded_calls, 'call')} as one amount, which no prices here give")
    if counts.refused_calls:
        parts.append(f"{plural(counts.refused_calls, 'refused call')} without cost")
    return "; ".join(parts)
