"""What calls will consume is foreseen from the calls that were, and holds as often as it says."""

import gzip
import json
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

import taximeter
from event_samples import write_lines, write_store
from histories import HISTORIES, MINUTE_US, START_US, answered, steady
from taximeter.builder import EventBuilder
from taximeter.event import TaskCompletionEvent
from taximeter.forecast import Forecast
from taximeter.recording import UnreadableRecordingError, read_recording, replay_recording
from taximeter.store import open_store
from taximeter.vocabulary import Outcome

CORPUS = Path(__file__).parents[2].parent / "shared" / "corpus" / "dev.jsonl.gz"
NOW_US = START_US + 100_000 * MINUTE_US
MINI: dict[str, Any] = {"provider": "openai", "model": "gpt-4o-mini", "at_us": START_US}


def taught(events: Iterable[TaskCompletionEvent]) -> Forecast:
    forecast = Forecast()
    for event in events:
        forecast.learn(event)
    return forecast


@pytest.mark.parametrize("history", HISTORIES.values(), ids=HISTORIES)
def test_p90_holds_nine_times_in_ten(history: Callable[[int], Iterator[TaskCompletionEvent]]) -> None:
    """Steady, drifting, heavy-tailed or of many thin groups: 87 to 93 % stay within, each foreseen from earlier ones."""
    *_, total = taught(history(1500)).calibration()
    assert total.output.calls == total.cost.calls == 1500
    assert total.output.p90_share == pytest.approx(0.9, abs=0.03)
    assert total.cost.p90_share == pytest.approx(0.9, abs=0.03)
    assert total.output.p50_share == pytest.approx(0.5, abs=0.05)


def test_p90_holds_for_kinds_that_were_hardly_ever_seen() -> None:
    """Thin history is no excuse: the first call of a kind, and those after a few, are covered as well."""
    rows = taught(HISTORIES["thin"](2000)).calibration()
    assert [row.history for row in rows[:3]] == ["0", "1 to 4", "5 to 19"]
    for row in rows[:3]:
        assert row.output.calls > 300
        assert row.output.p90_share == pytest.approx(0.9, abs=0.045)


def recorded_events() -> Iterator[TaskCompletionEvent]:
    builder = EventBuilder()
    with gzip.open(CORPUS) as lines:
        for line in lines:
            try:
                event = replay_recording(read_recording(line), builder).event
            except UnreadableRecordingError:
                continue
            if event is not None:
                yield msgspec.structs.replace(event, agent=json.loads(line)["source"]["repo"])


@pytest.mark.skipif(not CORPUS.exists(), reason="the recorded traffic is not on this machine")
def test_p90_holds_for_recorded_calls() -> None:
    """Of the calls that projects of all sorts have recorded, 87 to 93 % are within what the earlier ones foresaw."""
    *_, total = taught(recorded_events()).calibration()
    assert total.output.calls > 2000
    assert total.output.p90_share == pytest.approx(0.9, abs=0.03)
    assert total.cost.p90_share == pytest.approx(0.9, abs=0.03)


def test_an_expectation_tells_tokens_money_and_what_it_rests_on() -> None:
    """What such calls have written comes back as p50 and p90, at today's prices and with the input in question."""
    forecast = taught(answered(at, 100 + at % 10, agent="a", task_type="planning") for at in range(200))
    found = forecast.expect(**MINI, agent="a", task_type="planning", input_tokens=9000)
    assert (found.input_tokens, found.input_basis) == (9000, "given")
    assert found.output_tokens_p50 in range(100, 108)
    assert found.output_tokens_p90 in range(found.output_tokens_p50 + 1, 120)
    assert found.cost_p50_usd_nanos in range(9000 * 150 + 100 * 600, 9000 * 150 + 110 * 600)
    assert (found.samples, found.level) == (200, "agent, task, model and complexity")
    assert "200 calls" in found.basis


