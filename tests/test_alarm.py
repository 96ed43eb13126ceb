"""A warning says what went wrong, once."""

import logging
from collections.abc import Callable

import pytest

from taximeter.alarm import Alarm, warn
from taximeter.health import Watch
from taximeter.receipt import Receipt, SinkReceipt


def alarm_of(receipt: Callable[[], Receipt]) -> Alarm:
    return Alarm(receipt, Watch(60.0))


def test_it_says_what_where_and_why(caplog: pytest.LogCaptureFixture) -> None:
    """Reasons with their counts, and the last error of each sink."""
    sinks = {
        "usage.db": SinkReceipt(dropped={"sink_failed": 2}, failed_attempts=7, last_error="OSError: full")
    }
    alarm_of(lambda: Receipt(tracked=5, dropped={"queue_full": 3}, sinks=sinks)).look()
    assert caplog.messages == [
        (
            "taximeter: events dropped: queue_full=3; events dropped for sink usage.db: sink_failed=2;"
            " sink usage.db failed 7 times, last with OSError: full"
        )
    ]


def test_the_same_trouble_is_not_told_twice(caplog: pytest.LogCaptureFixture) -> None:
    """More of it is, at the end even within the minute."""
    lost = {"queue_full": 1}
    alarm = alarm_of(lambda: Receipt(tracked=1, dropped=lost, sinks={"a": SinkReceipt()}))
    for _ in range(3):
        alarm.look(at_once=True)
    assert len(caplog.messages) == 1
    lost["queue_full"] = 2
    alarm.look()
    assert len(caplog.messages) == 1
    alarm.look(at_once=True)
    assert len(caplog.messages) == 2


def test_when_nothing_is_wrong_nothing_is_said(caplog: pytest.LogCaptureFixture) -> None:
    """A delivered event is no news."""
    alarm_of(lambda: Receipt(tracked=1, accepted=1, sinks={"a": SinkReceipt(delivered=1)})).look()
    assert caplog.messages == []


def test_a_handler_that_raises_is_not_our_end() -> None:
    """The host's logging may be broken; metering goes on."""

    class Broken(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            raise OSError

    logger, handler = logging.getLogger("taximeter"), Broken()
    logger.addHandler(handler)
    try:
        warn("anything")
    finally:
        logger.removeHandler(handler)
