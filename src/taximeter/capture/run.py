"""Run: an unchanged program under the meter, from start to receipt."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import current_thread, main_thread
from time import perf_counter
from types import FrameType
from typing import Any

import msgspec

from taximeter.capture.environment import RunEnvironment, RunLimit
from taximeter.capture.run_folder import ProcessRecord, read_records
from taximeter.errors import ConfigurationError
from taximeter.identifier import new_event_id
from taximeter.receipt import Receipt
from taximeter.report.tally import Tally

DEFAULT_SINKS = ("usage.db",)

NOT_FOUND = 127  # what shells say of a command that is not there,
NOT_EXECUTABLE = 126  # and of one that cannot be run

_FORWARDED = ("SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2")
_FROM_KEYBOARD = ("SIGINT", "SIGQUIT")
_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:")


class RunResult(msgspec.Struct, frozen=True, kw_only=True):
    """How a run has ended and what it has used."""

    exit_code: int
    """The program's own; 128 + n when signal n ended it, 127 or 126 when it could not be started."""
    run_id: str
    duration_s: float
    tally: Tally
    """What was used, as far as the processes have written it down."""
    receipts: tuple[Receipt, ...] = ()
    """What became of the events, one for each process that came to its end."""
    metered_processes: int = 0
    """Processes that imported an HTTP library; 0 means that no Python process under the meter did."""
    unfinished_process_ids: tuple[int, ...] = ()
    """Processes that left no receipt: killed, or still running. Their last events may be missing."""
    missing_calls: int = 0
    """Calls that these have begun and that are not in the tally."""
    problem: str | None = None
    """Why the program could not be started."""


def run(
    command: Sequence[str],
    sinks: Sequence[str] = (),
    *,
    service: str | None = None,
    invisible_usage: bool = True,
    run_id: str | None = None,
    environment: Mapping[str, str] | None = None,
    options: Mapping[str, Any] | None = None,
    limit: RunLimit | None = None,
) -> RunResult:
    """Run *command*, meter every LLM call of it and of the Python processes it starts, and wait for its end.

    Input and output are the program's own, untouched. Signals that would end this process are handed on to it.

    Args:
        command: The program and its arguments.
        sinks: Paths or URLs where events go; none means `usage.db` in the current folder.
        service: A name for the program, written into its events.
        invisible_usage: See `meter`.
        run_id: Written into every event that no scope gives another; None makes a new one.
        environment: The program's environment; None means that of this process.
        options: Further arguments of `taximeter.start` for the trackers of these processes, of types that JSON has;
            None for none.
        limit: What all its processes may spend together, beside the budgets of *options*; None for no more than those.

    Raises:
        ConfigurationError: There is no command.
    """
    if not command:
        raise ConfigurationError("command", list(command), "a program and its arguments")
    run_id = run_id or new_event_id()
    with TemporaryDirectory(prefix="taximeter-run-", ignore_cleanup_errors=True) as folder:
        settings = RunEnvironment(
            sinks=tuple(map(_from_anywhere, sinks or DEFAULT_SINKS)),
            run_id=run_id,
            folder=folder,
            service=service,
            invisible_usage=invisible_usage,
            options=dict(options or {}),
            limit=limit,
        )
        begun = perf_counter()
        code, problem = _supervise(command, settings.added_to(environment or os.environ))
        duration_s = perf_counter() - begun
        return _result(code, problem, run_id, duration_s, list(read_records(Path(folder))))


def _result(
    code: int, problem: str | None, run_id: str, duration_s: float, records: Sequence[ProcessRecord]
) -> RunResult:
    tally = Tally()
    for record in records:
        tally.merge(record.tally)
    return RunResult(
        exit_code=code,
        run_id=run_id,
        duration_s=duration_s,
        tally=tally,
        receipts=tuple(record.receipt for record in records if record.receipt is not None),
        metered_processes=len(records),
        unfinished_process_ids=tuple(record.pid for record in records if record.receipt is None),
        missing_calls=sum(record.missing_calls for record in records),
        problem=problem,
    )


def _from_anywhere(sink: str) -> str:
    """Make a path independent of the folder that a process of the program may have gone to."""
    return sink if _ADDRESS.match(sink) else str(Path(sink).absolute())


def _supervise(command: Sequence[str], environment: Mapping[str, str]) -> tuple[int, str | None]:
    """Run the command to its end; return its exit code, or that of a shell and the reason when it did not start."""
    with _signals_handed_on() as hand_on:
        try:
            child = subprocess.Popen(command, env=environment)  # noqa: S603 - running it is what the user asked for
        except FileNotFoundError:
            return NOT_FOUND, f"{command[0]}: command not found"
        except OSError as error:
            return NOT_EXECUTABLE, f"{command[0]}: {error.strerror or error}"
        hand_on.to(child)
        code = child.wait()
        return (128 - code if code < 0 else code), None


class _HandOn:
    """Hands signals on to the child, those that came before it was there as well."""

    def __init__(self) -> None:
        self._child: subprocess.Popen[bytes] | None = None
        self._early: list[int] = []

    def __call__(self, number: int, _frame: FrameType | None) -> None:
        if self._child is None:
            self._early.append(number)
        elif not _came_from_keyboard(number):
            with suppress(OSError):  # it has just ended
                self._child.send_signal(number)

    def to(self, child: subprocess.Popen[bytes]) -> None:
        self._child = child
        for number in self._early:
            child.send_signal(number)


@contextmanager
def _signals_handed_on() -> Iterator[_HandOn]:
    """Hand signals on inside the block; one that is ignored (`nohup`) stays ignored, here and in the program."""
    hand_on = _HandOn()
    before = {}
    if current_thread() is main_thread():  # the only one that may set handlers
        for number in (getattr(signal, name) for name in _FORWARDED if hasattr(signal, name)):
            if signal.getsignal(number) is not signal.SIG_IGN:
                before[number] = signal.signal(number, hand_on)
    try:
        yield hand_on
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _came_from_keyboard(number: int) -> bool:
    """Whether a terminal has sent the signal to the program too, being in the same process group as we are."""
    if signal.Signals(number).name not in _FROM_KEYBOARD:
        return False
    try:
        return os.tcgetpgrp(sys.__stdin__.fileno()) == os.getpgrp()  # type: ignore[union-attr]  # None raises as well
    except (AttributeError, OSError, ValueError):  # no terminal, or no such thing here
        return False
