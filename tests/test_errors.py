"""What errors say."""

import pickle

from taximeter.errors import BudgetExceeded, BudgetUnavailable


def test_a_budget_that_is_used_up_reads_well_and_travels() -> None:
    """The message has limit, spent, reserved, estimate and when it resets; a worker process can send it home."""
    error = BudgetExceeded(
        "daily",
        subject="u-17",
        limit=5 * 10**9,
        spent=4_980_000_000,
        reserved=0,
        estimate=50_000_001,
        resets_at_us=0,
    )
    said = (
        "budget 'daily' of u-17: $4.98 of $5.00 spent, $0.00 reserved, "
        "and this call may cost $0.050000001; resets at 1970-01-01 00:00:00 UTC"
    )
    assert str(error) == said
    back = pickle.loads(pickle.dumps(error))
    assert str(back) == said
    assert vars(back) == vars(error)


def test_one_that_cannot_be_asked_says_why() -> None:
    """The name and the reason are in the message, and travel too."""
    error = pickle.loads(pickle.dumps(BudgetUnavailable("daily", "database is locked")))
    assert str(error) == "budget 'daily' cannot be asked, and lets no call through then: database is locked"
