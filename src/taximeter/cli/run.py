"""`taximeter run`: a program under the meter, and its receipt."""

import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
from rich.text import Text

from taximeter.capture.run import DEFAULT_SINKS, RunResult
from taximeter.capture.run import run as run_metered
from taximeter.capture.run_folder import SINK_NAME
from taximeter.cli.configured_budgets import configured_budgets
from taximeter.cli.console import console, plain
from taximeter.cli.message import complain
from taximeter.cli.output_format import json_document
from taximeter.cli.receipt import merge_receipts, print_receipt
from taximeter.cli.spending_limit import describe_limit, has_store, spending_limit
from taximeter.errors import ConfigurationError
from taximeter.receipt import Receipt
from taximeter.report.money import plural
from taximeter.settings import Settings
from taximeter.sinks.table import sink_for

if TYPE_CHECKING:
    from taximeter.budget import BudgetState


def run(
    command: Sequence[str],
    sinks: Sequence[str],
    *,
    quiet: bool,
    service: str | None,
    ask_usage: bool,
    receipt_file: Path | None,
    max_usd: str | None = None,
) -> int:
    """Run a program under the meter, print the receipt on stderr, and return the program's exit code.

    Raises:
        ConfigurationError: There is no command, or a sink, a budget or the receipt's file cannot be; the program is not
            started.
    """
    settings = Settings.load()
    options = settings.options()
    configured = options.pop("sinks", ())
    sinks = sinks or configured
    service = service or options.pop("service", None)
    options.pop("service", None)
    _check_sinks(sinks or DEFAULT_SINKS, forecast=options.get("forecast", False))
    if receipt_file is not None:
        _check_writable(receipt_file)
    with spending_limit(max_usd, configured_budgets(settings), sinks or DEFAULT_SINKS) as limit:
        result = run_metered(
            command,
            sinks,
            service=service,
            invisible_usage=ask_usage,
            options={**options, **limit.options},
            limit=limit.own,
        )
        state = limit.state()
    with suppress(
        OSError
    ):  # a reader of stderr that has left, a disk that is full: the program's code is what counts
        if result.problem is not None:
            complain(result.problem)
        elif not quiet:
            _print(result, state)
        if receipt_file is not None:
            receipt_file.write_bytes(json_document(_document(result, state)))
    return result.exit_code


def _check_sinks(sinks: Sequence[str], *, forecast: bool) -> None:
    for sink in sinks:
        sink_for(sink)
    if forecast and not has_store(sinks):
        raise ConfigurationError("forecast", forecast, "used with a SQLite sink to learn from")


def _check_writable(file: Path) -> None:
    """Refuse a file that could not be written in the end; it is not opened, it may be a pipe that nobody reads yet."""
    present = file.exists()
    if file.is_dir() or not os.access(file if present else file.parent, os.W_OK):
        raise ConfigurationError(
            "receipt", str(file), "a file that can be written, in a folder that is there"
        )


def _print(result: RunResult, state: "BudgetState | None") -> None:
    err = console(stderr=True)
    print_receipt(err, result.tally, _receipt(result), missing_calls=result.missing_calls)
    if state is not None:
        err.print(describe_limit(state))
    for line in _doubts(result):
        err.print(line)


def _receipt(result: RunResult) -> Receipt:
    """Return the counts of all processes, without the sink that the run itself has put in."""
    merged = merge_receipts(result.receipts)
    sinks = {_familiar(name): sink for name, sink in merged.sinks.items() if name != SINK_NAME}
    return msgspec.structs.replace(merged, sinks=sinks)


def _familiar(name: str) -> str:
    """Return a path the way people here would write it."""
    path = Path(name)
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else name


def _doubts(result: RunResult) -> Iterator[Text]:
    if not result.metered_processes:
        yield plain(
            "no metered process was seen: nothing loaded httpx or httpx2, or Python was told to ignore PYTHONPATH"
            " (-I, -E, -S, an emptied environment)",
            "dim",
        )
    if unfinished := len(result.unfinished_process_ids):
        what = "1 process" if unfinished == 1 else f"{unfinished:,} processes"
        known = (
            f"{plural(result.missing_calls, 'call')} not counted here"
            if result.missing_calls
            else "the calls are counted here, the last events may not have been written"
        )
        yield plain(f"{what} left no receipt (killed, or still running): {known}", "yellow")


def _document(result: RunResult, state: "BudgetState | None") -> dict[str, Any]:
    return {
        "run_id": result.run_id,
        "exit_code": result.exit_code,
        "duration_s": result.duration_s,
        "total": result.tally.total,
        "models": result.tally.rows,
        "delivery": _receipt(result),
        "unfinished_process_ids": result.unfinished_process_ids,
        "missing_calls": result.missing_calls,
        "budget": None if state is None else state.as_json(),
    }
