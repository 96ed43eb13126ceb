"""Reserving before a call and settling after it."""

import multiprocessing
import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import pytest

import taximeter
from taximeter.budget import Alert, Budget, Budgets
from taximeter.budget.budgets import now_us
from taximeter.budget.call import Claim
from taximeter.errors import BudgetExceeded, BudgetUnavailable, ConfigurationError
from taximeter.event import TaskCompletionEvent
from taximeter.report.window import Window

DAY_US = 86_400_000_000


class Clock:
    """A clock that stands until it is put forward."""

    def __init__(self, at_us: int) -> None:
        self.at_us = at_us

    def __call__(self) -> int:
        """Return the present."""
        return self.at_us


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return tmp_path / "usage.db"


def budget(**fields: Any) -> Budget:
    return Budget(**{"name": "all", "limit_usd": "1", "alerts": (), **fields})


def track(store: Path, *events: TaskCompletionEvent) -> None:
    with taximeter.start(store) as tracker:
        for event in events:
            tracker.track_task_completion(event)


def call(nanos: int | None, **fields: Any) -> TaskCompletionEvent:
    return TaskCompletionEvent(
        **{"provider": "openai", "model": "gpt-4o", "actual_cost_usd_nanos": nanos, **fields}
    )


def spent(budgets: Budgets) -> dict[str, int]:
    """Return what the first budget has, by subject, arrivals included."""
    budgets._looked_us = 0
    name = budgets.budgets[0].name
    return {state.subject: state.spent_usd_nanos for state in budgets.states() if state.budget.name == name}


@pytest.fixture
def opened() -> Iterator[Callable[..., Budgets]]:
    made: list[Budgets] = []

    def open_budgets(*args: Any, **options: Any) -> Budgets:
        made.append(Budgets(*args, **options))
        return made[-1]

    yield open_budgets
    for each in made:
        each.close()


def test_a_call_that_would_pass_the_limit_is_refused(store: Path, opened: Callable[..., Budgets]) -> None:
    """What was spent and what is reserved both count against the next call, and the error has all amounts."""
    budgets = opened(store, [budget(window="lifetime")])
    budgets.reserve("0.50").settle("0.30")
    held = budgets.reserve("0.40")
    with pytest.raises(BudgetExceeded) as caught:
        budgets.reserve("0.31")
    error = caught.value
    assert (error.limit_usd_nanos, error.spent_usd_nanos) == (10**9, 3 * 10**8)
    assert (error.reserved_usd_nanos, error.estimate_usd_nanos) == (4 * 10**8, 31 * 10**7)
    assert error.resets_at is None
    held.release()
    budgets.reserve("0.70").release()
    assert budgets.blocked == 1
    assert [state.blocked_calls for state in budgets.states()] == [1]


def test_a_block_counts_what_was_reserved_unless_it_says_otherwise(
    store: Path, opened: Callable[..., Budgets]
) -> None:
    """A call whose cost nobody told is never taken for free; the first word counts."""
    budgets = opened(store, [budget()])
    with budgets.reserve("0.10"):
        pass
    with budgets.reserve("0.10") as held:
        held.settle("0.02")
    with budgets.reserve("0.10") as held:
        held.release()
    assert spent(budgets) == {"": 120_000_000}


@pytest.mark.anyio
async def test_coroutines_reserve_too(store: Path, opened: Callable[..., Budgets]) -> None:
    """The same with `await`, under asyncio and trio."""
    budgets = opened(store, [budget()])
    async with await budgets.areserve("0.10") as held:
        await held.asettle("0.04")
    with pytest.raises(BudgetExceeded):
        await budgets.areserve("0.97")
    assert spent(budgets) == {"": 40_000_000}


