"""Canaries: keys in every text that comes by, and not a byte of them in anything that leaves memory."""

import logging
import os
import sqlite3
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
import pytest

import taximeter
from console_script import run
from secret_samples import NAMED, SECRETS
from sink_doubles import FailingSink, ListSink
from taximeter.sinks.batch import Batch
from taximeter.sinks.refusal import EventsRefused

CANARIES = (*SECRETS.values(), *(f"{name}{value}@host" for name, value in NAMED.values()))
NEEDLES = (b"Zq7Rt2", b"Kj5Lm0Np", b"QZ7RT2", b"correct-horse", b"enE3cnQ6", b"1234abcd-12ab", b"eyJhbGci")


class LeakyError(Exception):
    """An error that quotes the key, in its text and in its repr."""

    def __init__(self) -> None:
        super().__init__(*CANARIES)


class LeakySink(ListSink):
    """Refuses with an error that quotes keys, and then takes what comes."""

    name = "leaky"
    failures = 2

    async def write(self, batch: Batch) -> None:  # noqa: D102 - the protocol's
        if self.failures:
            self.failures -= 1
            raise LeakyError
        await super().write(batch)
        if len(self.batches) == 1:
            raise EventsRefused({0: CANARIES[0], 1: CANARIES[1]})


def events() -> list[taximeter.TaskCompletionEvent]:
    """Return events with a canary in each of the fields that hold text."""
    found = []
    for canary in CANARIES:
        fields: dict[str, Any] = dict.fromkeys(
            ("model", "user", "error_type", "agent", "session", "run_id"), canary
        )
        found += [
            taximeter.TaskCompletionEvent(**fields, tags={"note": f"see {canary}", canary: "x"}),
            taximeter.TaskCompletionEvent(raw_usage={"note": [canary]}, finish_reasons=(canary,)),
        ]
    return found


def leaks(data: bytes) -> list[bytes]:
    return [needle for needle in NEEDLES if needle in data]


@pytest.mark.parametrize("write_through", [False, True])
@pytest.mark.skipif(sys.platform == "win32", reason="the journal needs flock")
def test_no_byte_of_a_key_leaves_memory(
    write_through: bool, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Journal, SQLite with its log, NDJSON, dead letters, log records, our own warnings, receipts, repr: 0 bytes."""
    leaky = LeakySink()
    caplog.set_level(logging.DEBUG)
    with taximeter.start(
        tmp_path / "usage.db",
        tmp_path / "events.ndjson",
        "log:INFO",
        leaky,
        journal=tmp_path / "journal",
        write_through=write_through,
        close_timeout_s=20,
    ) as tracker:
        assert all(map(tracker.track_task_completion, events()))
        for canary in CANARIES:
            tracker.count_loss(canary)
        receipt = tracker.flush()
        journal = b"".join(path.read_bytes() for path in (tmp_path / "journal").glob("*.*"))
        files = b"".join(path.read_bytes() for path in tmp_path.iterdir() if path.is_file())
        spoken = f"{tracker!r}{tracker.sinks!r}{receipt!r}{tracker.ledger()!r}".encode()
    ours = "\n".join(
        record.getMessage() for record in caplog.records if record.name.startswith("taximeter")
    ).encode()
    refused = {"usage.db": 0, "events.ndjson": 0, "log": 0, "leaky": 2}
    assert receipt.delivered == {name: len(events()) - n for name, n in refused.items()}
    assert (tmp_path / "journal" / "dead-letters.ndjson").read_bytes().count(b"\n") == 2
    written = [line for batch in leaky.batches for line in batch.lines]
    assert len(written) == len(events())
    assert ours.count(b"LLM call") == len(events())
    assert leaks(journal + files + spoken + ours + b"\n".join(written)) == []


def test_a_traceback_of_ours_quotes_no_key(tmp_path: Path) -> None:
    """An address with a password that cannot be a sink is refused without repeating it."""
    with pytest.raises(taximeter.ConfigurationError) as refused:
        taximeter.start("gopher://reader:Zq7Rt2Vw9Xy@host/usage")
    assert leaks(f"{refused.value!r} {refused.value}".encode()) == []


HOSTILE = "a\r\nb\u2028c\x1b[31md\x00e\x85f\u2029g\x7f"


def test_no_value_forges_a_line(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """CR, LF, U+2028, ANSI in any text: one event is one line, in files and in logs."""
    failing = FailingSink(error=OSError(5, HOSTILE))
    failing.name = HOSTILE
    with (
        caplog.at_level(logging.INFO),
        taximeter.start(tmp_path / "events.ndjson", "log:INFO", failing, retry_budget_s=0.05) as tracker,
    ):
        for n in range(3):
            tracker.track_task_completion(
                taximeter.TaskCompletionEvent(
                    model=f"{HOSTILE}{n}", tags={HOSTILE: HOSTILE}, finish_reasons=(HOSTILE,)
                )
            )
        tracker.count_loss(HOSTILE)
    assert len((tmp_path / "events.ndjson").read_bytes().split(b"\n")) == 4
    lines = [record.getMessage() for record in caplog.records if record.name.startswith("taximeter")]
    assert len(lines) >= 4
    assert all(line.isprintable() for line in lines), lines


def test_no_value_steers_the_terminal(tmp_path: Path) -> None:
    """What the command line prints of such events is printable, line by line."""
    with taximeter.start(tmp_path / "usage.db", journal=tmp_path / "journal") as tracker:
        hostile = dict.fromkeys(("model", "user", "agent", "provider", "run_id"), HOSTILE)
        tracker.track_task_completion(msgspec.structs.replace(taximeter.TaskCompletionEvent(), **hostile))
        tracker.count_loss(HOSTILE)
    with closing(sqlite3.connect(tmp_path / "usage.db")) as connection:
        (event_id,) = connection.execute("SELECT event_id FROM events LIMIT 1").fetchone()
    dimensions = [part for field in ("model", "user", "agent", "provider", "run") for part in ("--by", field)]
    for command in (["report", *dimensions], ["why", event_id], ["journal", "status", "journal"]):
        done = run(*command, cwd=tmp_path)
        assert done.returncode == 0, (command, done.stderr)
        assert [line for line in done.stdout.split("\n") if not line.isprintable()] == []


def test_what_it_makes_is_its_owners_alone(tmp_path: Path) -> None:
    """Whatever the umask: files 0600, SQLite's log and index included, folders 0700."""
    before = os.umask(0)
    try:
        with taximeter.start(
            tmp_path / "usage.db", tmp_path / "events.ndjson", journal=tmp_path / "journal"
        ) as tracker:
            tracker.track_task_completion(taximeter.TaskCompletionEvent())
            tracker.flush()
            made = {path: path.stat().st_mode & 0o777 for path in tmp_path.rglob("*")}
    finally:
        os.umask(before)
    assert {path.name for path in made} >= {
        "usage.db",
        "usage.db-wal",
        "usage.db-shm",
        "events.ndjson",
        "journal",
    }
    assert {path: mode for path, mode in made.items() if mode != (0o700 if path.is_dir() else 0o600)} == {}
