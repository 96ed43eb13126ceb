"""One sink's way: what the courier does about each thing a sink may say; an hour takes milliseconds on a virtual clock."""

import asyncio
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import anyio
import pytest
from trio.testing import MockClock

from sink_doubles import FailingSink, HangingSink, ListSink, RefusingSink, batch, numbered
from taximeter.courier import Courier, describe
from taximeter.dead_letters import DeadLetter, DeadLetters, read_letters
from taximeter.delivery import Delivery
from taximeter.errors import UnreadableEventError
from taximeter.sinks.batch import Batch
from taximeter.sinks.protocol import Sink
from taximeter.sinks.refusal import AccessDenied, BatchRefused, EventsRefused, PartTaken, TryLater

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> Any:
    """Time jumps to the next deadline whenever everybody waits."""
    return "trio", {"clock": MockClock(autojump_threshold=0)}


def courier_to(sink: Sink, **options: Any) -> Courier:
    return Courier(sink, sink.name, **{"retry_budget_s": 30.0, **options})


async def delivered(courier: Courier, count: int = 1) -> tuple[Delivery, str | None, float]:
    """Write a batch; return its delivery, the reason why it is not settled, and how long that took."""
    delivery, before = Delivery(batch(*numbered(count))), anyio.current_time()
    reason = await courier.write(delivery)
    return delivery, reason, anyio.current_time() - before


class TimedSink(FailingSink):
    """Notes when each attempt was made."""

    def __init__(self, failures: int | None = None, error: BaseException | None = None) -> None:
        super().__init__(failures, error)
        self.times: list[float] = []

    async def write(self, written: Batch) -> None:
        """Fail as told."""
        self.times.append(anyio.current_time())
        await super().write(written)

    @property
    def waits(self) -> list[float]:
        """Seconds between attempts."""
        return [after - before for before, after in zip(self.times, self.times[1:], strict=False)]


# Failures ------------------------------------------------------------------------------------------------------


async def test_the_budget_bounds_all_attempts_together() -> None:
    """When it is used up the reason is returned, and the next batch has a budget of its own."""
    sink = FailingSink()
    courier = courier_to(sink)
    for _ in range(2):
        delivery, reason, took_s = await delivered(courier)
        assert (reason, delivery.is_settled) == ("sink_failed", False)
        assert took_s == pytest.approx(30)
    assert 10 < sink.attempts < 60


async def test_a_hanging_attempt_is_cancelled_when_the_budget_ends() -> None:
    """A sink that does not answer costs its batch the budget, and is one failed attempt."""
    courier = courier_to(HangingSink())
    _, reason, took_s = await delivered(courier)
    assert reason == "sink_timeout"
    assert took_s == pytest.approx(30)
    assert (courier.failed_attempts, courier.last_error) == (1, "timeout")


@pytest.mark.parametrize(
    "error", [SystemExit(1), KeyboardInterrupt(), GeneratorExit(), MemoryError()], ids=repr
)
async def test_whatever_a_sink_raises_is_the_sinks_failure(error: BaseException) -> None:
    """It ends neither the courier nor the thread."""
    delivery, reason, _ = await delivered(courier_to(FailingSink(failures=1, error=error)))
    assert (reason, delivery.is_settled) == (None, True)


async def test_a_failure_at_the_very_end_of_the_budget_is_a_failure() -> None:
    """A sink that answers its cancellation with an error of its own ends nothing but its batch."""

    class Sulking(HangingSink):
        async def write(self, batch: Batch) -> None:
            try:
                await super().write(batch)
            finally:
                raise OSError(5, "Input/output error")

    courier = courier_to(Sulking())
    assert (await delivered(courier))[1] == "sink_failed"
    assert courier.failed_attempts == 1


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_a_sink_that_says_it_was_cancelled_has_failed() -> None:
    """A CancelledError of the sink's own making does not end the courier."""
    _, reason, _ = await delivered(courier_to(FailingSink(failures=1, error=asyncio.CancelledError())))
    assert reason is None


# TryLater and the breaker ----------------------------------------------------------------------------------------


async def test_it_waits_as_long_as_the_sink_asks_for() -> None:
    """At least that, and hardly longer."""
    sink = TimedSink(2, TryLater("503", retry_after_s=12))
    delivery, reason, took_s = await delivered(courier_to(sink))
    assert (reason, delivery.is_settled) == (None, True)
    assert all(12 <= wait_s <= 13.2 for wait_s in sink.waits)
    assert took_s < 27