def test_what_the_store_has_counts(store: Path, opened: Callable[..., Budgets]) -> None:
    """A budget that is made today for this month knows what was spent before, and what others track later."""
    track(store, call(10**8), call(10**7, agent="a"), call(10**9, started_at_us=now_us() - 40 * DAY_US))
    budgets = opened(
        store, [budget(), budget(name="a", where={"agent": "a*"}), budget(name="ever", window="lifetime")]
    )
    assert [state.spent_usd_nanos for state in budgets.states()] == [11 * 10**7, 10**7, 111 * 10**7]
    track(store, call(10**8, agent="a2"))
    budgets._looked_us = 0
    assert [state.spent_usd_nanos for state in budgets.states()] == [21 * 10**7, 11 * 10**7, 121 * 10**7]


@pytest.mark.parametrize("settled_first", [True, False])
def test_a_call_counts_once(store: Path, opened: Callable[..., Budgets], *, settled_first: bool) -> None:
    """Whether a call is settled before its event is in the store or after, it counts once, as the store says."""
    budgets = opened(store, [budget(window="24h"), budget(name="b", window="lifetime")])
    event, held = call(10**8), budgets.reserve("0.2")
    if settled_first:
        held.settle(event)
        assert spent(budgets) == {"": 10**8}
        track(store, msgspec.structs.replace(event, actual_cost_usd_nanos=9 * 10**7))
        assert spent(budgets) == {"": 9 * 10**7}
    else:
        track(store, event)
        assert spent(budgets) == {"": 10**8}
        held.settle(event)
    states = budgets.states()
    assert [state.spent_usd_nanos for state in states] == [(9 if settled_first else 10) * 10**7] * 2
    assert [state.calls for state in states] == [1, 1]
    assert _left_behind(budgets) == 0


def _left_behind(budgets: Budgets) -> int:
    with sqlite3.connect(budgets.path) as connection:
        (count,) = connection.execute("SELECT COUNT(*) FROM settled").fetchone()
    connection.close()
    return int(count)


def test_budgets_agree_with_the_store(store: Path, opened: Callable[..., Budgets]) -> None:
    """Calls of several users, some settled and some not, add up to the store's own totals."""
    random = Random(7)
    budgets = opened(store, [budget(limit_usd="1000", each="user")])
    with taximeter.start(store) as tracker:
        for _ in range(60):
            event = call(random.randrange(10**6), user=random.choice("abc"))
            if random.random() < 0.7:
                budgets.reserve("0.01", user=str(event.user)).settle(event)
            tracker.track_task_completion(event)
    with taximeter.store.Store(store) as asked:
        totals = {
            group.key[0]: group.totals.cost_usd_nanos for group in asked.totals(["user"], window=Window())
        }
    assert spent(budgets) == totals


def test_a_store_that_was_exchanged_is_counted_anew(store: Path, opened: Callable[..., Budgets]) -> None:
    """Another file in the store's place, or a compacted one, is what counts from then on."""
    track(store, call(10**8), call(10**8))
    budgets = opened(store, [budget()])
    assert spent(budgets) == {"": 2 * 10**8}
    for file in store.parent.glob("usage.db*"):
        if not file.name.startswith("usage.db.budgets"):
            file.unlink()
    track(store, call(10**7), call(10**7), call(10**7))
    assert spent(budgets) == {"": 3 * 10**7}


@pytest.mark.parametrize(
    ("unpriced", "counted"), [("estimate", 2 * 10**8), ("0.05", 5 * 10**7), ("block", 2 * 10**8)]
)
def test_calls_without_a_price_are_never_free(
    store: Path, opened: Callable[..., Budgets], unpriced: str, counted: int
) -> None:
    """They count what was reserved for them, or the amount that the user has set."""
    budgets = opened(store, [budget(unpriced=unpriced)])
    budgets.reserve("0.2").settle(call(None))
    (state,) = budgets.states()
    assert (state.spent_usd_nanos, state.unpriced_calls) == (counted, 1)


def test_calls_without_a_price_in_the_store_count_by_their_tokens(
    store: Path, opened: Callable[..., Budgets]
) -> None:
    """Those that nothing was reserved for count at the price of a dear model; a refused call counts nothing."""
    track(
        store,
        call(None, actual_input_tokens=1000, actual_output_tokens=100),
        call(None, error_status=429),
        call(10**6),
    )
    budgets = opened(store, [budget()])
    (state,) = budgets.states()
    assert (state.spent_usd_nanos, state.unpriced_calls, state.calls) == (22_500_000 + 10**6, 1, 3)


