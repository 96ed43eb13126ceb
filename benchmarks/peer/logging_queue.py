"""The standard library's logging with a queue: docs.python.org/3/howto/logging-cookbook, "Dealing with handlers that block"."""

import json
import logging
import logging.handlers
import queue
from collections.abc import Callable
from typing import Any

from course import Record, run


class JsonFormatter(logging.Formatter):
    """Writes what was handed over as `extra`."""

    def format(self, record: logging.LogRecord) -> str:
        """Return one line."""
        return json.dumps({"level": record.levelname, "time": record.created, **record.__dict__["call"]})


def open_peer(target: str) -> tuple[Record, Callable[[], object]]:
    """Write lines to a file from the listener's thread."""
    waiting: queue.Queue[Any] = queue.Queue(-1)
    handler = logging.FileHandler(target)
    handler.setFormatter(JsonFormatter())
    listener = logging.handlers.QueueListener(waiting, handler)
    listener.start()
    logger = logging.getLogger("usage")
    logger.addHandler(logging.handlers.QueueHandler(waiting))
    logger.setLevel(logging.INFO)
    return (lambda content: logger.info("call", extra={"call": content})), listener.stop


if __name__ == "__main__":
    run(open_peer)
