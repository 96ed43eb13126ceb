"""Drain: carries a folder's events to sinks in a process of its own, beside those that write them."""

import signal
import threading
from collections.abc import Mapping
from pathlib import Path

import anyio

from taximeter.journal.carrier import Carrier, Load
from taximeter.journal.folder import Folder
from taximeter.lane import Lane
from taximeter.policy import Policy
from taximeter.sinks.protocol import Sink


async def drain(path: Path, sinks: Mapping[str, Sink], policy: Policy, *, once: bool) -> None:
    """Deliver the folder's events, everyone's.

    While another process carries, this one waits, and takes over within two seconds when that one ends.

    Args:
        path: The journal's folder.
        sinks: By the names that cursors and receipts use.
        policy: The bounds.
        once: Whether to end when nothing is left (or another process carries); otherwise SIGINT and SIGTERM end it,
            within `close_timeout_s`.

    Raises:
        ConfigurationError, OSError: The folder cannot be a journal.
    """
    folder = Folder(path)
    ledger = threading.RLock()
    lanes = [_lane(sink, name, policy, ledger) for name, sink in sinks.items()]
    load = Load(
        batch_max_events=policy.batch_max_events,
        batch_max_age_s=policy.batch_max_age_s,
        retention_s=policy.journal_retention_s,
        sync=True,
    )
    carrier = Carrier(folder, lanes, load, ledger=ledger)
    try:
        if once:
            carrier.finish()
            await carrier.run()
        else:
            await _until_told(carrier, policy.close_timeout_s)
    finally:
        with anyio.CancelScope(shield=True):
            for sink in sinks.values():
                await sink.aclose()
        folder.close()


async def _until_told(carrier: Carrier, close_timeout_s: float) -> None:
    with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(carrier.run)
            async for _ in signals:
                break
            carrier.finish()
            tasks.cancel_scope.deadline = anyio.current_time() + close_timeout_s


def _lane(sink: Sink, name: str, policy: Policy, ledger: threading.RLock) -> Lane:
    return Lane(
        sink,
        name,
        max_bytes=policy.max_bytes,
        max_events=policy.max_events,
        retry_budget_s=policy.retry_budget_s,
        ledger=ledger,
    )