def test_the_closest_kind_with_history_counts() -> None:
    """A model never used for a task is told by the task; a task never seen by the model."""
    planning = [answered(at, 1000, task_type="planning", agent="p") for at in range(50)]
    others = [answered(at, 10, task_type="classification", agent="c") for at in range(50, 100)]
    forecast = taught(planning + others)
    by_task = forecast.expect(provider="anthropic", model="claude-opus-4-1", task_type="planning")
    assert (by_task.output_tokens_p50, by_task.level) == (1000, "task")
    assert forecast.expect(**MINI, task_type="review").level == "model"
    assert forecast.expect(provider="openai", model="gpt-6").level == "family of models"
    assert forecast.expect(provider="x", model="y").level == "operation"


def test_without_history_there_is_a_guess_that_says_so() -> None:
    """The first call ever has wide bounds, no samples, and a cost only where its input is known."""
    found = Forecast().expect(**MINI)
    assert (found.samples, found.input_tokens, found.cost_p90_usd_nanos) == (0, None, None)
    assert found.output_tokens_p90 > 3 * found.output_tokens_p50
    assert Forecast().expect(**MINI, input_tokens=100).cost_p90_usd_nanos is not None


def test_a_model_without_a_price_has_tokens_and_no_cost() -> None:
    """Unknown is None, never zero, and a job of such calls counts them as unpriced."""
    job = taught(steady(50)).expect_job(20, provider="acme", model="in-house", input_tokens=10)
    assert (job.cost_p50_usd_nanos, job.each.cost_p90_usd_nanos, job.each.is_priced) == (None, None, False)
    assert job.unpriced_calls == 20
    assert job.output_tokens_p50 > 0


def test_a_cap_cuts_what_is_expected() -> None:
    """The caller's `max_tokens`, as an argument or in the request, bounds output and cost."""
    forecast = taught(answered(at, 500) for at in range(50))
    request = {"messages": [{"role": "user", "content": "hi"}], "max_tokens": 40}
    assert forecast.expect(**MINI, max_tokens=30).output_tokens_p90 == 30
    found = forecast.expect(**MINI, request=request)
    assert (found.output_tokens_p90, found.input_basis) == (40, "length of the request")


def test_input_that_nobody_names_is_taken_from_history() -> None:
    """Each past call then keeps its own input, so that the cost is that of such calls."""
    found = taught(answered(at, 10, taken=4000) for at in range(100)).expect(**MINI)
    assert (found.input_tokens, found.input_basis) == (4000, "history")
    assert found.cost_p50_usd_nanos == 4000 * 150 + 10 * 600