def test_leases_run_out(store: Path, opened: Callable[..., Budgets]) -> None:
    """What nobody settles comes back; a settlement after that still counts."""
    clock = Clock(now_us())
    budgets = opened(store, [budget()], lease_s=60, clock=clock)
    held = budgets.reserve("1")
    with pytest.raises(BudgetExceeded):
        budgets.reserve("0.01")
    clock.at_us += 61_000_000
    budgets.reserve("0.5").release()
    held.settle("0.75")
    assert spent(budgets) == {"": 75 * 10**7}


def test_what_a_killed_process_held_comes_back_at_once(store: Path, opened: Callable[..., Budgets]) -> None:
    """A process that ends without a word leaves no reservation to wait for."""
    code = (
        "import os, sys\nfrom taximeter.budget import Budget, Budgets\n"
        "Budgets(sys.argv[1], [Budget(name='all', limit_usd='1', alerts=())]).reserve('1')\nos.kill(os.getpid(), 9)"
    )
    assert subprocess.run([sys.executable, "-c", code, str(store)], check=False).returncode == -9
    opened(store, [budget()]).reserve("1")


def test_the_window_moves_on(store: Path, opened: Callable[..., Budgets]) -> None:
    """With the next day the budget is whole again, in its own zone; a rolling one gives back what is old."""
    clock = Clock(1_774_738_800_000_000)  # 2026-03-29 00:00 in Berlin, a day of 23 hours
    budgets = opened(
        store,
        [budget(window="day", tz="Europe/Berlin"), budget(name="rolling", window="60h", limit_usd="1.5")],
        clock=clock,
    )
    budgets.reserve("1").settle("1")
    clock.at_us += 23 * 3_600_000_000 - 1
    with pytest.raises(BudgetExceeded, match="2026-03-29 22:00:00 UTC"):
        budgets.reserve("0.1")
    clock.at_us += 1
    with pytest.raises(BudgetExceeded, match="rolling"):
        budgets.reserve("0.6")
    clock.at_us += 38 * 3_600_000_000
    budgets.reserve("0.6")


