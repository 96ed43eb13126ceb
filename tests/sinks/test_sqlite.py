"""What SQLite promises on top of the contract."""
# ruff: noqa: ASYNC240 - a test looks at its files while nothing else runs on its loop

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anyio
import msgspec
import pytest

from sink_doubles import batch, numbered, run_program
from taximeter.courier import Courier
from taximeter.delivery import Delivery
from taximeter.errors import UnreadableEventError
from taximeter.event import CallFailedEvent, CallFailedPayload, CallStartedEvent, TaskCompletionEvent
from taximeter.sinks.batch import batch_of
from taximeter.sinks.layout import LAYOUT_VERSION, VIEWS
from taximeter.sinks.sqlite import SqliteSink
from taximeter.vocabulary import Operation, Outcome, TaskType

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    """The flusher's loop is asyncio's."""
    return "asyncio"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "usage.db"


@pytest.fixture
def database(path: Path) -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(path, isolation_level=None, timeout=0)
    connection.row_factory = sqlite3.Row
    yield connection
    connection.close()


async def written(path: Path, *events: Any) -> None:
    sink = SqliteSink(path)
    await sink.write(batch(*events))
    await sink.aclose()


@pytest.mark.parametrize("junk", [b"{}", b"\xff", b"[" * 100_000, b'{"type":"NO_SUCH_EVENT"}'], ids=repr)
async def test_a_line_that_is_no_event_is_named_as_such(path: Path, junk: bytes) -> None:
    """So that the courier can take it out of its batch; nothing of the batch is written."""
    good = batch(*numbered(2)).lines
    sink = SqliteSink(path)
    with pytest.raises(UnreadableEventError):
        await sink.write(batch_of([*good, junk]))
    delivery = Delivery(batch_of([*good, junk, *batch(*numbered(1)).lines]))
    assert await Courier(sink, "usage.db", retry_budget_s=5).write(delivery) is None
    await sink.aclose()
    assert delivery.refused == {2: "unreadable"}


async def test_every_field_has_its_column(path: Path, database: sqlite3.Connection) -> None:
    """Names are the event's; numbers are numbers, words text, nested values JSON, unknown is null."""
    event = TaskCompletionEvent(
        operation=Operation.CHAT,
        model="m",
        streaming=True,
        outcome=Outcome("of another version"),
        task_duration_ms=12.5,
        finish_reasons=("stop", "length"),
        error_retryable=False,
        actual_input_tokens=7,
        billable_units={"web_search": 2},
        raw_usage={"a": {"b": [1, None]}},
        quality_gates_run=3,
        quality_gates_failed=("lint",),
        task_type=TaskType.PLANNING,
        tags={"k": "é"},
    )
    await written(path, event)
    (row,) = database.execute("SELECT * FROM events").fetchall()
    assert tuple(row.keys()) == (*TaskCompletionEvent.__struct_fields__, "position")
    nested = {
        "finish_reasons": '["stop","length"]',
        "billable_units": '{"web_search":2}',
        "raw_usage": '{"a":{"b":[1,null]}}',
        "quality_gates_failed": '["lint"]',
        "tags": '{"k":"é"}',
    }
    assert dict(row) == msgspec.structs.asdict(event) | nested | {
        "streaming": 1,
        "error_retryable": 0,
        "position": 1,
    }
    assert type(row["quality_gates_run"]) is int


async def test_lifecycle_events_have_a_table_of_their_own(path: Path, database: sqlite3.Connection) -> None:
    """Their type is a column, their payload JSON."""
    failed = CallFailedEvent(run_id="r", payload=CallFailedPayload(call_id="c", retryable=True))
    await written(path, CallStartedEvent(), failed)
    rows = database.execute("SELECT type, run_id, payload FROM call_events ORDER BY rowid").fetchall()
    assert [tuple(row) for row in rows] == [
        ("LLM_CALL_STARTED", None, "{}"),
        ("LLM_CALL_FAILED", "r", '{"call_id":"c","retryable":true}'),
    ]


async def test_a_table_of_an_older_version_is_widened(path: Path, database: sqlite3.Connection) -> None:
    """Its rows stay, the columns it lacks are added, and the views show them."""
    await written(path, TaskCompletionEvent(event_id="old", model="before"))
    for view in VIEWS:
        database.execute(f"DROP VIEW {view}")
    database.execute("ALTER TABLE event_rows DROP COLUMN session")
    await written(path, TaskCompletionEvent(event_id="new", model="m", session="s"))
    rows = database.execute("SELECT event_id, model, session FROM events ORDER BY position").fetchall()
    assert [tuple(row) for row in rows] == [("old", "before", None), ("new", "m", "s")]
    assert database.execute("PRAGMA user_version").fetchone()[0] == LAYOUT_VERSION


async def test_a_table_of_a_newer_version_is_left_alone(path: Path, database: sqlite3.Connection) -> None:
    """Columns unknown here stay null, and the version is not lowered."""
    await written(path)
    database.execute("ALTER TABLE event_rows ADD COLUMN mood TEXT")
    database.execute("DROP VIEW events")
    database.execute(
        "CREATE VIEW events AS SELECT model, mood FROM event_rows JOIN profiles USING (profile_id)"
    )
    database.execute("PRAGMA user_version = 9")
    await written(path, *numbered(1))
    assert tuple(database.execute("SELECT * FROM events").fetchone()) == ("m0", None)
    assert database.execute("PRAGMA user_version").fetchone()[0] == 9


