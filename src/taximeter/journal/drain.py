"""Drain: carries a folder's events to sinks in a process of its own, beside those that write them."""

import signal
import threading
from collections.abc import Mapping, Sequence
from math import inf
from pathlib import Path

import anyio

from taximeter.alarm import Alarm
from taximeter.courier import Courier, couriers_to
from taximeter.dead_letters import FILE_NAME
from taximeter.health import Watch
from taximeter.journal.carrier import Carrier, Load
from taximeter.journal.folder import Folder
from taximeter.policy import Policy
from taximeter.receipt import Receipt
from taximeter.sinks.protocol import Sink

_LOOK_EVERY_S = 1.0


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
    couriers = couriers_to(sinks, policy, is_patient=True, dead_letters=path / FILE_NAME)
    load = Load(
        batch_max_events=policy.batch_max_events,
        batch_max_age_s=policy.batch_max_age_s,
        retention_s=policy.journal_retention_s,
        sync=True,
    )
    carrier = Carrier(folder, couriers, load, ledger=threading.RLock())
    try:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(_warn_of_failures, couriers)
            if once:
                carrier.finish()
                await carrier.run()
            else:
                await _until_told(carrier, couriers, policy.close_timeout_s)
            tasks.cancel_scope.cancel()
    finally:
        with anyio.CancelScope(shield=True):
            for sink in sinks.values():
                await sink.aclose()
        folder.close()


async def _until_told(carrier: Carrier, couriers: Sequence[Courier], close_timeout_s: float) -> None:
    with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(carrier.run)
            async for _ in signals:
                break
            for courier in couriers:
                courier.hurry()
            carrier.finish()
            tasks.cancel_scope.deadline = anyio.current_time() + close_timeout_s


async def _warn_of_failures(couriers: Sequence[Courier]) -> None:
    def receipt() -> Receipt:
        return Receipt(sinks={courier.name: courier.receipt() for courier in couriers})

    alarm = Alarm(receipt, Watch(inf))
    while True:
        alarm.look()
        await anyio.sleep(_LOOK_EVERY_S)
