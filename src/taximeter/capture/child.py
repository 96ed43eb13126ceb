"""Child: meters the process it is in, one of those that `taximeter run` has started."""

import atexit
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from taximeter.capture.environment import RunEnvironment
from taximeter.capture.install import install
from taximeter.capture.run_folder import SINK_NAME, RunFolderSink
from taximeter.receipt import Receipt
from taximeter.tracker import Tracker, start


def meter_this_process() -> None:
    """Meter all clients of this process, and leave a receipt for the parent when it ends.

    Raises:
        KeyError: `taximeter run` has not started this process.
        ConfigurationError: A sink that cannot work.
    """
    run = RunEnvironment.read(os.environ)
    totals = RunFolderSink(Path(run.folder))
    tracker = start(*run.sinks, totals, service=run.service)
    install(tracker, invisible_usage=run.invisible_usage, run_id=run.run_id)
    totals.save()
    _at_end(lambda: _finish(tracker, totals))


def _finish(tracker: Tracker, totals: RunFolderSink) -> None:
    totals.save(receipt=_without(SINK_NAME, tracker.close()))


def _without(sink: str, receipt: Receipt) -> Receipt:
    """Leave our own sink out of the receipt: the user did not ask for it."""
    others = {name: counts for name, counts in receipt.sinks.items() if name != sink}
    return msgspec.structs.replace(receipt, sinks=others)


def _at_end(finish: Callable[[], None]) -> None:
    """Call *finish* at the end of this process and of each one forked from it.

    Children of `multiprocessing` end in `os._exit`, after its own finalizers and without `atexit`.
    """
    atexit.register(finish)

    def finalize(*_: Any) -> None:
        sys.modules["multiprocessing.util"].Finalize(None, finish, exitpriority=-100)

    def begin_in_child() -> None:
        if util := sys.modules.get("multiprocessing.util"):
            util.register_after_fork(finish, finalize)  # the registry of finalizers is emptied first

    if "multiprocessing.util" in sys.modules:
        finalize()
    os.register_at_fork(after_in_child=begin_in_child)
