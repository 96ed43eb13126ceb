"""Totals say what they are short of."""

import pytest

from taximeter.report.lost import describe_lost


@pytest.mark.parametrize(
    ("lost", "words"),
    [
        ({}, "no event known lost"),
        ({"queue_full": 1}, "1 event lost: 1 queue_full"),
        ({"sink_timeout": 2, "queue_full": 1000}, "1,002 events lost: 1,000 queue_full, 2 sink_timeout"),
    ],
)
def test_losses_are_named_by_reason(lost: dict[str, int], words: str) -> None:
    """The most frequent first."""
    assert describe_lost(lost) == words