def test_a_soft_limit_only_tells(store: Path, opened: Callable[..., Budgets]) -> None:
    """Calls go on, and alerts go out once for each threshold and window, the highest of those passed at once."""
    told: list[Alert] = []
    clock = Clock(now_us() // DAY_US * DAY_US + DAY_US // 2)
    soft = budget(hard=False, window="day")
    budgets = opened(store, [soft], on_alert=told.append, clock=clock)
    other = opened(store, [soft], on_alert=told.append, clock=clock)
    budgets.reserve("0.6").settle("0.6")
    other.reserve("0.1").settle("0.1")
    other.reserve("9").settle("9")
    budgets.reserve("9").settle("9")
    clock.at_us += DAY_US
    budgets.reserve("0.5").settle("0.5")
    budgets.close()
    other.close()
    assert sorted(alert.percent for alert in told) == [50, 50, 100]
    first = min(told, key=lambda alert: (alert.state.at_us, alert.percent))
    assert "60 %" in first.text
    assert "at the present rate" in told[0].text


def test_a_budget_that_cannot_be_asked_lets_calls_through_or_not(
    tmp_path: Path, opened: Callable[..., Budgets], caplog: pytest.LogCaptureFixture
) -> None:
    """A broken file is counted and warned of; whether calls go on then is the user's choice."""
    file = tmp_path / "broken"
    file.write_bytes(b"no database" * 100)
    lenient = opened(None, [budget()], file=file)
    lenient.reserve("5").settle("5")
    assert lenient.failures >= 1
    assert "budgets cannot be asked" in caplog.text
    strict = opened(None, [budget(on_failure="block")], file=file)
    with pytest.raises(BudgetUnavailable, match="'all' cannot be asked"):
        strict.reserve("0.01")


def test_a_busy_file_is_waited_for_and_then_given_up(store: Path, opened: Callable[..., Budgets]) -> None:
    """Another process that holds the file for too long is no reason to wait for ever."""
    budgets = opened(store, [budget(on_failure="block")], timeout_s=0.05)
    budgets.reserve("0.1").settle("0.1")
    other = sqlite3.connect(budgets.path)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(BudgetUnavailable, match="locked"):
        budgets.reserve("0.1")
    held = budgets.states
    other.execute("ROLLBACK")
    other.close()
    assert [state.spent_usd_nanos for state in held()] == [10**8]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no processes that are copies")
def test_a_forked_child_has_its_own_reservations(store: Path, opened: Callable[..., Budgets]) -> None:
    """A child reserves with a connection of its own, and its end gives back what it held, not what the parent does."""
    budgets = opened(store, [budget()])
    budgets.reserve("0.5")
    child = multiprocessing.get_context("fork").Process(target=budgets.reserve, args=("0.4",))
    child.start()
    child.join(10)
    assert child.exitcode == 0
    assert [state.reserved_usd_nanos for state in budgets.states()] == [5 * 10**8]
    budgets.reserve("0.5")


@pytest.mark.parametrize(
    ("arguments", "key"),
    [
        ((None, []), "file"),
        (("usage.db", budget()), "budgets"),
        (("usage.db", [budget(), budget()]), "budgets"),
        (("usage.db", [{"name": "a", "limt": 5}]), "budgets[0].limt"),
        (("missing/usage.db", [budget()]), "file"),
    ],
)
def test_wrong_options_are_errors(arguments: Any, key: str) -> None:
    """A mistake is named at construction."""
    with pytest.raises(ConfigurationError) as caught:
        Budgets(*arguments)
    assert caught.value.key == key


def test_a_call_that_waited_past_midnight_is_held_to_the_day_it_began_in(tmp_path: Path) -> None:
    """It counts for that day, so it must not pass that day's limit, whatever the new one has left."""
    clock = Clock(20_000 * DAY_US - 1000)
    budgets = Budgets(None, [budget(window="day")], file=tmp_path / "file", clock=clock)
    budgets.reserve("0.9").settle("0.9")
    begun = Claim(of={}, at_us=clock.at_us, nanos=200_000_000)
    clock.at_us += 2000
    with pytest.raises(BudgetExceeded):
        budgets.claim(begun)
    budgets.reserve("0.9").release()
    budgets.close()


def test_amounts_that_no_store_knows_outlive_the_store(store: Path, opened: Callable[..., Budgets]) -> None:
    """Where it is made anew, what was settled by hand still counts, and so do calls that were blocked."""
    budgets = opened(store, [budget(window="lifetime")])
    track(store, call(100_000_000))
    budgets.reserve("0.5").settle("0.5")
    budgets.reserve("0.2").settle()
    with pytest.raises(BudgetExceeded):
        budgets.reserve("0.9")
    store.unlink()
    track(store, call(30_000_000))
    assert spent(budgets) == {"": 730_000_000}
    (state,) = budgets.states()
    assert (state.calls, state.blocked_calls) == (3, 1)


def test_windows_that_are_long_over_take_no_room(tmp_path: Path) -> None:
    """Users times hours would fill the file in the end; a lifetime is kept."""
    clock, file = Clock(20_000 * DAY_US), tmp_path / "file"
    limits = [budget(window="hour", each="user"), budget(name="ever", window="lifetime")]
    budgets = Budgets(None, limits, file=file, clock=clock)
    for user in ("ada", "bob"):
        budgets.reserve("0.1", user=user).settle("0.1")
    clock.at_us += 40 * DAY_US
    budgets.reserve("0.1", user="eve").settle("0.1")
    assert {state.subject: state.spent_usd_nanos for state in budgets.states()} == {
        "eve": 100_000_000,
        "": 300_000_000,
    }
    budgets.close()
    with closing(sqlite3.connect(file)) as connection:
        assert {row for (row,) in connection.execute("SELECT subject FROM spent")} == {"eve", ""}