async def test_an_event_that_is_there_stays_as_it_is(path: Path, database: sqlite3.Connection) -> None:
    """Another batch with the same id changes nothing and fails nothing."""
    await written(path, TaskCompletionEvent(event_id="one", model="first"))
    await written(
        path, TaskCompletionEvent(event_id="one", model="second"), TaskCompletionEvent(model="third")
    )
    assert [row["model"] for row in database.execute("SELECT model FROM events ORDER BY position")] == [
        "first",
        "third",
    ]


async def test_integers_beyond_64_bits_are_left_out(path: Path, database: sqlite3.Connection) -> None:
    """SQLite has no larger ones; the event is not lost for it, and its neighbours keep their order."""
    await written(
        path, *numbered(2), TaskCompletionEvent(model="big", actual_input_tokens=2**70), *numbered(1)
    )
    rows = database.execute("SELECT model, actual_input_tokens FROM events ORDER BY position").fetchall()
    assert [tuple(row) for row in rows] == [("m0", None), ("m1", None), ("big", None), ("m0", None)]


async def test_a_batch_is_written_whole_or_not_at_all(path: Path, database: sqlite3.Connection) -> None:
    """When a row in the middle is refused, none of its batch is there."""
    await written(path)
    database.execute(
        "CREATE TRIGGER no_m150 BEFORE INSERT ON profiles WHEN new.model = 'm150' BEGIN SELECT RAISE(ABORT, 'no'); END"
    )
    with pytest.raises(sqlite3.IntegrityError):
        await written(path, *numbered(200))
    assert database.execute("SELECT count(*) FROM events").fetchone()[0] == 0


async def test_it_waits_for_another_writer(path: Path, database: sqlite3.Connection) -> None:
    """A lock that is let go in time is never seen by the caller."""
    await written(path)
    database.execute("BEGIN IMMEDIATE")
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(written, path, *numbered(1))
        await anyio.wait_all_tasks_blocked()
        database.execute("ROLLBACK")
    assert database.execute("SELECT count(*) FROM events").fetchone()[0] == 1


async def test_it_does_not_wait_for_ever(path: Path, database: sqlite3.Connection) -> None:
    """A lock that is never let go is this attempt's failure."""
    await written(path)
    database.execute("BEGIN IMMEDIATE")
    with pytest.raises(sqlite3.OperationalError, match="locked"):
        await SqliteSink(path, busy_timeout_s=0).write(batch(*numbered(1)))


async def test_a_long_reader_does_not_hold_it_up(path: Path, database: sqlite3.Connection) -> None:
    """Write-ahead logging: who reads sees the state it began with."""
    await written(path, *numbered(1))
    database.execute("BEGIN")
    assert database.execute("SELECT count(*) FROM events").fetchone()[0] == 1
    await written(path, *numbered(2))
    assert database.execute("SELECT count(*) FROM events").fetchone()[0] == 1
    database.execute("COMMIT")
    assert database.execute("SELECT count(*) FROM events").fetchone()[0] == 3


async def test_a_database_that_was_moved_away_is_made_anew(path: Path) -> None:
    """Events do not vanish into a file without a name."""
    sink = SqliteSink(path)
    await sink.write(batch(*numbered(1)))
    for suffix in ("", "-wal", "-shm"):
        path.with_name(path.name + suffix).rename(path.with_name("old.db" + suffix))
    await sink.write(batch(*numbered(2)))
    await sink.aclose()
    connection = sqlite3.connect(path)
    assert connection.execute("SELECT count(*) FROM events").fetchone()[0] == 2
    connection.close()


async def test_a_file_that_is_no_database_is_left_alone(path: Path) -> None:
    """The attempt fails and the file keeps what it had."""
    path.write_bytes(b"my diary, page one, which is longer than a header of SQLite" * 10)
    with pytest.raises(sqlite3.DatabaseError):
        await written(path, *numbered(1))
    assert path.read_bytes().startswith(b"my diary")


async def test_inserting_says_how_many_were_new(path: Path) -> None:
    """Of both kinds of events, and where an integer has to be left out half way."""
    huge = TaskCompletionEvent(actual_input_tokens=2**63)
    first, second = numbered(2)
    sink = SqliteSink(path)
    assert await sink.insert(batch(first, CallStartedEvent())) == 2
    assert await sink.insert(batch(first, second, huge, second)) == 2
    assert await sink.insert(batch(first, second, huge)) == 0
    await sink.aclose()


@pytest.mark.parametrize(("durable", "level"), [(False, 1), (True, 2)])
async def test_a_durable_sink_syncs_with_every_commit(path: Path, *, durable: bool, level: int) -> None:
    """Whoever forgets an event once it is stored has to be able to rely on that."""
    sink = SqliteSink(path, durable=durable)
    await sink.write(batch(*numbered(1)))
    assert sink._connection
    assert sink._connection.execute("PRAGMA synchronous").fetchone() == (level,)
    await sink.aclose()


def test_processes_that_write_together_lose_nothing(tmp_path: Path) -> None:
    """Each waits for the others; none of them sees a locked database."""
    code = (
        "import taximeter\n"
        "with taximeter.start('usage.db', batch_max_events=20) as tracker:\n"
        "    for _ in range(1000): tracker.track_task_completion(taximeter.TaskCompletionEvent())\n"
        "receipt = tracker.receipt()\n"
        "assert receipt.complete and not receipt.sinks['usage.db'].failed_attempts, receipt\n"
    )
    run_program(
        "import subprocess, sys\n"
        f"programs = [subprocess.Popen([sys.executable, '-c', {code!r}]) for _ in range(4)]\n"
        "assert [program.wait() for program in programs] == [0] * 4\n",
        tmp_path,
        timeout_s=60,
    )
    connection = sqlite3.connect(tmp_path / "usage.db")
    assert connection.execute("SELECT count(*) FROM events").fetchone() == (4000,)
    connection.close()
