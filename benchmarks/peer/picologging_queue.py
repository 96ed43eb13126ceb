"""picologging with a queue, as its documentation shows for `QueueHandler` and `QueueListener`."""

import queue
from collections.abc import Callable
from typing import Any

import picologging
import picologging.handlers
from course import Record, run


def open_peer(target: str) -> tuple[Record, Callable[[], object]]:
    """Write lines to a file from the listener's thread."""
    waiting: queue.Queue[Any] = queue.Queue(-1)
    handler = picologging.FileHandler(target)
    handler.setFormatter(picologging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    listener = picologging.handlers.QueueListener(waiting, handler)
    listener.start()
    logger = picologging.getLogger("usage")
    logger.addHandler(picologging.handlers.QueueHandler(waiting))
    logger.setLevel(picologging.INFO)
    return (lambda content: logger.info("call %s", content)), listener.stop


if __name__ == "__main__":
    run(open_peer)
