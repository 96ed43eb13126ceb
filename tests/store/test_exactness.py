"""Totals against adding the events up one by one, to the nanodollar."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from random import Random
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from event_samples import call, write_store
from taximeter.event import TaskCompletionEvent
from taximeter.report.dimension import COLUMNS, DIMENSIONS, key_reader
from taximeter.report.group import group_events
from taximeter.report.statistics import percentiles_of
from taximeter.report.window import EPOCH, Window
from taximeter.sinks.layout import QUARTER_US
from taximeter.store import Store
from taximeter.vocabulary import CostStatus, Outcome, TaskType, UsageStatus

ZONES = (
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "Asia/Kathmandu",
    "Australia/Lord_Howe",  # changes its clocks by half an hour
    "America/Santiago",  # has days that begin at one o'clock
    "Africa/Casablanca",
    "Pacific/Chatham",
    "Asia/Tehran",
)
CHANGES = (
    datetime(2026, 3, 8, 7, tzinfo=ZoneInfo("UTC")),
    datetime(2026, 3, 29, 1, tzinfo=ZoneInfo("UTC")),
    datetime(2026, 4, 4, 15, tzinfo=ZoneInfo("UTC")),
    datetime(2026, 4, 5, 3, tzinfo=ZoneInfo("UTC")),
    datetime(2026, 9, 6, 4, tzinfo=ZoneInfo("UTC")),
    datetime(2026, 10, 3, 15, tzinfo=ZoneInfo("UTC")),
    datetime(2026, 10, 25, 1, tzinfo=ZoneInfo("UTC")),
    datetime(2026, 11, 1, 6, tzinfo=ZoneInfo("UTC")),
)
"""Hours at which clocks are changed somewhere among the zones."""
CHANGES_US = [(change - EPOCH) // timedelta(microseconds=1) for change in CHANGES]
DAY_US = 96 * QUARTER_US


def made_up_calls() -> list[TaskCompletionEvent]:
    """Return calls of the days around changes of clocks, many of them on the edge of a quarter of an hour."""
    random = Random(6)
    return [made_up_call(random) for _ in range(600)]


def made_up_call(random: Random) -> TaskCompletionEvent:
    at_us = random.choice(CHANGES_US) + random.randrange(-DAY_US, DAY_US)
    if random.random() < 0.3:
        at_us = at_us // QUARTER_US * QUARTER_US - random.choice((0, 1))
    amount: tuple[int | None, ...] = (None, 0, 1, random.randrange(10**12))
    return call(
        random.choice((None, "small", "large")),
        random.choice(amount),
        started_at_us=at_us,
        requested_model=random.choice((None, "small")),
        provider=random.choice(("openai", "anthropic")),
        agent=random.choice((None, "reviewer", "")),
        user=random.choice((None, "u-1", "u-2")),
        task_type=random.choice((TaskType.PLANNING, TaskType("a word of their own"))),
        tags=random.choice((None, {}, {"team": "search"}, {"team": "platform", "tier": "é"})),
        outcome=random.choice(list(Outcome)),
        usage_status=random.choice(list(UsageStatus)),
        cost_status=random.choice(list(CostStatus)),
        error_status=random.choice((None, 200, 429)),
        actual_input_tokens=random.choice(amount),
        actual_output_tokens=random.choice(amount),
        cache_read_tokens=random.choice(amount),
        billable_units=random.choice((None, {}, {"search_unit": 1})),
        actual_cost_usd_micros=random.choice(amount),
        task_duration_ms=random.choice((None, random.lognormvariate(6, 1), 12.0)),
    )


CALLS = made_up_calls()
INSTANTS = (
    st.none()
    | st.sampled_from(CHANGES_US)
    | st.builds(
        lambda change, quarters, off: change + quarters * QUARTER_US + off,
        st.sampled_from(CHANGES_US),
        st.integers(-200, 200),
        st.sampled_from((0, 0, 1, -1, 123_456_789)),
    )
)
WINDOWS = st.builds(Window, INSTANTS, INSTANTS)
NAMES = (*DIMENSIONS, "tag:team", "tag:tier")
WHERE = st.dictionaries(
    st.sampled_from((*COLUMNS, "tag:team", "tag:tier")),
    st.sampled_from((None, "small", "openai", "reviewer", "", "u-1", "search", "é", "planning", "success")),
    max_size=2,
)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """The calls in a store, which every question is asked of."""
    path = write_store(tmp_path_factory.mktemp("exactness") / "usage.db", CALLS)
    with Store(path) as store:
        yield store


def chosen(where: dict[str, str | None]) -> list[TaskCompletionEvent]:
    read_key = key_reader(where, EPOCH.tzinfo or ZoneInfo("UTC"))
    return [event for event in CALLS if read_key(event) == tuple(where.values())]


@settings(deadline=None, max_examples=200)
@given(st.lists(st.sampled_from(NAMES), max_size=3, unique=True), WHERE, WINDOWS, st.sampled_from(ZONES))
@example(["day"], {}, Window(), "Australia/Lord_Howe")
@example(
    ["hour", "model"],
    {"agent": None},
    Window(CHANGES_US[6] - DAY_US, CHANGES_US[6] + DAY_US),
    "Europe/Berlin",
)
def test_any_question_is_answered_exactly(
    store: Store, by: list[str], where: dict[str, str | None], window: Window, zone: str
) -> None:
    """Any grouping and filter in any window and zone, days of 23, 23.5, 24.5 and 25 hours among them."""
    expected = group_events(chosen(where), by, window=window, zone=ZoneInfo(zone))
    assert store.totals(by, where=where, window=window, zone=ZoneInfo(zone)) == expected


@settings(deadline=None, max_examples=100)
@given(WHERE, WINDOWS)
def test_percentiles_are_exact(store: Store, where: dict[str, str | None], window: Window) -> None:
    """Whole milliseconds that many calls share, and fractions, come out as sorting all of them would have it."""
    times = [event.task_duration_ms for event in chosen(where) if event.started_at_us in window]
    expected = percentiles_of([time for time in times if time is not None])
    assert store.statistics(where=where, window=window).latency == expected