@pytest.mark.parametrize("asked_s", [-1, -1e12, 0, float("nan"), "soon", None], ids=repr)
async def test_a_wait_that_makes_no_sense_is_not_kept(asked_s: Any) -> None:
    """The courier's own waits apply."""
    sink = TimedSink(2, TryLater(retry_after_s=asked_s))
    await delivered(courier_to(sink))
    assert all(wait_s <= 0.1 for wait_s in sink.waits)


@pytest.mark.parametrize("asked_s", [1e12, float("inf"), 10**400], ids=["1e12", "inf", "huge"])
async def test_a_wait_for_ever_is_clamped(asked_s: float) -> None:
    """To what leaves time for another attempt in the budget; to five minutes where a journal keeps the events."""
    sink = TimedSink(1, TryLater(retry_after_s=asked_s))
    delivery, _, took_s = await delivered(courier_to(sink))
    assert delivery.is_settled
    assert 27 <= took_s < 30
    patient = TimedSink(1, TryLater(retry_after_s=asked_s))
    courier, delivery = courier_to(patient, is_patient=True), Delivery(batch(*numbered(1)))
    while await courier.write(delivery):
        assert not delivery.is_settled
    assert 300 <= patient.waits[0] <= 330


async def test_waits_grow_with_full_jitter_and_the_breaker_opens() -> None:
    """Five failures in a row, soon after each other; from then on seconds, and one attempt at a time."""
    sink = TimedSink()
    courier = courier_to(sink)
    assert courier.state == "closed"
    await delivered(courier)
    assert courier.state == "open"
    assert all(wait_s <= 0.05 * 2**n for n, wait_s in enumerate(sink.waits[:4]))
    assert all(0.5 <= wait_s <= 10 for wait_s in sink.waits[4:])
    first = sink.attempts
    await delivered(courier)
    assert sink.attempts - first <= 7, "what is open for one batch is open for the next"


async def test_a_probe_closes_the_breaker() -> None:
    """While it is made, the state is half open; when it works, everything is as before."""
    seen: list[str] = []

    class Probed(FailingSink):
        async def write(self, written: Batch) -> None:
            seen.append(courier.state)
            await super().write(written)

    courier = courier_to(Probed(failures=6))
    await delivered(courier)
    assert seen == ["closed"] * 5 + ["half_open"] * 2
    assert courier.state == "closed"


async def test_the_end_of_the_program_is_a_last_occasion() -> None:
    """An open breaker lets one attempt through at once when it is told to hurry, and no more."""
    sink = TimedSink()
    courier = courier_to(sink, is_patient=True)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(courier.write, Delivery(batch(*numbered(1))))
        await anyio.sleep(15)
        assert courier.state == "open"
        made = sink.attempts
        courier.hurry()
        await anyio.wait_all_tasks_blocked()
        assert sink.attempts == made + 1
        tasks.cancel_scope.cancel()


async def test_hurrying_does_not_cut_the_wait_that_a_sink_asked_for() -> None:
    """The end of our program is no reason for the server to be less busy."""
    sink = TimedSink(1, TryLater(retry_after_s=20))
    courier = courier_to(sink)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(courier.write, Delivery(batch(*numbered(1))))
        await anyio.sleep(1)
        courier.hurry()
    assert sink.waits[0] >= 20


async def test_denied_access_is_tried_again_slowly() -> None:
    """Half a minute and more apart, five minutes at most, and outside of any budget."""
    sink = TimedSink(8, AccessDenied("403"))
    delivery, reason, _ = await delivered(courier_to(sink))
    assert (reason, delivery.is_settled) == (None, True)
    assert 15 <= sink.waits[0] <= 30
    assert all(wait_s <= 300 for wait_s in sink.waits)
    assert sink.waits[-1] >= 150


# Refusals --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("poison", [[0], [99], [50], [3, 4, 77], list(range(100))], ids=str)
async def test_a_refused_batch_is_bisected_down_to_the_poison_events(poison: list[int]) -> None:
    """One 413 or 422 does not drop a whole batch (seen elsewhere); the others arrive, in order."""
    sink = RefusingSink({f"m{n}": "invalid" for n in poison})
    delivery, reason, _ = await delivered(courier_to(sink), 100)
    assert reason is None
    assert delivery.refused == dict.fromkeys(poison, "invalid")
    assert sink.models == [f"m{n}" for n in range(100) if n not in poison]


