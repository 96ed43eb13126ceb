"""`taximeter journal` and `taximeter drain`: what a journal holds, mending it, and carrying it to the sinks."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import anyio
import msgspec
from rich import box
from rich.table import Table

from taximeter.cli.console import console, plain
from taximeter.cli.output_format import write_json
from taximeter.dead_letters import CLAIMED_SUFFIX, FILE_NAME
from taximeter.errors import ConfigurationError, TaximeterError
from taximeter.health import Health
from taximeter.journal.drain import drain
from taximeter.journal.folder import CARRIER_LOCK, Folder, Lock, held
from taximeter.journal.health import folder_health
from taximeter.journal.ledger import SinkLedger, ledger_now, read_ledger
from taximeter.journal.recovery import FolderState, SegmentState, recover, verify
from taximeter.policy import Policy
from taximeter.redelivery import Redelivery, redeliver
from taximeter.report.money import plural
from taximeter.sinks.protocol import Sink
from taximeter.sinks.table import name_sinks, sink_for
from taximeter.tracker import DEFAULT_SINK

_NOBODY = "no sink"


class JournalBusyError(TaximeterError):
    """Another process carries the journal and must not be disturbed."""


def drain_journal(path: Path, sinks: Sequence[str], *, once: bool) -> None:
    """Carry a journal's events to sinks until told to end.

    Raises:
        ConfigurationError: A sink or the folder cannot work.
    """
    named = name_sinks([sink_for(sink) for sink in sinks or (DEFAULT_SINK,)])
    anyio.run(lambda: drain(path, named, Policy(), once=once))


def show_status(path: Path, *, as_json: bool) -> int:
    """Print the ledger of each sink, what is wrong, and what the folder holds; return 1 when anything is wrong.

    Raises:
        ConfigurationError: There is no journal.
    """
    with _opened(path) as folder:
        ledgers, state = read_ledger(folder), verify(folder)
        judged = ledgers or {_NOBODY: ledger_now(folder, _NOBODY)}
    health = folder_health(judged, stalled_after_s=Policy().stalled_after_s)
    if as_json:
        write_json({"ok": health.ok, "problems": health.problems, "sinks": ledgers, **_summary(state)})
    else:
        _print_status(ledgers, health, state)
    return 0 if health.ok else 1


def _print_status(ledgers: dict[str, SinkLedger], health: Health, state: FolderState) -> None:
    out = console()
    if ledgers:
        out.print(_ledger_table(ledgers))
    else:
        events = sum(segment.events for segment in state.segments)
        out.print(plain(f"No sink has got anything yet; {plural(events, 'event')} pending."))
    out.print()
    for problem in health.problems:
        out.print(plain(problem, "red"))
    for line in _summary_lines(state):
        out.print(plain(line))


def show_soundness(path: Path, *, as_json: bool) -> int:
    """Print what is damaged; return 0 when nothing is, or else 1.

    Raises:
        ConfigurationError: There is no journal.
    """
    with _opened(path) as folder:
        state = verify(folder)
    if as_json:
        write_json({"sound": state.is_sound, **msgspec.to_builtins(state)})
    else:
        _print_soundness(state)
    return 0 if state.is_sound else 1


def recover_journal(path: Path) -> None:
    """Mend what can be mended, and print what was found.

    Raises:
        ConfigurationError: There is no journal.
        JournalBusyError: A process is carrying it.
    """
    with _opened(path) as folder, held(Lock(folder, CARRIER_LOCK)) as ours:
        if not ours:
            raise JournalBusyError(f"{path} is in use: the process that carries it mends it on its way")
        _print_soundness(recover(folder))


def retry_dead_letters(path: Path, sinks: Sequence[str]) -> int:
    """Send dead letters again, and print what became of them; return 1 when any are left.

    Args:
        path: A journal's folder, or a file of dead letters.
        sinks: Where to; none means the default.

    Raises:
        ConfigurationError: A sink cannot work, or there is nothing at the path.
        OSError: The file cannot be moved or written.
    """
    file = path / FILE_NAME if path.is_dir() else path
    if not any(each.exists() for each in (file, file.with_name(file.name + CLAIMED_SUFFIX))):
        if path.is_dir():
            console().print("No dead letters.")
            return 0
        raise ConfigurationError("PATH", str(path), "a journal's folder, or a file of dead letters")
    named = name_sinks([sink_for(sink) for sink in sinks or (DEFAULT_SINK,)])
    result = anyio.run(_redelivered, file, named)
    for line in _redelivery_lines(result):
        console().print(plain(line))
    return 1 if result.refused or result.unreadable or +result.waiting else 0


async def _redelivered(file: Path, sinks: dict[str, Sink]) -> Redelivery:
    try:
        return await redeliver(file, sinks, Policy())
    finally:
        for sink in sinks.values():
            await sink.aclose()


def _redelivery_lines(result: Redelivery) -> Iterator[str]:
    for sink, sent in result.sent.items():
        yield f"{sink}: {plural(sent, 'event')} sent"
    for sink, waiting in (+result.waiting).items():
        hint = "it cannot be reached" if sink in result.sent else "--to does not name it"
        yield f"{sink}: {plural(waiting, 'event')} left, {hint}"
    for reason, refused in result.refused.items():
        yield f"refused again: {reason}={refused}"
    if result.unreadable:
        yield f"{plural(result.unreadable, 'line')} that cannot be read"


@contextmanager
def _opened(path: Path) -> Iterator[Folder]:
    if not path.is_dir():
        raise ConfigurationError("FOLDER", str(path), "the folder of a journal")
    folder = Folder(path)
    try:
        yield folder
    finally:
        folder.close()


def _ledger_table(ledgers: dict[str, SinkLedger]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    table.add_column("sink", no_wrap=True)
    for title in ("tracked", "delivered", "pending", "dropped"):
        table.add_column(title, justify="right", no_wrap=True)
    table.add_column("by reason")
    for sink, ledger in ledgers.items():
        counts = (ledger.tracked, ledger.delivered, ledger.pending, sum(ledger.dropped.values()))
        reasons = ", ".join(f"{reason}={n:,}" for reason, n in ledger.dropped.items())
        table.add_row(plain(sink), *(f"{count:,}" for count in counts), plain(reasons))
    return table


def _summary(state: FolderState) -> dict[str, Any]:
    return {
        "segments": len(state.segments),
        "segment_bytes": sum(segment.size_bytes for segment in state.segments),
        "live_writers": sum(segment.is_live for segment in state.segments),
        "dead_letters": state.dead_letters,
        "quarantined": state.quarantined,
        "unknown": state.unknown,
        "sound": state.is_sound,
    }


def _summary_lines(state: FolderState) -> Iterator[str]:
    size_bytes = sum(segment.size_bytes for segment in state.segments)
    live = sum(segment.is_live for segment in state.segments)
    yield f"{plural(len(state.segments), 'segment')}, {size_bytes:,} bytes, {live} being written"
    if state.dead_letters:
        yield f"{plural(state.dead_letters, 'dead letter')}: taximeter journal retry sends them again"
    if state.quarantined:
        yield f"in quarantine: {', '.join(state.quarantined)}"
    if state.unknown:
        yield f"not the journal's: {', '.join(state.unknown)}"
    if not state.is_sound:
        yield "damaged: taximeter journal verify says where"


def _print_soundness(state: FolderState) -> None:
    out = console()
    for segment in state.segments:
        out.print(plain(_segment_line(segment), "" if _is_sound(segment) else "red"))
    for name in state.damaged_cursors:
        out.print(plain(f"{name}: damaged", "red"))
    for line in _summary_lines(state):
        out.print(plain(line))


def _segment_line(segment: SegmentState) -> str:
    if not segment.is_readable:
        return f"{segment.name}: cannot be read"
    line = f"{segment.name}: {plural(segment.events, 'event')}"
    if segment.is_live:
        line += ", being written"
    if segment.damage:
        places = ", ".join(f"{start}-{end}" for start, end in segment.damage)
        line += f", {segment.damaged_bytes:,} bytes damaged at {places}"
    return line


def _is_sound(segment: SegmentState) -> bool:
    return segment.is_readable and not segment.damage
