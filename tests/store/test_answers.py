"""What can be asked of events, of a SQLite file and of a file of lines alike."""

import tempfile
from collections.abc import Callable
from datetime import date, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

import anyio
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from event_samples import HOUR_US, NOVEMBER_US, call, write_lines, write_store
from sink_doubles import batch
from taximeter.errors import ConfigurationError
from taximeter.event import TaskCompletionEvent
from taximeter.identifier import new_event_id
from taximeter.report.daily_cost import DailyCost
from taximeter.report.statistics import percentiles_of
from taximeter.report.totals import Totals
from taximeter.report.window import EPOCH, Window, last_days
from taximeter.sinks.sqlite import SqliteSink
from taximeter.store import AsyncStore, EventFile, Store, open_store
from taximeter.vocabulary import Outcome

DAY_US = 24 * HOUR_US
ZONES = sorted(available_timezones())
Open = Callable[[list[TaskCompletionEvent]], Store | EventFile]


def sunk(path: Path, events: list[TaskCompletionEvent]) -> Path:
    """Write events as the sink does."""

    async def write() -> None:
        sink = SqliteSink(path)
        await sink.write(batch(*events))
        await sink.aclose()

    anyio.run(write)
    return path


@pytest.fixture(params=["plain table", "sink", "lines"])
def kept(request: pytest.FixtureRequest, tmp_path: Path) -> Open:
    """Keep events in a file of each kind and open it."""
    if request.param == "plain table":
        return lambda events: Store(write_store(tmp_path / "usage.db", events))
    if request.param == "sink":
        return lambda events: Store(sunk(tmp_path / "usage.db", events))
    return lambda events: EventFile(write_lines(tmp_path / "events.ndjson", events))


def local_day(event: TaskCompletionEvent, zone: ZoneInfo) -> date:
    return (EPOCH + timedelta(microseconds=event.started_at_us)).astimezone(zone).date()


def changes(zone: ZoneInfo, year: int) -> list[int]:
    """Return the hours of a year after which the zone's clocks show something else, in Unix microseconds."""
    start = int(EPOCH.replace(year=year).timestamp() * 1_000_000)
    offsets = [
        ((EPOCH + timedelta(microseconds=start + n * HOUR_US)).astimezone(zone).utcoffset(), n)
        for n in range(366 * 24)
    ]
    return [start + n * HOUR_US for (a, n), (b, _) in pairwise(offsets) if a != b]


ZONES_THAT_CHANGE = [
    "America/New_York",
    "America/Santiago",
    "Africa/Casablanca",
    "Asia/Beirut",
    "Australia/Lord_Howe",
    "Europe/Berlin",
    "Pacific/Chatham",
]


@st.composite
def calls_around_a_change(draw: st.DrawFn) -> tuple[ZoneInfo, list[TaskCompletionEvent]]:
    """Draw a zone and calls within two days of one of its changes of clocks, or of the first of November."""
    name = draw(st.sampled_from(ZONES_THAT_CHANGE) | st.sampled_from(ZONES))
    zone = ZoneInfo(name)
    centre = draw(st.sampled_from([NOVEMBER_US, *(CHANGES.get(name) or [NOVEMBER_US])]))
    times = draw(st.lists(st.integers(-2 * DAY_US, 2 * DAY_US), max_size=30))
    costs = st.none() | st.integers(0, 10**9)
    agents = st.sampled_from([None, "reviewer"])
    return zone, [
        call(
            nanos=draw(costs),
            started_at_us=centre + at,
            agent=draw(agents),
            task_duration_ms=draw(st.none() | st.integers(0, 100).map(float)),
        )
        for at in times
    ]


CHANGES = {name: changes(ZoneInfo(name), 2026) for name in ZONES_THAT_CHANGE}


@settings(deadline=None, max_examples=40)
@given(calls_around_a_change(), st.sampled_from([None, "reviewer"]))
def test_daily_costs_are_what_adding_up_by_hand_gives(
    drawn: tuple[ZoneInfo, list[TaskCompletionEvent]], agent: str | None
) -> None:
    """Every call is on its local day, on days of 23, 24 and 25 hours; statistics have the same calls."""
    zone, events = drawn
    by_hand: dict[date, Totals] = {}
    for event in events:
        if event.agent == agent:
            by_hand.setdefault(local_day(event, zone), Totals()).add(event)
    expected = [
        DailyCost(day=day, **msgspec.structs.asdict(totals)) for day, totals in sorted(by_hand.items())
    ]
    total = Totals()
    for totals in by_hand.values():
        total.merge(totals)
    timed = [e.task_duration_ms for e in events if e.agent == agent and e.task_duration_ms is not None]
    with (
        tempfile.TemporaryDirectory() as folder,
        Store(sunk(Path(folder) / "usage.db", events)) as store,
    ):
        assert store.daily_costs(agent=agent, tz=zone) == expected
        found = store.statistics(agent=agent)
    assert (found.totals, found.latency) == (total, percentiles_of(timed))


@settings(deadline=None)
@given(st.sampled_from(ZONES), st.integers(NOVEMBER_US, NOVEMBER_US + 400 * DAY_US), st.integers(1, 40))
def test_the_last_days_begin_at_a_midnight(name: str, now_us: int, days: int) -> None:
    """The first instant of the window is the first of its day, and today is the last of so many days."""
    zone = ZoneInfo(name)
    since_us = last_days(days, zone, now_us=now_us).since_us
    assert since_us is not None

    def day_of(at_us: int) -> date:
        return (EPOCH + timedelta(microseconds=at_us)).astimezone(zone).date()

    assert day_of(now_us) - day_of(since_us) == timedelta(days=days - 1)
    assert day_of(since_us - 1) < day_of(since_us)


