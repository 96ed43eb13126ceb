"""Receipts as text."""

from io import StringIO

from rich.console import Console

from event_samples import call
from taximeter.cli.receipt import delivery_lines, merge_receipts, print_receipt
from taximeter.receipt import Receipt, SinkReceipt
from taximeter.report.tally import Tally
from taximeter.vocabulary import Outcome, UsageStatus


def shown(tally: Tally, receipt: Receipt | None = None) -> list[str]:
    console = Console(file=StringIO(), width=200)
    print_receipt(console, tally, receipt or Receipt())
    file = console.file
    assert isinstance(file, StringIO)
    return file.getvalue().splitlines()


def lines(receipt: Receipt) -> list[str]:
    return [line.plain for line in delivery_lines(receipt)]


def test_the_first_line_says_it_all() -> None:
    """Calls, failures, tokens, calls without usage, and money with what is missing from it."""
    tally = Tally()
    for event in (
        call(),
        call("made-up", None),
        call("gpt-4o", None, outcome=Outcome.TIMEOUT, actual_input_tokens=None, actual_output_tokens=None),
        call(usage_status=UsageStatus.ESTIMATED),
    ):
        tally.add(event)
    assert shown(tally)[0] == (
        "taximeter  4 calls, 1 failed, 3,000 tokens in, 150 out + 1 call without usage, ~$24.80 + 2 unpriced calls"
    )


def test_without_calls_there_is_one_line() -> None:
    """No empty table."""
    assert shown(Tally()) == ["taximeter  no LLM calls seen"]


def test_losses_are_told_by_reason() -> None:
    """Before all sinks and at one of them; what is still on the way is told apart."""
    receipt = Receipt(
        tracked=9,
        accepted=7,
        dropped={"queue_full": 2, "never": 0},
        sinks={
            "usage.db": SinkReceipt(delivered=7),
            "https://example.org": SinkReceipt(
                delivered=1, pending=4, dropped={"refused": 2}, last_error="TimeoutError"
            ),
            "idle.db": SinkReceipt(),
        },
    )
    assert lines(receipt) == [
        "usage.db: 7 events written",
        "https://example.org: 1 event written, 4 not yet, lost: 2 events (refused 2) (last error: TimeoutError)",
        "lost: 2 events (queue_full 2)",
    ]


def test_receipts_of_several_processes_add_up() -> None:
    """What was tracked, delivered and lost anywhere is in the sum."""
    one = Receipt(tracked=3, accepted=2, dropped={"queue_full": 1}, sinks={"a": SinkReceipt(delivered=2)})
    two = Receipt(
        tracked=5,
        accepted=5,
        sinks={"a": SinkReceipt(delivered=4, dropped={"x": 1}), "b": SinkReceipt(pending=5)},
    )
    assert merge_receipts([one, two]) == Receipt(
        tracked=8,
        accepted=7,
        dropped={"queue_full": 1},
        sinks={"a": SinkReceipt(delivered=6, dropped={"x": 1}), "b": SinkReceipt(pending=5)},
    )
    assert merge_receipts([]) == Receipt()


def test_a_long_address_is_cut_at_its_front() -> None:
    """The end of a path says more than its beginning."""
    (line,) = lines(Receipt(sinks={"/very" * 30 + "/usage.db": SinkReceipt(delivered=1)}))
    assert line.startswith("...")
    assert "/usage.db: 1 event written" in line
