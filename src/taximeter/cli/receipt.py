"""Receipts on the terminal: what was used, and what became of the events."""

from collections.abc import Iterable, Iterator, Mapping

from rich.console import Console
from rich.text import Text

from taximeter.cli.console import plain
from taximeter.cli.message import printable
from taximeter.cli.totals_table import print_totals
from taximeter.receipt import Receipt, SinkReceipt
from taximeter.report.group import Group
from taximeter.report.money import plural
from taximeter.report.tally import Tally
from taximeter.report.totals import Totals, describe_total

_SHORT_NAME = 60


def print_receipt(out: Console, tally: Tally, receipt: Receipt, *, missing_calls: int = 0) -> None:
    """Print what a run has used, by model, and where the events of it are.

    Args:
        out: Where to.
        tally: The calls.
        receipt: The counts of the tracker, or of several put together.
        missing_calls: Calls that were begun and of which nothing more is known.
    """
    total = tally.total
    out.print(Text.assemble(("taximeter", "bold"), f"  {_headline(total, missing_calls)}"))
    if total.calls:
        groups = [Group((row.provider, row.model), Totals.of(row)) for row in tally]
        out.print()
        print_totals(out, ("provider", "model"), groups, total)
        out.print()
    for line in delivery_lines(receipt):
        out.print(line)


def _headline(total: Totals, missing_calls: int) -> str:
    if missing_calls:
        seen = f"{describe_total(total)}; " if total.calls else ""
        return f"{seen}{plural(missing_calls, 'call')} began and {'was' if missing_calls == 1 else 'were'} not reported"
    return describe_total(total) if total.calls else "no LLM calls seen"


def delivery_lines(receipt: Receipt) -> Iterator[Text]:
    """Yield a line a sink, and one for what was lost before any."""
    for name, sink in receipt.sinks.items():
        if sink.delivered or sink.pending or sink.dropped:
            yield _sink_line(name, sink)
    if any(receipt.dropped.values()):
        yield Text(f"lost: {_by_reason(receipt.dropped)}", style="bold red")


def _sink_line(name: str, sink: SinkReceipt) -> Text:
    line = Text.assemble(plain(_shortened(name), "bold"), f": {plural(sink.delivered, 'event')} written")
    if sink.pending:
        line.append(f", {sink.pending:,} not yet", style="yellow")
    if any(sink.dropped.values()):
        line.append(f", lost: {_by_reason(sink.dropped)}", style="bold red")
    if sink.last_error and (sink.pending or sink.dropped):
        line.append(f" (last error: {printable(sink.last_error)})", style="red")
    return line


def _by_reason(losses: Mapping[str, int]) -> str:
    reasons = ", ".join(f"{printable(reason)} {count:,}" for reason, count in sorted(losses.items()) if count)
    return f"{plural(sum(losses.values()), 'event')} ({reasons})"


def _shortened(name: str) -> str:
    return name if len(name) <= _SHORT_NAME else f"...{name[3 - _SHORT_NAME :]}"


def merge_receipts(receipts: Iterable[Receipt]) -> Receipt:
    """Return the counts of several processes as one."""
    tracked, accepted, restarts = 0, 0, 0
    dropped: dict[str, int] = {}
    sinks: dict[str, SinkReceipt] = {}
    for receipt in receipts:
        tracked += receipt.tracked
        accepted += receipt.accepted
        restarts += receipt.restarts
        dropped = _added(dropped, receipt.dropped)
        for name, sink in receipt.sinks.items():
            sinks[name] = _added_sink(sinks.get(name, SinkReceipt()), sink)
    return Receipt(tracked=tracked, accepted=accepted, dropped=dropped, sinks=sinks, restarts=restarts)


def _added(left: Mapping[str, int], right: Mapping[str, int]) -> dict[str, int]:
    return {reason: left.get(reason, 0) + right.get(reason, 0) for reason in {**left, **right}}


def _added_sink(left: SinkReceipt, right: SinkReceipt) -> SinkReceipt:
    return SinkReceipt(
        delivered=left.delivered + right.delivered,
        pending=left.pending + right.pending,
        dropped=_added(left.dropped, right.dropped),
        failed_attempts=left.failed_attempts + right.failed_attempts,
        last_error=right.last_error or left.last_error,
    )
