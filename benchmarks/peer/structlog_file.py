"""structlog as its page "Performance" advises: cached loggers, bytes all the way, orjson, no standard library."""

from collections.abc import Callable
from pathlib import Path

import orjson
import structlog
from course import Record, run


def open_peer(target: str) -> tuple[Record, Callable[[], object]]:
    """Write lines to a file in the caller's thread."""
    file = Path(target).open("wb")  # noqa: SIM115 - until `close`
    structlog.configure(
        cache_logger_on_first_use=True,
        wrapper_class=structlog.make_filtering_bound_logger(20),
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.format_exc_info,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer(serializer=orjson.dumps),
        ],
        logger_factory=structlog.BytesLoggerFactory(file=file),
    )
    logger = structlog.get_logger()
    return (lambda content: logger.info("call", **content)), file.close


if __name__ == "__main__":
    run(open_peer)