def test_days_and_their_statistics_are_of_the_same_calls(kept: Open) -> None:
    """A call of now is today's; one of 40 days ago is not among the last seven."""
    now = call(started_at_us=TaskCompletionEvent().started_at_us)
    old = call(started_at_us=now.started_at_us - 40 * DAY_US)
    with kept([old, now]) as store:
        (today,) = store.daily_costs(days=7, tz="Asia/Kathmandu")
        found = store.statistics(days=7, tz="Asia/Kathmandu")
        assert len(store.daily_costs()) == store.statistics().totals.calls == 2
    assert (today.calls, found.totals.calls, today.money) == (1, 1, "$12.40")


def test_statistics_say_how_calls_went(kept: Open) -> None:
    """Outcomes, times and caches of the calls that were asked for."""
    events = [
        call(task_duration_ms=float(ms), time_to_first_token_ms=ms / 2, cache_read_tokens=500, agent="a")
        for ms in range(1, 101)
    ]
    events += [call(None, None, outcome=Outcome.FAILURE, error_status=429, agent="a"), call(agent="b")]
    with kept(events) as store:
        found = store.statistics(agent="a")
    assert (found.totals.calls, found.success_rate) == (101, 100 / 101)
    assert (found.latency.p50_ms, found.latency.p95_ms, found.latency.p99_ms) == (50.0, 95.0, 99.0)
    assert found.time_to_first_token.p99_ms == 49.5
    assert found.cache_hit_share == pytest.approx(500 * 100 / (1000 * 101))


def test_recent_calls_are_the_newest_first(kept: Open) -> None:
    """As many as asked for, of those that were asked for; at the same time the later id comes first."""
    ids = [new_event_id() for _ in range(5)]
    times = [3, 1, 2, 3, 5]
    events = [
        call(event_id=event_id, started_at_us=NOVEMBER_US + at, agent="b" if at == 5 else "a")
        for event_id, at in zip(ids, times, strict=True)
    ]
    with kept(events) as store:
        assert [event.event_id for event in store.recent(3, agent="a")] == [ids[3], ids[0], ids[2]]
        assert [event.event_id for event in store.recent()] == [ids[4], ids[3], ids[0], ids[2], ids[1]]
        assert store.recent(window=Window(NOVEMBER_US + 6)) == []


def test_calls_are_chosen_and_grouped_by_tag(kept: Open) -> None:
    """A tag is a dimension like any other, and its name is data, never code."""
    hostile = 'a\' OR "1"=1 --'
    events = [call(tags={"tool": "search", hostile: "x"}), call(tags={"tool": "edit"}), call()]
    with kept(events) as store:
        found = store.totals(["tag:tool"])
        assert {group.key: group.totals.calls for group in found} == {
            ("search",): 1,
            ("edit",): 1,
            (None,): 1,
        }
        assert store.statistics(where={"tag:tool": "edit"}).totals.calls == 1
        assert [event.tags for event in store.recent(where={f"tag:{hostile}": "x"})] == [events[0].tags]


@pytest.mark.parametrize(
    ("question", "arguments", "message"),
    [
        ("recent", {"limit": 0}, "limit=0: must be a whole number from 1 to 1,000,000,000"),
        ("recent", {"agnet": "a"}, "where='agnet': must be one of .* did you mean 'agent'"),
        ("daily_costs", {"tz": "Mars/Olympus"}, "tz='Mars/Olympus'"),
        ("daily_costs", {"days": 0}, "days=0"),
        ("statistics", {"days": True}, "days=True"),
        ("statistics", {"where": {"day": "x"}}, "where='day'"),
    ],
)
def test_a_wrong_question_is_refused(kept: Open, question: str, arguments: Any, message: str) -> None:
    """With the key, the value and what is allowed."""
    with kept([call()]) as store, pytest.raises(ConfigurationError, match=message):
        getattr(store, question)(**arguments)


@pytest.mark.anyio
async def test_coroutines_ask_the_same_questions(tmp_path: Path) -> None:
    """The answers are those of the store, opened when first asked and closed at the end."""
    path = write_store(tmp_path / "usage.db", [call(agent="a"), call()])
    with Store(path) as store:
        async with AsyncStore(path) as asked:
            assert await asked.daily_costs(agent="a", tz="Asia/Tokyo") == store.daily_costs(
                agent="a", tz="Asia/Tokyo"
            )
            assert await asked.statistics(agent="a") == store.statistics(agent="a")
            assert await asked.totals(["agent"]) == store.totals(["agent"])
            (newest,) = await asked.recent(1)
            assert await asked.event(newest.event_id) == newest
    missing = AsyncStore(tmp_path / "nothing.db")
    with pytest.raises(ConfigurationError, match="an existing file"):
        await missing.recent()


@pytest.mark.parametrize("write", [write_store, write_lines])
def test_events_are_chosen_as_totals_are(tmp_path: Path, write: Callable[..., Path]) -> None:
    """Whoever goes through the events can ask for some of them, as for some of the totals."""
    path = write(
        tmp_path / "events", [call(agent="a"), call(agent="a", nanos=None), call(), call("o3", agent="a")]
    )
    with open_store(path) as store:
        assert len(list(store.events(where={"agent": "a", "model": "gpt-4o"}))) == 2
        assert len(list(store.events(where={"agent": None}))) == 1
        assert len(list(store.events(where={"agent": "a"}, lacking_price=True))) == 1
        with pytest.raises(ConfigurationError, match="colour"):
            list(store.events(where={"colour": "red"}))