def test_cached_input_and_discounts_are_foreseen() -> None:
    """What calls of a kind read from the cache, and what they paid beside the list, moves the cost of the next."""
    cached = {"cache_read_tokens": 1000, "actual_cost_usd_nanos": 1000 * 75 + 6000}
    halved = {"actual_cost_usd_nanos": 78_000}
    for fields, nanos in ((cached, 2000 * 75 + 6000), (halved, (2000 * 150 + 6000) // 2)):
        forecast = taught(answered(at, 10, **fields) for at in range(100))
        assert forecast.expect(**MINI, input_tokens=2000).cost_p50_usd_nanos == nanos


def test_the_p90_of_a_sum_is_not_the_sum_of_p90s() -> None:
    """Many calls make up for one another: a job's p90 lies between its p50 and the sum of the calls' p90s."""
    forecast = taught(steady(800))
    job = forecast.expect_job(1000, **MINI, input_tokens=500)
    assert (job.cost_p50_usd_nanos or 0) < (job.cost_p90_usd_nanos or 0)
    assert (job.cost_p90_usd_nanos or 0) < 1000 * (job.each.cost_p90_usd_nanos or 0)
    assert job.input_tokens == 500_000
    one = forecast.expect_job(1, **MINI, input_tokens=500)
    assert one.cost_p90_usd_nanos == one.each.cost_p90_usd_nanos


def test_calls_that_ended_early_teach_nothing() -> None:
    """Failures, cut streams and calls without usage say nothing of what a whole call consumes."""
    forecast = Forecast()
    assert not forecast.learn(answered(outcome=Outcome.CANCELLED))
    assert not forecast.learn(answered(actual_output_tokens=None, actual_input_tokens=None))
    assert forecast.learn(answered())


@pytest.mark.parametrize("write", [write_store, write_lines])
def test_a_store_is_read_once_and_then_gone_on_from(tmp_path: Path, write: Callable[..., Path]) -> None:
    """A file of either kind, or an open store, teaches; `refresh` learns only what is newer."""
    events = list(steady(60))
    forecast = Forecast.from_store(write(tmp_path / "events", events[:40]), now_us=NOW_US)
    assert forecast.calibration()[-1].output.calls == 40
    with open_store(write(tmp_path / "more", events)) as store:
        assert forecast.refresh(store) == 20
        assert forecast.refresh(store) == 0


def test_what_is_too_old_is_left_out(tmp_path: Path) -> None:
    """Only the last days count."""
    path = write_store(tmp_path / "usage.db", steady(60))
    late = Forecast.from_store(path, days=1, now_us=START_US + (24 * 60 + 49) * MINUTE_US)
    assert late.calibration()[-1].output.calls == 10


def test_of_a_large_store_the_newest_calls_are_enough(tmp_path: Path) -> None:
    """To a whole hour: there is nothing more to learn from the rest, and it would take long."""
    path = write_store(tmp_path / "usage.db", steady(300))  # five hours of them
    few = Forecast.from_store(path, most_calls=70, now_us=NOW_US)
    assert few.calibration()[-1].output.calls == 120


def test_a_file_that_is_yet_to_be_written_may_be_missing(tmp_path: Path) -> None:
    """A mistyped path is an error, unless it is said that the file may not be there yet."""
    with pytest.raises(taximeter.ConfigurationError, match="existing file"):
        Forecast.from_store(tmp_path / "none.db")
    assert Forecast.from_store(tmp_path / "none.db", missing_ok=True).expect(**MINI).samples == 0


def test_what_was_learned_goes_into_json_and_back() -> None:
    """Another process expects the same, knows how forecasts have held, and goes on learning alike."""
    forecast = taught(steady(120))
    copy = Forecast.from_json(forecast.to_json())
    assert copy.to_json() == forecast.to_json()
    asked: dict[str, Any] = {**MINI, "agent": "a1", "input_tokens": 700}
    assert copy.expect(**asked) == forecast.expect(**asked)
    for each in (copy, forecast):
        each.learn(answered(500, 77, agent="a1"))
    assert copy.expect(**asked) == forecast.expect(**asked)


LOST_CALL = b'{"learned_until_us":null,"calls":[],"groups":[[[1],[5]]],"output":[],"cost":[]}'


@pytest.mark.parametrize("data", [b"", b"{}", b"[1]", LOST_CALL])
def test_what_is_no_forecast_is_refused(data: bytes) -> None:
    """Damaged or foreign data is an error that says what was expected."""
    with pytest.raises(taximeter.ConfigurationError, match="to_json"):
        Forecast.from_json(data)


@pytest.mark.parametrize(
    ("make", "key"),
    [
        (lambda: Forecast(catalog="prices"), "catalog"),  # type: ignore[arg-type] # the mistake to be shown
        (lambda: Forecast(count_tokens=4), "count_tokens"),  # type: ignore[arg-type] # as above
        (lambda: Forecast.from_store("usage.db", days=0), "days"),
        (lambda: Forecast.from_store("usage.db", most_calls=0), "most_calls"),
        (lambda: Forecast().expect_job(0, provider="openai"), "calls"),
    ],
)
def test_mistakes_are_named(make: Callable[[], object], key: str) -> None:
    """What cannot work is an error that names it."""
    with pytest.raises(taximeter.ConfigurationError, match=key):
        make()


@pytest.mark.parametrize("call", [{}, {"provider": "openai", "modle": "gpt-4o"}])
def test_what_cannot_be_said_of_a_call_is_a_type_error(call: Any) -> None:
    """A slip in a name is not passed over."""
    with pytest.raises(TypeError, match=r"modle|provider"):
        Forecast().expect(**call)
