"""`taximeter run`: a program under the meter, and its receipt."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import msgspec
from rich.text import Text

from taximeter.capture.run import RunResult
from taximeter.capture.run import run as run_metered
from taximeter.capture.run_folder import SINK_NAME
from taximeter.cli.console import console, plain
from taximeter.cli.message import complain
from taximeter.cli.receipt import merge_receipts, print_receipt
from taximeter.receipt import Receipt
from taximeter.sinks.table import sink_for


def run(
    command: Sequence[str],
    sinks: Sequence[str],
    *,
    quiet: bool,
    service: str | None,
    ask_usage: bool,
    receipt_file: Path | None,
) -> int:
    """Run a program under the meter, print the receipt on stderr, and return the program's exit code.

    Raises:
        ConfigurationError: There is no command, or a sink cannot be; the program is not started then.
    """
    for sink in sinks:
        sink_for(sink)
    result = run_metered(command, sinks, service=service, invisible_usage=ask_usage)
    with suppress(
        OSError
    ):  # a reader of stderr that has left, a disk that is full: the program's code is what counts
        if result.problem is not None:
            complain(result.problem)
        elif not quiet:
            _print(result)
        if receipt_file is not None:
            receipt_file.write_bytes(_as_json(result))
    return result.exit_code


def _print(result: RunResult) -> None:
    err = console(stderr=True)
    print_receipt(err, result.tally, _receipt(result))
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
        yield plain("no Python process of this program has loaded an HTTP client", "dim")
    if unfinished := len(result.unfinished_process_ids):
        what = "1 process" if unfinished == 1 else f"{unfinished:,} processes"
        yield plain(
            f"{what} left no receipt (killed, or still running): last events may be missing", "yellow"
        )


def _as_json(result: RunResult) -> bytes:
    document = {
        "run_id": result.run_id,
        "exit_code": result.exit_code,
        "duration_s": result.duration_s,
        "total": result.tally.total,
        "models": result.tally.rows,
        "delivery": _receipt(result),
        "unfinished_process_ids": result.unfinished_process_ids,
    }
    return msgspec.json.format(msgspec.json.encode(document), indent=2) + b"\n"