async def test_a_batch_that_is_only_too_large_arrives_whole_in_pieces() -> None:
    """Nothing of it is refused."""
    sink = RefusingSink({}, largest=30)
    delivery, _, took_s = await delivered(courier_to(sink), 100)
    assert (delivery.refused, took_s) == ({}, 0)
    assert sink.models == [f"m{n}" for n in range(100)]
    assert [len(written) for written in sink.batches] == [25] * 4


async def test_finding_one_poison_event_takes_few_attempts() -> None:
    """Two for each halving."""
    sink = RefusingSink({"m123": "invalid"})
    await delivered(courier_to(sink), 500)
    assert sink.attempts <= 2 * 10


async def test_partial_success_is_counted_event_by_event() -> None:
    """What the sink says it refused is refused, the rest is delivered and not sent again (seen elsewhere: ignored)."""

    class Partial(ListSink):
        async def write(self, written: Batch) -> None:
            await super().write(written)
            raise EventsRefused({1: "too old", 7: "unknown_field", 99: "no such place", -1: "nor this"})

    sink = Partial()
    delivery, reason, _ = await delivered(courier_to(sink), 10)
    assert reason is None
    assert delivery.refused == {1: "too_old", 7: "unknown_field"}
    assert delivery.dropped() == {"too_old": 1, "unknown_field": 1}
    assert len(sink.batches) == 1


class StepwiseSink(TimedSink):
    """Takes one event at a time, and then has trouble, if it is told to have any; or takes its time."""

    def __init__(self, trouble: Exception | None = None, takes_s: float = 0.0) -> None:
        super().__init__(0)
        self.trouble = trouble
        self.takes_s = takes_s

    async def write(self, written: Batch) -> None:
        """Take the first."""
        await anyio.sleep(self.takes_s)
        self.times.append(anyio.current_time())
        self.events.append(written.events[0])
        raise PartTaken(1, None, self.trouble)


async def test_a_sink_that_gets_on_between_its_failures_is_not_given_up() -> None:
    """What it has taken stays taken, and the waits do not grow: it fails often, but not in a row."""
    sink = StepwiseSink(TryLater("busy"))
    delivery, reason, took_s = await delivered(courier_to(sink), 100)
    assert (reason, delivery.dropped().total(), len(sink.events)) == (None, 0, 100)
    assert took_s < 100 * 0.05


async def test_a_slow_sink_has_its_time_for_each_part_anew() -> None:
    """Hundreds of requests for one batch may take longer than a batch may take."""
    sink = StepwiseSink(takes_s=10.0)
    delivery, reason, took_s = await delivered(courier_to(sink, retry_budget_s=30.0), 10)
    assert (reason, delivery.is_settled) == (None, True)
    assert took_s == pytest.approx(100.0)


async def test_a_part_may_hold_events_that_are_refused() -> None:
    """They are counted at their place in the batch; a part of nothing is a failure like any other."""
    sink = FailingSink(1, PartTaken(3, {1: "too_old"}))
    delivery, reason, _ = await delivered(courier_to(sink), 5)
    assert (reason, delivery.refused, len(sink.events)) == (None, {1: "too_old"}, 2)
    nothing = courier_to(FailingSink(1, PartTaken(0)))
    assert (await delivered(nothing))[1] is None
    assert nothing.failed_attempts == 1


async def test_a_piece_is_the_same_batch_at_every_attempt() -> None:
    """A sink can tell by identity that it comes again, in bisection too."""
    seen: list[Batch] = []

    class Flaky(RefusingSink):
        async def write(self, written: Batch) -> None:
            seen.append(written)
            if seen.count(written) == 1:
                raise OSError(5, "Input/output error")
            await super().write(written)

    await delivered(courier_to(Flaky({"m2": "invalid"})), 4)
    assert all(seen.count(each) == 2 for each in seen)


async def test_an_event_that_a_sink_cannot_read_is_refused() -> None:
    """It does not stand in the way of the others for ever."""

    class Reading(ListSink):
        async def write(self, written: Batch) -> None:
            if any(b'"m1"' in line for line in written.lines):
                raise UnreadableEventError("of a later version")
            await super().write(written)

    sink = Reading()
    delivery, _, _ = await delivered(courier_to(sink), 3)
    assert (delivery.refused, sink.models) == ({1: "unreadable"}, ["m0", "m2"])


