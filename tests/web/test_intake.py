"""The body of a request, to rows and a result."""

import gzip
import json
import sqlite3
from pathlib import Path
from typing import Any

import anyio
import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from receiver_server import models_in
from sink_doubles import numbered
from taximeter.event import CallStartedEvent, Event, encode_event
from taximeter.http_contract import BatchResult, LossesNoted, LossReport
from taximeter.sinks.sqlite import SqliteSink
from taximeter.store import Store
from taximeter.web.intake import BODY_MAX_BYTES, Intake, RefusedError

TASK = '{"type":"TASK_COMPLETION","event_id":"%s"}'


def body(*events: Event | str) -> bytes:
    """Return the events as a body; those that are text stand there as they are."""
    lines = [event if isinstance(event, str) else encode_event(event).decode() for event in events]
    return f'{{"events":[{",".join(lines)}]}}'.encode()


@pytest.fixture
async def intake(tmp_path: Path) -> Any:
    made = Intake(SqliteSink(tmp_path / "usage.db"))
    yield made
    await made.aclose()


@pytest.mark.anyio
async def test_events_are_stored_before_the_result_is_there(intake: Intake, tmp_path: Path) -> None:
    """Another process can read them at once."""
    result = await intake.take(body(*numbered(3)), is_gzip=False)
    assert result == BatchResult(accepted=3, duplicates=0)
    assert models_in(tmp_path / "usage.db") == ["m0", "m1", "m2"]


@pytest.mark.anyio
async def test_losses_are_kept_and_told_twice_count_once(intake: Intake, tmp_path: Path) -> None:
    """A source tells all that it has lost since it began."""
    for lost in ({"queue_full": 3}, {"queue_full": 3}, {"queue_full": 5, "too_large": 1}):
        report = msgspec.json.encode(LossReport("a tracker", lost))
        assert await intake.note(report, is_gzip=False) == LossesNoted(sum(lost.values()))
    with Store(tmp_path / "usage.db") as store:
        assert store.lost() == {"queue_full": 5, "too_large": 1}


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("{", 400),
        ("[]", 422),
        ('{"source":"s"}', 422),
        ('{"source":"","lost":{}}', 422),
        ('{"source":"s","lost":{"":1}}', 422),
        ('{"source":"s","lost":{"queue_full":-1}}', 422),
        ('{"source":"s","lost":{"queue_full":1.5}}', 422),
        ('{"source":"s","lost":{"queue_full":9223372036854775807}}', 422),
        (json.dumps({"source": "s", "lost": dict.fromkeys(map(str, range(101)), 1)}), 422),
        (json.dumps({"source": "s" * 129, "lost": {}}), 422),
    ],
    ids=lambda value: str(value)[:50],
)
async def test_what_tells_no_losses_is_refused(intake: Intake, text: str, status: int) -> None:
    """With where it is wrong, and quoting nothing."""
    with pytest.raises(RefusedError) as refused:
        await intake.note(text.encode(), is_gzip=False)
    assert refused.value.status == status


@pytest.mark.anyio
async def test_an_id_that_is_there_adds_nothing(intake: Intake, tmp_path: Path) -> None:
    """Whether it came before, comes twice in one batch, or as another kind of event did not."""
    first, second, third = numbered(3)
    await intake.take(body(first), is_gzip=False)
    result = await intake.take(body(first, second, second, third, CallStartedEvent()), is_gzip=False)
    assert result == BatchResult(accepted=3, duplicates=2)
    assert models_in(tmp_path / "usage.db") == ["m0", "m1", "m2"]


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("event", "reason", "event_id"),
    [
        ("7", "invalid", None),
        ("null", "invalid", None),
        ('{"event_id":7,"type":"TASK_COMPLETION"}', "invalid", None),
        ('{"type":"TASK_COMPLETION"}', "missing_id", None),
        (TASK % "", "missing_id", None),
        (TASK % ("x" * 129), "missing_id", None),
        ('{"event_id":"e"}', "unknown_type", "e"),
        ('{"event_id":"e","type":"LLM_CALL_PAUSED"}', "unknown_type", "e"),
        ('{"event_id":"e","type":"TASK_COMPLETION","attempt":"first"}', "invalid", "e"),
        ('{"event_id":"e","type":"TASK_COMPLETION","attempt":9223372036854775808}', "invalid", "e"),
        ('{"event_id":"e","type":"TASK_COMPLETION","user":"%s"}' % ("x" * (1 << 20)), "too_large", "e"),
    ],
    ids=lambda value: str(value)[:50],
)
async def test_an_event_that_cannot_be_stored(
    intake: Intake, tmp_path: Path, event: str, reason: str, event_id: str | None
) -> None:
    """It is rejected with a reason, and its neighbours are stored."""
    before, after = numbered(2)
    result = await intake.take(body(before, event, after), is_gzip=False)
    (rejection,) = result.rejected
    assert (rejection.index, rejection.reason, rejection.event_id) == (1, reason, event_id)
    assert (result.accepted, result.duplicates) == (2, 0)
    assert models_in(tmp_path / "usage.db") == ["m0", "m1"]


