"""Child: meters the process it is in, one of those that `taximeter run` has started."""

import atexit
import os
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import msgspec

from taximeter.capture.call import leave_open_calls
from taximeter.capture.environment import RunEnvironment
from taximeter.capture.install import install
from taximeter.capture.recorder import Recorder
from taximeter.capture.run_folder import SINK_NAME, RunFolderSink
from taximeter.receipt import Receipt
from taximeter.scopes import adopt_environment
from taximeter.tracker import Tracker, start

BATCH_MAX_AGE_S = 0.05  # a child may be killed right after its work, as those of `multiprocessing.Pool` are


def meter_this_process() -> None:
    """Meter all clients of this process, and leave a receipt for the parent when it ends.

    Raises:
        KeyError: `taximeter run` has not started this process.
        ConfigurationError: A sink that cannot work.
    """
    # The tracker's thread would import this; a fork meanwhile would leave the child with half a module for ever.
    import_module("anyio._backends._asyncio")
    run = RunEnvironment.read(os.environ)
    adopt_environment(os.environ)
    totals = RunFolderSink(Path(run.folder))
    options: Any = {"batch_max_age_s": BATCH_MAX_AGE_S, **run.options}
    tracker = start(*run.sinks, totals, service=run.service, **options)
    if run.limit is not None:
        tracker.limit([run.limit.budget], run.limit.file)
    install(Recorder(tracker, run.invisible_usage, run.run_id, trace=totals.trace))
    totals.save()
    _at_end(lambda: _finish(tracker, totals))


def _finish(tracker: Tracker, totals: RunFolderSink) -> None:
    leave_open_calls()
    totals.save(receipt=_without(SINK_NAME, tracker.close()))


def _without(sink: str, receipt: Receipt) -> Receipt:
    """Leave our own sink out of the receipt: the user did not ask for it."""
    others = {name: counts for name, counts in receipt.sinks.items() if name != sink}
    return msgspec.structs.replace(receipt, sinks=others)


def _at_end(finish: Callable[[], None]) -> None:
    """Call *finish* at the end of this process and of each one forked from it."""
    atexit.register(finish)
    _at_end_of_work(finish)
    os.register_at_fork(after_in_child=lambda: _at_end_of_work(finish))


def _at_end_of_work(finish: Callable[[], None]) -> None:
    """See to processes of `multiprocessing`: they end in `os._exit`, after its finalizers and without `atexit`.

    What is registered before their work begins is thrown away when it does, so it is registered at that moment.
    """
    if util := sys.modules.get("multiprocessing.util"):
        util.register_after_fork(finish, lambda _: util.Finalize(None, finish, exitpriority=-100))
