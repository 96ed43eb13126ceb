"""A receipt adds up."""

import pytest

from taximeter.receipt import Receipt, SinkReceipt


def test_everything_delivered_everywhere_is_complete() -> None:
    """Nothing tracked is complete as well."""
    assert Receipt().complete
    assert Receipt(tracked=2, accepted=2, sinks={"a": SinkReceipt(delivered=2)}).complete


@pytest.mark.parametrize(
    "receipt",
    [
        Receipt(tracked=1, dropped={"queue_full": 1}, sinks={"a": SinkReceipt()}),
        Receipt(tracked=1, accepted=1, sinks={"a": SinkReceipt(pending=1)}),
        Receipt(
            tracked=1,
            accepted=1,
            sinks={"a": SinkReceipt(delivered=1), "b": SinkReceipt(dropped={"sink_failed": 1})},
        ),
    ],
    ids=["refused", "pending", "dropped at one sink"],
)
def test_anything_else_is_not(receipt: Receipt) -> None:
    """Wherever it is missing."""
    assert not receipt.complete


def test_lost_counts_what_each_sink_will_never_see() -> None:
    """What was dropped before all sinks is lost at each."""
    receipt = Receipt(
        tracked=9,
        dropped={"queue_full": 2, "closed": 1},
        sinks={
            "a": SinkReceipt(delivered=6),
            "b": SinkReceipt(delivered=1, pending=1, dropped={"bytes_full": 4}),
        },
    )
    assert receipt.lost == {"a": 3, "b": 7}
    assert (receipt.delivered, receipt.pending) == ({"a": 6, "b": 1}, {"a": 0, "b": 1})


def test_giving_up_moves_what_is_pending() -> None:
    """It adds to what was dropped for the same reason before; nothing pending is nothing to give up."""
    sink = SinkReceipt(delivered=1, pending=2, dropped={"close_timeout": 3, "sink_failed": 4})
    given_up = SinkReceipt(delivered=1, dropped={"close_timeout": 5, "sink_failed": 4})
    assert sink.given_up("close_timeout") == given_up == given_up.given_up("close_timeout")