@pytest.mark.anyio
async def test_a_batch_of_nothing_is_one(intake: Intake) -> None:
    """It is a way to see whether the token is right."""
    assert await intake.take(body(), is_gzip=False) == BatchResult(accepted=0, duplicates=0)


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("data", "is_gzip", "status", "error"),
    [
        (b"", False, 400, "not_json"),
        (b"{", False, 400, "not_json"),
        (b'{"events":[{]}', False, 400, "not_json"),
        (b'{"events":["\xff"]}', False, 400, "not_json"),
        (b'{"events":[' + b"[" * 100_000, False, 400, "not_json"),
        (
            b'{"events":[{"type":"LLM_CALL_FAILED","event_id":"e","payload":{"x":"\xff"}}]}',
            False,
            400,
            "not_json",
        ),
        (b"[]", False, 422, "not_a_batch"),
        (b"{}", False, 422, "not_a_batch"),
        (b'{"events":{}}', False, 422, "not_a_batch"),
        (body(), True, 400, "not_gzip"),
        (b"", True, 400, "not_gzip"),
        (gzip.compress(body())[:-4], True, 400, "not_gzip"),
        (gzip.compress(body()) + b"more", True, 400, "not_gzip"),
        (gzip.compress(bytes(BODY_MAX_BYTES + 1)), True, 413, "too_large"),
        (gzip.compress(bytes(1 << 28), 1), True, 413, "too_large"),
    ],
    ids=[
        "nothing",
        "cut",
        "no value",
        "no UTF-8",
        "deep",
        "no UTF-8 below",
        "list",
        "no events",
        "events as object",
        "not packed",
        "nothing packed",
        "packed and cut",
        "packed and more",
        "unpacks to too much",
        "bomb",
    ],
)
async def test_a_body_that_cannot_be_read(
    intake: Intake, data: bytes, *, is_gzip: bool, status: int, error: str
) -> None:
    """It is refused as a whole, with a word for programs and a sentence for people; a bomb is not unpacked."""
    with pytest.raises(RefusedError) as raised:
        await intake.take(data, is_gzip=is_gzip)
    assert (raised.value.status, raised.value.problem.error) == (status, error)
    assert raised.value.problem.detail


@pytest.mark.anyio
async def test_a_refusal_quotes_nothing(intake: Intake) -> None:
    """What was sent could be shown to somebody else."""
    for data in (b'{"events":"canary"}', b'{"events":[canary]}'):
        with pytest.raises(RefusedError) as raised:
            await intake.take(data, is_gzip=False)
        assert "canary" not in raised.value.problem.detail


@pytest.mark.anyio
async def test_batches_that_come_at_once_are_all_stored(intake: Intake, tmp_path: Path) -> None:
    """One after the other, whole."""
    results = []

    async def take(data: bytes) -> None:
        results.append(await intake.take(data, is_gzip=False))

    async with anyio.create_task_group() as tasks:
        for _ in range(10):
            tasks.start_soon(take, body(*numbered(20)))
    assert results == [BatchResult(accepted=20, duplicates=0)] * 10
    assert len(models_in(tmp_path / "usage.db")) == 200


@pytest.mark.anyio
async def test_a_store_that_fails_is_an_error(intake: Intake, tmp_path: Path) -> None:
    """And works again when it can be opened."""
    (tmp_path / "usage.db").mkdir()
    with pytest.raises((OSError, sqlite3.Error)):
        await intake.take(body(*numbered(1)), is_gzip=False)
    (tmp_path / "usage.db").rmdir()
    assert (await intake.take(body(*numbered(1)), is_gzip=False)).accepted == 1


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)
FIELDS = st.sampled_from(["event_id", "type", "model", "attempt", "tags", "raw_usage", "payload", "ts_us"])
EVENTS = st.lists(JSON | st.dictionaries(FIELDS, JSON | st.sampled_from(["TASK_COMPLETION", "e1", "e2"])))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=25)
@given(EVENTS)
def test_every_event_is_accounted_for(tmp_path: Path, events: list[Any]) -> None:
    """Accepted, a duplicate or rejected: whatever was sent, and what was rejected once is rejected again."""

    async def take_twice() -> list[BatchResult]:
        intake = Intake(SqliteSink(tmp_path / "usage.db"))
        data = json.dumps({"events": events}).encode()
        results = [await intake.take(data, is_gzip=False) for _ in range(2)]
        await intake.aclose()
        return results

    first, again = anyio.run(take_twice)
    for result in (first, again):
        assert result.accepted + result.duplicates + len(result.rejected) == len(events)
    assert again == msgspec.structs.replace(first, accepted=0, duplicates=first.accepted + first.duplicates)
