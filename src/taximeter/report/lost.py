"""Lost: what is known of events that never came to a store, said beside its totals."""

from collections.abc import Mapping

from taximeter.report.money import plural


def describe_lost(lost: Mapping[str, int]) -> str:
    """Return the losses in words, the most frequent reason first: `12 events lost: 10 queue_full, 2 sink_timeout`."""
    reasons = sorted(lost.items(), key=lambda item: (-item[1], item[0]))
    named = ", ".join(f"{events:,} {reason}" for reason, events in reasons)
    return f"{plural(sum(lost.values()), 'event')} lost: {named}" if lost else "no event known lost"