async def test_reasons_are_plain_words_and_not_endlessly_many() -> None:
    """A server that says something else each time does not fill the ledger."""
    sink = RefusingSink({f"m{n}": f"id {n}\n\x1b[2J{'x' * 1000}" for n in range(100)})
    delivery, _, _ = await delivered(courier_to(sink), 100)
    reasons = delivery.dropped()
    assert reasons.total() == 100
    assert len(reasons) <= 31
    assert all(reason.isascii() and reason.isprintable() and len(reason) <= 40 for reason in reasons)


# Dead letters ----------------------------------------------------------------------------------------------------


async def test_refused_events_become_dead_letters(tmp_path: Path) -> None:
    """With the sink, the reason and the event as it was offered."""
    letters = DeadLetters(tmp_path / "dead.ndjson", 1 << 20)
    await delivered(courier_to(RefusingSink({"m2": "invalid"}), dead_letters=letters), 4)
    (letter,) = read_letters(letters.path)
    assert isinstance(letter, DeadLetter)
    assert (letter.sink, letter.reason) == ("refusing", "invalid")
    assert b'"m2"' in bytes(letter.event)


async def test_the_count_says_when_a_dead_letter_could_not_be_kept(tmp_path: Path) -> None:
    """Where the file cannot be written, or is full."""
    nowhere = DeadLetters(tmp_path / "missing" / "dead.ndjson", 1 << 20)
    sink = RefusingSink({"m2": "invalid", "m3": "invalid"})
    delivery, _, _ = await delivered(courier_to(sink, dead_letters=nowhere), 4)
    assert delivery.dropped() == {"invalid_unkept": 2}
    small = DeadLetters(tmp_path / "dead.ndjson", batch(*numbered(1)).size_bytes + 150)
    delivery, _, _ = await delivered(courier_to(sink, dead_letters=small), 4)
    assert delivery.dropped() == {"invalid": 1, "invalid_unkept": 1}


# Words -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (PermissionError(13, "Permission denied", "/secret/path"), "PermissionError: Permission denied"),
        (ValueError("https://user:hunter2@host"), "ValueError"),
        (TryLater("503 Service Unavailable\r\n"), "TryLater: 503 Service Unavailable"),
        (AccessDenied(), "AccessDenied"),
        (BatchRefused("too_large", "{...}"), "BatchRefused"),
    ],
    ids=repr,
)
async def test_an_error_is_named_without_its_message(error: Exception, text: str) -> None:
    """A message may quote an event, a path or a password; what a sink says to be shown is shown."""
    assert describe(error) == text


async def test_an_error_of_sqlite_is_named_by_its_code() -> None:
    """Its message could name what the SQL was about."""
    with (
        closing(sqlite3.connect(":memory:")) as connection,
        pytest.raises(sqlite3.OperationalError) as raised,
    ):
        connection.execute("SELECT nothing FROM nowhere")
    assert describe(raised.value) == "OperationalError: SQLITE_ERROR"


# Losses --------------------------------------------------------------------------------------------------------


class LossSink(ListSink):
    """Is told of losses, and hangs or fails as long as it is to."""

    def __init__(self, *, hangs: bool) -> None:
        super().__init__()
        self.hangs = hangs
        self.told: list[dict[str, int]] = []

    async def note_losses(self, _source: str, lost: Mapping[str, int]) -> None:
        """Note them, sooner or never."""
        self.told.append(dict(lost))
        if self.hangs:
            await anyio.sleep_forever()


async def test_losses_are_told_at_once_and_once() -> None:
    """Each time they have changed."""
    sink = LossSink(hangs=False)
    courier = courier_to(sink)
    for lost in (1, 1, 2, 2, 3):
        await courier.note_losses("a tracker", {"queue_full": lost})
    assert [each["queue_full"] for each in sink.told] == [1, 2, 3]


async def test_a_sink_that_hangs_on_losses_holds_batches_up_now_and_then_only() -> None:
    """For a second in half a minute, and once more at the end."""
    sink = LossSink(hangs=True)
    courier = courier_to(sink)
    before = anyio.current_time()
    for _ in range(600):
        await courier.note_losses("a tracker", {"queue_full": 1})
        await anyio.sleep(0.1)
    assert len(sink.told) == 3
    assert anyio.current_time() - before == pytest.approx(63, abs=0.5)
    await courier.note_losses("a tracker", {"queue_full": 1}, at_last=True)
    assert len(sink.told) == 4
